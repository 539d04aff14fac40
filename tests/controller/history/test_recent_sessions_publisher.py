"""The latest sessions as they are published: those of the history, and all since."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import EventType
from controller.contract.recent_sessions import RecentSessions
from controller.contract.session_record import SessionEdit
from controller.contract.stream import Stream
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.recent_sessions_publisher import publish_recent_sessions
from controller.history.session_records import SessionRecords, save
from tests.helpers.histories import temporary_history
from tests.helpers.session_records import BEGAN, begun
from tests.helpers.stores import began, ended, event, until


@pytest.fixture
async def store() -> AsyncIterator[HistoryStore]:
    async with temporary_history() as opened:
        yield opened


def published(stream: Stream) -> list[RecentSessions]:
    found: list[RecentSessions] = []
    stream.subscribe(found.append, RecentSessions)
    return found


def ids(item: RecentSessions) -> list[str]:
    return [each.session_id for each in item.sessions]


async def test_sessions_of_the_history_and_later_ones_the_latest_first(store: HistoryStore) -> None:
    for number in range(12):
        record = begun(f"s{number}", hours=number / 100 - 5, outcome="completed", left=10)
        await store.write(*save(record))
    stream = Stream()
    found = published(stream)
    publish_recent_sessions(stream, ["home", "attic"], SessionRecords(store))
    await until(lambda: len(found) == 2)
    by_station = {each.station: each for each in found}
    assert ids(by_station["attic"]) == []
    assert ids(by_station["home"]) == [f"s{number}" for number in range(11, 1, -1)]
    latest = by_station["home"].sessions[0]
    assert (latest.outcome, latest.volume_ml.left, latest.routine) == ("completed", 10, "classic")

    stream.publish(began("new", 20_000))
    assert ids(found[-1]) == ["new", *(f"s{number}" for number in range(11, 2, -1))]
    assert (found[-1].sessions[0].outcome, found[-1].sessions[0].ended_at) == (None, None)
    stream.publish(ended("new", 20_600, left=10.0))
    assert found[-1].sessions[0].volume_ml.left == 10
    assert len(found[-1].sessions) == 10


@pytest.mark.parametrize("kind", [EventType.VOLUME_LOGGED, EventType.SESSION_EDITED])
async def test_what_was_edited_is_published_as_it_is_in_the_history(store: HistoryStore, kind: EventType) -> None:
    records = SessionRecords(store)
    await store.write(*save(begun("s1", outcome="completed", left=10, right=11)))
    stream = Stream()
    found = published(stream)
    publish_recent_sessions(stream, ["home"], records)
    await until(lambda: len(found) == 1)
    await records.edit(SessionEdit(session_id="s1", left_ml=42.0))
    data = {"revision": 1} if kind is EventType.SESSION_EDITED else {"left_ml": 42.0, "right_ml": None}
    stream.publish(event(kind, "s1", 700, **data))
    await until(lambda: len(found) == 2)
    assert (found[-1].sessions[0].volume_ml.left, found[-1].sessions[0].volume_ml.right) == (42, 11)


async def test_a_session_that_is_over_stays_over_while_the_history_lags_behind(store: HistoryStore) -> None:
    stream = Stream()
    found = published(stream)
    publish_recent_sessions(stream, ["home"], SessionRecords(store))
    await until(lambda: len(found) == 1)
    stream.publish(began("s1"))
    await store.write(*save(begun("s1")))  # the history knows no more yet
    stream.publish(ended("s1", left=30.0))
    stream.publish(event(EventType.SESSION_EDITED, "s1", 700, revision=1))
    await until(lambda: len(found) == 4)
    latest = found[-1].sessions[0]
    assert (latest.outcome, latest.volume_ml.left) == ("completed", 30)


async def test_milk_that_was_entered_without_a_session_is_there(store: HistoryStore) -> None:
    records = SessionRecords(store)
    stream = Stream()
    found = published(stream)
    publish_recent_sessions(stream, ["home"], records)
    await until(lambda: len(found) == 1)
    record = await records.log_milk("home", 20, None)
    stream.publish(event(EventType.VOLUME_LOGGED, record.id, 700, left_ml=20, right_ml=None))
    await until(lambda: len(found) == 2)
    assert [(each.routine, each.volume_ml.left) for each in found[-1].sessions] == [("by_hand", 20)]


async def test_without_a_history_only_those_since() -> None:
    stream = Stream()
    found = published(stream)
    publish_recent_sessions(stream, ["home"], None)
    stream.publish(began("s1"))
    assert [ids(each) for each in found] == [[], ["s1"]]
    stream.publish(event(EventType.VOLUME_LOGGED, "s1", 300, left_ml=42.0, right_ml=None))
    stream.publish(ended("s1", left=10.0, right=11.0))
    stream.publish(event(EventType.VOLUME_LOGGED, "s1", 700, left_ml=None, right_ml=43.0))
    assert [each.sessions[0].volume_ml.left for each in found[2:]] == [42, 42, 42]
    assert [each.sessions[0].volume_ml.right for each in found[2:]] == [None, 11, 43]
    count = len(found)
    stream.publish(event(EventType.VOLUME_LOGGED, "s0", 800, left_ml=1.0, right_ml=None))
    stream.publish(ended("s0", left=1.0))
    assert len(found) == count, "it never began"


async def test_other_events_publish_nothing() -> None:
    stream = Stream()
    publish_recent_sessions(stream, ["home"], None)
    found = published(stream)
    stream.publish(event(EventType.PAIN, "s1", 0))
    assert found == []


async def test_what_another_program_erases_or_corrects_is_published_anew(store: HistoryStore) -> None:
    for number in range(3):
        await store.write(*save(begun(f"s{number}", hours=number, ended_at=BEGAN, outcome="completed")))
    stream, records = Stream(), SessionRecords(store)
    found = published(stream)
    publisher = publish_recent_sessions(stream, ["home"], records)
    await until(lambda: bool(found) and ids(found[-1]) == ["s2", "s1", "s0"])
    async with publisher.following(look_seconds=0.01):
        stream.publish(began("under-way", 9000))  # not in the history yet
        count = len(found)
        await asyncio.sleep(0.05)
        assert len(found) == count  # nothing new
        await store.write(Statement("DELETE FROM session WHERE id = 's1'"))
        await records.edit(SessionEdit(session_id="s0", left_ml=42.0))
        await until(lambda: set(ids(found[-1])) == {"under-way", "s2", "s0"})
        await until(lambda: any(each.volume_ml.left == 42 for each in found[-1].sessions))
