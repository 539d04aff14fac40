"""A history whose sessions are sent to a Baby Buddy of these tests, on a clock that a test sets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from controller.contract.event_data import SessionEditedData
from controller.contract.events import Event
from controller.contract.session_record import SessionEdit, SessionRecord
from controller.contract.stream import Stream
from controller.contract.uploads import Upload, UploadSummary
from controller.contract.words import load_words
from controller.database.database import Statement
from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.baby_buddy.uploader import Uploader
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords, save
from tests.helpers.baby_buddy_server import CHILD, TOKEN, BabyBuddyServer
from tests.helpers.session_records import FIRST_BEGAN
from tests.helpers.wall_clock import WallClock


class Uploading:
    """A history, a server, and an uploader, which `restart` replaces by a new one, as after a crash."""

    def __init__(self, store: HistoryStore, server: BabyBuddyServer, **settings: Any) -> None:
        self.store, self.server = store, server
        self.clock = WallClock()
        server.now = self.clock.wall
        self.records = SessionRecords(store)
        self.settings = BabyBuddySettings.model_validate(
            {"url": "http://127.0.0.1:8000", "child": CHILD, "token": TOKEN} | settings
        )
        self.summaries: list[UploadSummary] = []
        self.restart()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, path: Path, **settings: Any) -> AsyncIterator[Uploading]:
        async with HistoryStore.opened(path) as store:
            house = cls(store, BabyBuddyServer(), **settings)
            await house.uploader.send_what_is_due()  # since now, sessions are sent
            yield house

    def restart(self) -> None:
        """Forget all that is in no file."""
        stream, clock = Stream(), self.clock
        stream.subscribe(self.summaries.append, UploadSummary)
        self.uploader = Uploader(
            self.settings.target,
            self.settings.unit,
            BabyBuddyApi(self.settings, transport=self.server.transport()),
            self.store,
            self.records,
            clock=clock,
            stream=stream,
            words=load_words("en"),
            stations=["home"],
            now=clock.wall,
        )

    async def keep(self, record: SessionRecord) -> None:
        """Keep a session in the history; it is over by now."""
        await self.store.write(*save(record))
        over = (record.ended_at or record.began_at) - FIRST_BEGAN
        self.clock.now_seconds = max(self.clock.now_seconds, over.total_seconds())
        self._notice(record.id)

    async def edit(self, session_id: str, **fields: Any) -> None:
        await self.records.edit(SessionEdit(session_id=session_id, **fields))
        self._notice(session_id)

    async def erase(self, session_id: str) -> None:
        await self.store.write(Statement("DELETE FROM session WHERE id = :id", {"id": session_id}))

    async def send(self, hours: float = 0) -> dict[str, Upload]:
        """Let time pass, send what is due then, and return what became of each session."""
        self.clock.now_seconds += hours * 3600
        await self.uploader.send_what_is_due()
        return {each.session_id: each for each in await self.uploader.uploads()}

    @property
    def entries(self) -> list[dict[str, Any]]:
        return list(self.server.entries.values())

    def count(self, method: str) -> int:
        return sum(each == method for each, _ in self.server.requests)

    def _notice(self, session_id: str) -> None:
        self.uploader.watch(Event.of("home", session_id, SessionEditedData(revision=1)))
