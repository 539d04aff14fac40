"""What a person decided about learned comfort: whether it is used, from when on it learns, and what they accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from controller.contract.comfort import LearnedVacuum, VacuumSuggestion
from controller.database.database import Statement
from controller.history.comfort.comfort_model import Key
from controller.history.history_store import HistoryStore

_SAVE = """
INSERT INTO comfort (station, learning, since) VALUES (:station, :learning, :since)
ON CONFLICT (station) DO UPDATE SET learning = excluded.learning, since = excluded.since
"""
_SAVE_LEARNED = """
INSERT INTO comfort_learned (station, side, phase, mmhg, because, since, too_much_mmhg)
VALUES (:station, :side, :phase, :mmhg, :because, :since, :too_much_mmhg)
ON CONFLICT (station, side, phase)
DO UPDATE SET mmhg = excluded.mmhg, because = excluded.because, since = excluded.since,
    too_much_mmhg = excluded.too_much_mmhg
"""
_PLAIN = ("side", "phase", "mmhg", "because", "too_much_mmhg")  # stored as they are
_FORGET = "DELETE FROM comfort_learned WHERE station = :station"


class ComfortState(NamedTuple):
    """`since`: nothing from before counts; `None`: everything does. `known`: what was learned or accepted."""

    learning: bool
    since: datetime | None
    known: dict[Key, LearnedVacuum]


async def read_state(store: HistoryStore, station: str) -> ComfortState:
    """Return what was decided at a station. Raise `HistoryError`."""
    rows = await store.read("SELECT * FROM comfort WHERE station = :station", station=station)
    known = await store.read("SELECT * FROM comfort_learned WHERE station = :station", station=station)
    learned = [LearnedVacuum(**{name: row[name] for name in _PLAIN}, since=_time(row["since"])) for row in known]
    return ComfortState(
        learning=bool(rows[0]["learning"]) if rows else True,
        since=_time(rows[0]["since"]) if rows and rows[0]["since"] else None,
        known={(each.side, each.phase): each for each in learned},
    )


async def save_learned(store: HistoryStore, station: str, learned: Iterable[LearnedVacuum]) -> None:
    """Save what was learned or accepted, in place of what was before. Raise `HistoryError`."""
    rows = [each.model_dump(mode="json") | {"since": each.since.timestamp(), "station": station} for each in learned]
    await store.write(*(Statement(_SAVE_LEARNED, row) for row in rows))


async def turn(store: HistoryStore, station: str, *, on: bool) -> None:
    """Use what is learned, or not; nothing that was learned is lost. Raise `HistoryError`."""
    state = await read_state(store, station)
    since = state.since.timestamp() if state.since else 0.0
    await store.write(Statement(_SAVE, {"station": station, "learning": int(on), "since": since}))


async def reset(store: HistoryStore, station: str, now: datetime) -> None:
    """Learn anew from now on. Raise `HistoryError`."""
    state = await read_state(store, station)
    row = {"station": station, "learning": int(state.learning), "since": now.timestamp()}
    await store.write(Statement(_SAVE, row), Statement(_FORGET, {"station": station}))


async def accept(store: HistoryStore, station: str, suggestions: Iterable[VacuumSuggestion], now: datetime) -> None:
    """Save that the person accepted these. Raise `HistoryError`."""
    known = (await read_state(store, station)).known
    accepted = [accepted_vacuum(each, known, now) for each in suggestions]
    await save_learned(store, station, accepted)


def accepted_vacuum(suggestion: VacuumSuggestion, known: Mapping[Key, LearnedVacuum], now: datetime) -> LearnedVacuum:
    """Return what an accepted suggestion makes of what was learned."""
    side, phase = suggestion.side, suggestion.phase
    before = known.get((side, phase))
    too_much_mmhg = None if before is None else before.too_much_mmhg
    return LearnedVacuum(
        side=side, phase=phase, mmhg=suggestion.mmhg, because="accepted", since=now, too_much_mmhg=too_much_mmhg
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
