"""Stored milk as interfaces use it: what there is, and what was done with it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from controller.contract.stash import Container, MovementKind, StashArgs
from controller.history.history_store import HistoryStore
from controller.history.stash.stash_model import Movement, StashError, containers
from controller.history.stash.stash_store import add, movements
from controller.safety.message import message


class StashKeeper:
    """The stored milk in a history. Each method raises `HistoryError`."""

    def __init__(self, store: HistoryStore) -> None:
        self._store = store

    async def containers(self, station: str) -> Sequence[Container]:
        """Return what still holds milk, the nearest best-before first."""
        return containers(await movements(self._store, station))

    async def move(self, station: str, args: StashArgs) -> Sequence[Container]:
        """Note what was done, and return what there is then. Raise `StashError` where it does not fit."""
        name = _printable(args.container)
        if not name:
            raise StashError(message("stash_name"))
        movement = Movement(
            id=uuid.uuid4().hex,
            station=station,
            container=name,
            kind=args.kind,
            place=args.place,
            ml=await self._ml(station, name, args),
            moved_at=datetime.now(UTC),
            expressed_at=args.expressed_at,
        )
        return await add(self._store, movement)

    async def _ml(self, station: str, name: str, args: StashArgs) -> float:
        """Return how much a movement is about; all of it where milk is discarded, or used and no amount was given."""
        if args.kind is MovementKind.DISCARDED or (args.kind is MovementKind.USED and args.ml is None):
            return next((each.ml for each in await self.containers(station) if each.name == name), 0.0)
        return args.ml or 0.0 if args.kind in (MovementKind.STORED, MovementKind.USED) else 0.0


def _printable(name: str) -> str:
    """Return a name in one line."""
    return " ".join("".join(each if each.isprintable() else " " for each in name).split())
