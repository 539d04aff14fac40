"""The store: what safety needs of bodies and stations, and events that no broker has acknowledged yet."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import Self

from controller.contract.event_data import SessionFinishedData, SessionStartedData
from controller.contract.events import Event
from controller.database.database import Row, Statement
from controller.journal import timestamp
from controller.journal.journal_target import JournalWriter, open_writer
from controller.journal.opening import OpenedStore, open_in_time
from controller.journal.stored_persistence import StoredBacklog, StoredPersistence, delete, put
from controller.journal.tables import UNDER_WAY, as_text
from controller.journal.timestamp import Timestamp
from controller.mqtt.backlog import Backlog
from controller.safety.persistence import DeviceIdentity, InMemoryPersistence, Persistence, SavedState

_SETTLE_SECONDS = 1.0


class Store:
    """One file, locked by one controller until it is closed or its process ends. Created by `open` or `opened`.

    A file that cannot be used still makes a store: it has the state that was readable, saves nothing, allows no start,
    and says why in `problem`. `backlog`: the events that no broker has acknowledged yet.
    """

    def __init__(self, path: Path, opened: OpenedStore, now: Callable[[], Timestamp]) -> None:
        self._lock = opened.lock
        self._problem = opened.problem
        self._data = opened.data
        self._writer: JournalWriter | None = None
        self.backlog = Backlog()
        if opened.problem is None:
            self._writer = open_writer(path, opened.files)
            self.backlog = StoredBacklog(opened.data.unpublished, opened.data.sequence, self._writer)
        self._now = now
        self._persistences: dict[str, Persistence] = {}
        # The session of each station, as in the table. One that a crash cut off stays until its end was published.
        self.under_way: dict[str, Row] = {row["station"]: row for row in opened.data.interrupted_sessions}

    @classmethod
    async def open(cls, path: Path, now: Callable[[], Timestamp] = timestamp.now) -> Self:
        """Open the file at `path`, or create it. Raise `InUseError`."""
        return cls(path, await open_in_time(path, now()), now)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path, now: Callable[[], Timestamp] = timestamp.now) -> AsyncIterator[Self]:
        """Open the file at `path` for a block. Raise `InUseError`."""
        store = await cls.open(path, now)
        try:
            yield store
        finally:
            await store.close()

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved now, with the remedy; `None` if everything can."""
        return self._problem if self._writer is None else self._writer.problem

    def persistence(self, name: str) -> Persistence:
        """Return the persistence of a body or station, with its state as it was when the store was opened."""
        if name not in self._persistences:
            saved = self._data.states.get(name, SavedState())
            if self._writer is None:
                self._persistences[name] = InMemoryPersistence(saved, self._problem)
            else:
                self._persistences[name] = StoredPersistence(name, saved, self._writer, self._now, self._data.next_use)
        return self._persistences[name]

    def orphaned_devices(self, names: Collection[str]) -> dict[str, dict[str, DeviceIdentity]]:
        """Return the devices that may still run at bodies and stations other than `names`, by body or station."""
        return {name: state.running for name, state in self._data.states.items() if state.running and name not in names}

    @property
    def interrupted_sessions(self) -> Sequence[Row]:
        """The sessions that were under way when the controller ended last, as in the table `under_way`."""
        return self._data.interrupted_sessions

    @property
    def earlier_sessions(self) -> Sequence[Row]:
        """The sessions that an earlier version kept in this file, and that the history has not taken over yet."""
        return self._data.earlier_sessions

    def forget_earlier_sessions(self) -> None:
        """Delete them: the history has them."""
        self._data.earlier_sessions.clear()
        if self._writer is not None:
            self._writer.put("earlier sessions", Statement("DELETE FROM earlier_session"))

    def watch(self, event: Event) -> None:
        """Save which session is under way at a station: after a crash, it was interrupted."""
        if self._writer is None or event.session_id is None:
            return
        match event.data:
            case SessionStartedData() as data:
                session = {"id": event.session_id, "routine": data.routine, "side": data.side.value}
                session |= {"station": event.station, "began_at": as_text(event.time)}
                self.under_way[event.station] = session
                put(self._writer, UNDER_WAY, session)
            case SessionFinishedData() if self._is_under_way(event):
                del self.under_way[event.station]
                delete(self._writer, UNDER_WAY, {"station": event.station})
            case _:
                pass

    def _is_under_way(self, event: Event) -> bool:
        session = self.under_way.get(event.station)
        return session is not None and session["id"] == event.session_id

    async def settle(self) -> None:
        """Wait until everything so far is on the disk, or cannot be now; a second at most."""
        if self._writer is not None:
            await self._writer.settle(_SETTLE_SECONDS)

    async def close(self) -> None:
        """Write what is pending, within a second, and unlock the file."""
        try:
            if self._writer is not None:
                await self._writer.close()
        finally:
            if self._lock is not None:
                self._lock.release()
