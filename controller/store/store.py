"""The store: what the stations must not forget, the sessions there were, and events that wait for a broker.

SQLAlchemy comes with the first store that is opened, so that commands that need none do not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from controller.backlog import Backlog
from controller.events import Event, Item
from controller.memory import Memory, Remembered
from controller.store.sessions import Sessions

if TYPE_CHECKING:
    from controller.store.opening import Opened


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """One file, held by one controller until it is closed or its process ends. Made by `open` or `opened`.

    `backlog`: the events that no broker has acknowledged yet.
    """

    def __init__(self, path: Path, opened: Opened, now: Callable[[], datetime]) -> None:
        from controller.store.backlog import StoredBacklog
        from controller.store.writer import Writer

        self._lock = opened.lock
        self._writer = Writer(path)
        self._remembered = opened.remembered
        self.backlog: Backlog = StoredBacklog(opened.left, self._writer)
        self._now = now
        self._memories: dict[str, Memory] = {}
        self._sessions = Sessions()

    @classmethod
    async def open(cls, path: Path, now: Callable[[], datetime] = _utc_now) -> Self:
        """Open the file at `path`, and make it where there is none. Raise `StoreError`."""
        # SQLAlchemy takes half a second to import, and the disk its time: both beside the event loop.
        await asyncio.to_thread(import_module, "controller.store.station")
        from controller.store.opening import open_file

        return cls(path, await asyncio.to_thread(open_file, path, now()), now)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path) -> AsyncIterator[Self]:
        """Open the file at `path` for a block. Raise `StoreError`."""
        async with await cls.open(path) as store:
            yield store

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now; `None` when all is well."""
        return self._writer.trouble

    def memory(self, station: str) -> Memory:
        """Return the memory of a station, with what it knew when the store was opened."""
        from controller.store.station import StationMemory

        if station not in self._memories:
            remembered = self._remembered.get(station, Remembered())
            self._memories[station] = StationMemory(station, remembered, self._writer, self._now)
        return self._memories[station]

    def left_behind(self, stations: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the devices that may still run, by the stations that are not among these any more."""
        return {
            station: known.running
            for station, known in self._remembered.items()
            if known.running and station not in stations
        }

    def watch(self, item: Item) -> None:
        """Take in one item of the stream: sessions are kept as they begin, end, and get their milk logged."""
        from controller.store.tables import SESSION

        row = self._sessions.row_after(item) if isinstance(item, Event) else None
        if row is not None:
            self._writer.put(SESSION, row.model_dump())

    async def close(self) -> None:
        """Write what waits, within a second, and let go of the file."""
        try:
            await self._writer.close()
        finally:
            self._lock.release()
