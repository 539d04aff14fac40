"""The store: what bodies and stations must not forget, the sessions there were, and events that wait for a broker.

SQLAlchemy comes with the first store that is opened, so that commands that need none do not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from controller.backlog import Backlog, ShortBacklog
from controller.events import Event, Item
from controller.memory import Identity, Memory, Remembered, ShortMemory
from controller.store import stamp
from controller.store.sessions import Sessions
from controller.store.stamp import Stamp

if TYPE_CHECKING:
    from controller.store.opening import Opened


class Store:
    """One file, held by one controller until it is closed or its process ends. Made by `open` or `opened`.

    A file that cannot be used still makes a store: it remembers what could be read, keeps nothing, lets nothing start,
    and says why in `trouble`. `backlog`: the events that no broker has acknowledged yet.
    """

    def __init__(self, path: Path, opened: Opened, now: Callable[[], Stamp]) -> None:
        from controller.store.backlog import StoredBacklog
        from controller.store.writer import Writer

        self._lock = opened.lock
        self._trouble = opened.trouble
        self._contents = opened.contents
        self._writer: Writer | None = None
        self.backlog: Backlog = ShortBacklog()
        if opened.trouble is None:
            self._writer = Writer(path, opened.files)
            self.backlog = StoredBacklog(opened.contents.left, self._writer)
        self._now = now
        self._memories: dict[str, Memory] = {}
        self._sessions = Sessions()

    @classmethod
    async def open(cls, path: Path, now: Callable[[], Stamp] = stamp.now) -> Self:
        """Open the file at `path`, and make it where there is none. Raise `InUseError`."""
        # SQLAlchemy takes half a second to import: beside the event loop.
        await asyncio.to_thread(import_module, "controller.store.stored_memory")
        from controller.store.opening import open_in_time

        return cls(path, await open_in_time(path, now()), now)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path, now: Callable[[], Stamp] = stamp.now) -> AsyncIterator[Self]:
        """Open the file at `path` for a block. Raise `InUseError`."""
        async with await cls.open(path, now) as store:
            yield store

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be kept now, with the remedy; `None` when all is well."""
        return self._trouble if self._writer is None else self._writer.trouble

    def memory(self, name: str) -> Memory:
        """Return the memory of a body or station, with what it knew when the store was opened."""
        if name not in self._memories:
            self._memories[name] = self._memory(name, self._contents.remembered.get(name, Remembered()))
        return self._memories[name]

    def left_behind(self, names: Collection[str]) -> dict[str, dict[str, Identity]]:
        """Return the devices that may still run, by the bodies and stations that are not among these any more."""
        return {
            name: known.running
            for name, known in self._contents.remembered.items()
            if known.running and name not in names
        }

    def watch(self, item: Item) -> None:
        """Take in one item of the stream: sessions are kept as they begin, end, and get their milk logged."""
        row = self._sessions.row_after(item) if isinstance(item, Event) else None
        if row is None or self._writer is None:
            return
        from controller.store.tables import SESSION

        self._writer.put(SESSION, row.model_dump())

    async def close(self) -> None:
        """Write what waits, within a second, and let go of the file."""
        try:
            if self._writer is not None:
                await self._writer.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _memory(self, name: str, remembered: Remembered) -> Memory:
        if self._writer is None:
            return ShortMemory(remembered, self._trouble)
        from controller.store.stored_memory import StoredMemory

        return StoredMemory(name, remembered, self._writer, self._now, self._contents.next_use)
