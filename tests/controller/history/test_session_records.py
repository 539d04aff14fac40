"""Sessions in the history: what is read is what was written, and two people who correct one notice each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from controller.contract.session_record import EditConflictError, Milk, SessionEdit, SessionRecord
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords, save
from devices.roles import Side
from tests.helpers.engines import Engine

BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def session(number: int, *milk: Milk) -> SessionRecord:
    began_at = BEGAN + timedelta(hours=3 * number)
    return SessionRecord(
        id=f"s{number}", station="home", routine="classic", side=Side.BOTH, began_at=began_at, milk=milk
    )


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[HistoryStore]:
    opened = await HistoryStore.open(engine.path, engine.database())
    yield opened
    await opened.close()


async def test_what_is_read_is_what_was_written(store: HistoryStore) -> None:
    written = [session(number, Milk(side=Side.LEFT, source="measured", ml=10.0 * number)) for number in range(4)]
    for each in written:
        store.put(*save(each))
    await store.write()
    records = SessionRecords(store)
    assert await records.sessions() == written[::-1]
    assert await records.sessions("home", last=2) == written[:1:-1]
    assert await records.sessions(since=written[1].began_at, until=written[3].began_at) == [written[2], written[1]]
    assert await records.sessions("elsewhere") == []


async def test_two_people_who_correct_a_session_at_once_notice_each_other(store: HistoryStore) -> None:
    store.put(*save(session(1, Milk(side=Side.LEFT, source="measured", ml=30.0))))
    records = SessionRecords(store)
    edits = [SessionEdit(session_id="s1", revision=0, left_ml=ml) for ml in (40.0, 50.0)]
    await store.write()
    results = await asyncio.gather(*map(records.edit, edits), return_exceptions=True)
    (error,) = [each for each in results if isinstance(each, EditConflictError)]
    (kept,) = [each for each in results if isinstance(each, SessionRecord)]
    assert await records.sessions() == [kept]
    assert error.record == kept
    assert kept.revision == 1
    assert {each.source: each.ml for each in kept.milk}["measured"] == 30.0


async def test_an_edit_changes_only_what_it_names_and_can_be_taken_back(store: HistoryStore) -> None:
    store.put(*save(session(1, Milk(side=Side.LEFT, source="measured", ml=30.0))))
    await store.write()
    records = SessionRecords(store)
    await records.edit(SessionEdit(session_id="s1", left_ml=20.0, note="a good one"))
    edited = await records.edit(SessionEdit(session_id="s1", right_ml=5.0))
    assert (edited.volume_ml.left, edited.volume_ml.right, edited.note) == (20.0, 5.0, "a good one")
    store.put(*save(session(1, Milk(side=Side.LEFT, source="measured", ml=31.0))))  # what devices measured goes on
    restored = await records.edit(SessionEdit(session_id="s1", left_ml=None, note=None))
    assert (restored.volume_ml.left, restored.volume_ml.right, restored.note) == (31.0, 5.0, None)


async def test_a_session_that_does_not_exist_is_an_error(store: HistoryStore) -> None:
    with pytest.raises(KeyError):
        await SessionRecords(store).edit(SessionEdit(session_id="none", left_ml=1.0))
    assert await SessionRecords(store).details("none") is None
