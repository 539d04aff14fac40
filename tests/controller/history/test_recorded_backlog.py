"""A crash at any moment between the first byte on the disk and the broker: broker and history get the same events."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.contract.events import EndReason, Event
from controller.history.history_queue import HistoryQueue
from controller.history.history_store import HistoryStore
from controller.history.recorded_backlog import RecordedBacklog
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from controller.mqtt.backlog import Backlog
from tests.helpers.engines import Engine
from tests.helpers.stores import after_a_crash, began, ended, until

BEGAN = began("20260301T023000-000001")
ENDED = ended("20260301T023000-000001")


class Listed(Backlog):
    """What earlier runs left."""

    def __init__(self, *events: Event) -> None:
        self._events = events

    def take_unpublished(self) -> tuple[Event, ...]:
        return self._events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    (tmp_path / "journal").mkdir()
    return tmp_path / "journal" / "letdown.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store.opened(path) as opened:
        yield opened


@pytest.fixture
async def history(engine: Engine, store: Store) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(engine.path, engine.database(), journal=store.settle) as opened:
        yield opened


def left(path: Path) -> list[str]:
    """Return the events that a crash would leave in the journal now."""
    with contextlib.closing(sqlite3.connect(after_a_crash(path))) as connection:
        return [str(row[0]) for row in connection.execute("SELECT id FROM outbox ORDER BY sequence")]


def ids(engine: Engine) -> set[str]:
    return {str(id_) for (id_,) in engine.rows("SELECT id FROM session_event")}


async def test_an_event_stays_until_the_queue_of_the_history_has_it(
    store: Store, history: HistoryStore, engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, append = threading.Event(), HistoryQueue.append

    def slow(self: HistoryQueue, *args: object) -> None:
        free.wait(10)
        append(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(HistoryQueue, "append", slow)
    backlog, recorder = RecordedBacklog(store.backlog, history), SessionRecorder(history, lambda: 0.0)
    recorder._on_event(BEGAN)
    backlog.add(BEGAN)
    await store.settle()
    backlog.remove(BEGAN.id)  # the broker was quicker than the disk
    await asyncio.sleep(0.05)
    assert left(path) == [BEGAN.id]
    free.set()
    await backlog.close()
    await store.settle()
    assert left(path) == []
    assert await history.write()
    assert ids(engine) == {BEGAN.id}


async def test_the_queue_of_the_history_has_no_event_that_the_journal_has_not(
    store: Store, history: HistoryStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    append = HistoryQueue.append

    def noted(self: HistoryQueue, *args: object) -> None:
        order.append(",".join(left(path)))
        append(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(HistoryQueue, "append", noted)
    for number in range(20):
        event = began(f"s{number}")
        SessionRecorder(history, lambda: 0.0)._on_event(event)  # as in the stream: the recorder comes first
        store.backlog.add(event)
        await history.flush()
        assert order[-1].endswith(event.id)


async def test_what_a_crash_kept_from_the_history_is_put_into_it_at_the_next_start(
    store: Store, history: HistoryStore, engine: Engine
) -> None:
    SessionRecorder(history, lambda: 0.0)._on_event(BEGAN)
    later = ended(BEGAN.session_id or "", 300)
    journal = Listed(BEGAN, later)
    backlog = RecordedBacklog(journal, history)
    assert list(backlog.take_unpublished()) == [BEGAN, later]
    assert list(backlog.take_unpublished()) == []
    assert await history.write()
    assert ids(engine) == {BEGAN.id, later.id}
    (record,) = await SessionRecords(history).sessions()
    assert record.outcome == later.data.outcome  # type: ignore[attr-defined]
    assert record.ended_at == later.time


async def test_a_session_that_was_erased_does_not_come_back(history: HistoryStore, engine: Engine) -> None:
    RecordedBacklog(Listed(BEGAN, ENDED), history)
    assert await history.write()
    assert engine.rows("SELECT id FROM session") == []
    assert ids(engine) == set()


async def test_how_a_session_ended_is_not_changed_by_an_event_of_before(history: HistoryStore, engine: Engine) -> None:
    recorder = SessionRecorder(history, lambda: 0.0)
    recorder._on_event(BEGAN)
    recorder.end_interrupted(["home"], "cut off")
    RecordedBacklog(Listed(ENDED), history)
    assert await history.write()
    (record,) = await SessionRecords(history).sessions()
    assert record.reason == EndReason.CUT_OFF
    assert ids(engine) == {BEGAN.id, ENDED.id}


async def test_a_session_that_was_cut_off_stays_so_until_its_end_was_published(path: Path) -> None:
    async with Store.opened(path) as store:
        store.watch(BEGAN)
    for _ in range(2):  # the second crash comes before anything was published
        async with Store.opened(path) as store:
            assert [row["id"] for row in store.interrupted_sessions] == [BEGAN.session_id]
    async with Store.opened(path) as store:
        store.watch(ENDED)
    async with Store.opened(path) as store:
        assert store.interrupted_sessions == []


async def test_a_crash_leaves_an_event_together_with_the_session_that_it_begins(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.settle()
        store.watch(BEGAN)
        let_the_writer_write()
        store.backlog.add(BEGAN)
        await until(lambda: left(path) == [BEGAN.id])
        async with Store.opened(after_a_crash(path)) as crashed:
            assert [row["id"] for row in crashed.interrupted_sessions] == [BEGAN.session_id]


def let_the_writer_write() -> None:
    """Give the thread of the writer time to write what it may, within this turn of the loop."""
    time.sleep(0.05)
