"""The summary is published at the start, and when it changes: by a session, an edit, another program, or the time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.contract.event_data import EventType
from controller.contract.history_summary import HistorySummary
from controller.contract.session_record import HistoryError, SessionEdit, SessionRecord
from controller.contract.stream import Stream
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords, save
from controller.history.summary_publisher import LOOK_SECONDS, SummaryPublisher
from tests.helpers.session_records import record
from tests.helpers.stores import event

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class SteppedClock:
    """A clock that stands still until the test moves it; the wall clock goes with it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[tuple[float, asyncio.Timeout]] = []

    def now(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(None) as limit:
            self.waits.append((self.seconds + seconds, limit))
            yield limit

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        due = [limit for at, limit in self.waits if at <= self.seconds and not limit.expired()]
        self.waits = [each for each in self.waits if each[0] > self.seconds]
        for limit in due:
            with contextlib.suppress(RuntimeError):  # it is over
                limit.reschedule(0.0)


class Publishing:
    """A publisher that runs over a history in a file."""

    def __init__(self, store: HistoryStore) -> None:
        self.store, self.history = store, SessionRecords(store)
        self.clock, self.stream = SteppedClock(), Stream()
        self.found: list[HistorySummary] = []
        self.stream.subscribe(self.found.append, HistorySummary)

    def publisher(self, *stations: str, history: Any = None) -> SummaryPublisher:
        return SummaryPublisher(
            self.stream,
            stations or ["home"],
            history or self.history,
            saved=self.store.write,
            clock=self.clock,  # type: ignore[arg-type]
            zone=UTC,
            now=self.clock.wall,
        )

    async def put(self, *sessions: SessionRecord) -> None:
        await self.store.write(*(each for session in sessions for each in save(session)))

    async def until(self, count: int) -> HistorySummary:
        """Wait for so many summaries, and return the latest."""
        async with asyncio.timeout(10):
            while len(self.found) < count or not self.clock.waits:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert len(self.found) == count
        return self.found[-1]


@pytest.fixture
async def publishing(tmp_path: Path) -> AsyncIterator[Publishing]:
    async with HistoryStore.opened(tmp_path / "history.db") as store:
        yield Publishing(store)


@contextlib.asynccontextmanager
async def running(publisher: SummaryPublisher) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_at_the_start_and_after_a_session_that_is_still_being_written(publishing: Publishing) -> None:
    async with running(publishing.publisher("home", "attic")):
        await publishing.until(2)
        assert [each.station for each in publishing.found] == ["home", "attic"]
        publishing.store.put(*save(record("a", NOON - timedelta(minutes=30), left=50.0)))
        publishing.stream.publish(
            event(EventType.SESSION_FINISHED, "a", 0, outcome="completed", reason=None, routine=None)
        )
        last = await publishing.until(3)
    assert (last.last_session_id, last.last_volume_ml.left, last.today_ml) == ("a", 50.0, 50.0)
    assert last.last_session_at == NOON - timedelta(minutes=5)


async def test_after_an_edit_and_not_where_nothing_changed(publishing: Publishing) -> None:
    await publishing.put(record("a", NOON - timedelta(hours=1), left=50.0))
    async with running(publishing.publisher()):
        await publishing.until(1)
        publishing.stream.publish(event(EventType.PAIN, "a", 0))
        publishing.stream.publish(event(EventType.SESSION_EDITED, "a", 0, revision=1))  # nothing was
        await publishing.history.edit(SessionEdit(session_id="a", left_ml=44))
        publishing.stream.publish(event(EventType.SESSION_EDITED, "a", 0, revision=1))
        assert (await publishing.until(2)).rolling_24h_ml == 44


async def test_what_another_program_changes_is_noticed_within_a_minute(publishing: Publishing) -> None:
    assert LOOK_SECONDS <= 60
    await publishing.put(record("a", NOON - timedelta(hours=1), left=50.0), record("b", NOON - timedelta(hours=9)))
    async with running(publishing.publisher()):
        assert (await publishing.until(1)).last_session_id == "a"
        await publishing.store.write(Statement("DELETE FROM session WHERE id = 'a'"))
        publishing.clock.move(LOOK_SECONDS)
        last = await publishing.until(2)
    assert (last.last_session_id, last.rolling_24h_ml, last.rolling_24h_sessions) == ("b", None, 1)


async def test_when_a_session_is_older_than_a_day_and_when_the_day_ends(publishing: Publishing) -> None:
    await publishing.put(
        record("old", NOON - timedelta(hours=24) + timedelta(seconds=10), left=7.0),
        record("new", NOON - timedelta(hours=1), left=50.0),
    )
    async with running(publishing.publisher()):
        assert (await publishing.until(1)).rolling_24h_ml == 57.0
        publishing.clock.move(9.9)
        publishing.clock.move(0.2)
        assert (await publishing.until(2)).rolling_24h_ml == 50.0
        publishing.clock.move(12 * 3600)
        last = await publishing.until(3)
    assert (str(last.today), last.today_ml, last.today_sessions) == ("2026-03-03", None, 0)
    assert (last.last_session_id, last.rolling_24h_ml) == ("new", 50.0)


async def test_a_last_session_of_long_ago_is_still_the_last(publishing: Publishing) -> None:
    await publishing.put(record("a", NOON - timedelta(days=40), left=50.0))
    async with running(publishing.publisher()):
        last = await publishing.until(1)
    assert (last.last_session_id, last.rolling_24h_ml, last.rolling_24h_sessions) == ("a", None, 0)


async def test_while_the_history_cannot_be_read_nothing_is_known(publishing: Publishing) -> None:
    class Sometimes(SessionRecords):
        error: Exception | None = None

        async def sessions(self, *args: Any, **more: Any) -> Any:
            if self.error is not None:
                raise self.error
            return await super().sessions(*args, **more)

    await publishing.put(record("a", NOON - timedelta(hours=1), left=50.0))
    history = Sometimes(publishing.store)
    async with running(publishing.publisher(history=history)):
        await publishing.until(1)
        for number, error in enumerate((HistoryError("gone"), ValueError("an error of our own"))):
            history.error = error
            publishing.clock.move(LOOK_SECONDS)
            assert await publishing.until(2 + 2 * number) == HistorySummary(station="home")
            history.error = None
            publishing.clock.move(LOOK_SECONDS)
            assert (await publishing.until(3 + 2 * number)).last_session_id == "a"
