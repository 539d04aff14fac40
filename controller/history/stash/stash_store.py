"""Movements of stored milk in the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from controller.contract.stash import Container
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.stash.stash_model import Movement, after_movement, containers

_ADD = """
INSERT INTO stash_movement (id, station, container, number, kind, place, ml, moved_at, expressed_at, note)
VALUES (:id, :station, :container, :number, :kind, :place, :ml, :moved_at, :expressed_at, :note)
ON CONFLICT (station, container, number) DO NOTHING
"""
_TIMES = ("moved_at", "expressed_at")


async def movements(store: HistoryStore, station: str) -> list[Movement]:
    """Return all movements of a station, those of each container in their order. Raise `HistoryError`."""
    query = "SELECT * FROM stash_movement WHERE station = :station ORDER BY container, number"
    return [
        Movement(
            **{name: row[name] for name in Movement.model_fields if name not in _TIMES},
            **{name: None if row[name] is None else datetime.fromtimestamp(row[name], UTC) for name in _TIMES},
        )
        for row in await store.read(query, station=station)
    ]


async def add(store: HistoryStore, movement: Movement) -> Sequence[Container]:
    """Add a movement, and return what there is then. Raise `StashError` if it does not fit, else `HistoryError`.

    If somebody else moved the same container at the same moment, it is checked against that, and tried again.
    """
    while True:
        before = await movements(store, movement.station)
        kept = {each.name: each for each in containers(before)}
        after_movement(kept.get(movement.container), movement)
        number = sum(each.container == movement.container for each in before)
        row = movement.model_dump(mode="json") | {"number": number}
        for name in _TIMES:
            time: datetime | None = getattr(movement, name)
            row[name] = time and time.timestamp()
        if await store.write(Statement(_ADD, row, must_change=True)):
            return containers([*before, movement])
