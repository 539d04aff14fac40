"""The queue of the history has a bound: the oldest curves go first, and it is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.database import writer
from controller.database.database import Statement
from controller.history import history_queue
from controller.history.history_queue import HistoryQueue, encode
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_records import SessionRecords, save_details
from tests.helpers.engines import SqliteEngine
from tests.helpers.session_records import details, numbered
from tests.helpers.stores import until

BOUND = 400_000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_queue, "_MOST_BYTES", BOUND)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[HistoryQueue]:
    opened = HistoryQueue(tmp_path / "queue.db")
    yield opened
    opened.close()


def put(number: int, size: int, *, expendable: bool) -> str:
    facts = Statement("fact", {"number": number})
    return encode([facts, Statement("bulk", {"text": "x" * size}, expendable=expendable)])


def test_what_is_expendable_goes_first_and_the_oldest_of_it(
    queue: HistoryQueue, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        queue.append([put(number, 20_000, expendable=True)])
    waiting = queue.first(100)
    assert [each.statements[0].parameters["number"] for each in waiting] == list(range(30)), "no fact is lost"
    whole = [len(each.statements) == 2 for each in waiting]
    assert whole == sorted(whole), "of the latest, everything is there"
    assert 5 < sum(whole) < 25
    assert queue.path.stat().st_size < BOUND + 100_000
    said = "curves of the oldest sessions were left out, since more than 0 MB wait"
    assert queue.left_out == said
    assert said in caplog.text
    assert "xxx" not in caplog.text


def test_where_nothing_is_expendable_the_oldest_go(queue: HistoryQueue) -> None:
    for number in range(30):
        queue.append([put(number, 20_000, expendable=False)])
    numbers = [each.statements[0].parameters["number"] for each in queue.first(100)]
    assert numbers == list(range(numbers[0], 30))
    assert 5 < len(numbers) < 25
    assert queue.left_out is not None
    assert queue.left_out.startswith("the oldest records")


def test_below_the_bound_everything_stays(queue: HistoryQueue) -> None:
    for number in range(10):
        queue.append([put(number, 20_000, expendable=True)])
    assert all(len(each.statements) == 2 for each in queue.first(100))
    assert queue.left_out is None


def test_it_reads_what_the_version_before_left_in_it(queue: HistoryQueue) -> None:
    queue.append(['[["SELECT :a", {"a": 1}, true]]'])
    assert queue.first(1)[0].statements == (Statement("SELECT :a", {"a": 1}, must_change=True),)


@pytest.mark.system
async def test_after_a_long_outage_sessions_are_there_and_the_first_lack_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)
    engine = SqliteEngine(tmp_path / "history.db")
    sessions = [details(numbered(number)) for number in range(40)]
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        with engine.away():
            for each in sessions:
                store.put(*save_details(each))
                assert await store.flush() is None
            await until(lambda: store.problem is not None and "were left out" in store.problem)
        await until(lambda: store.problem is None)
        await store.write()
        assert store._queue.left_out is None
        found = [await SessionRecords(store).details(each.record.id) for each in sessions]
        assert HistoryQueue(queue_file(engine.path)).count() == 0
    for was, now in zip(sessions, found, strict=True):
        assert now is not None
        assert (now.record, now.steps, now.events) == (was.record, was.steps, was.events)
    curves = [len(each.curves) for each in found if each is not None]
    assert (curves[0], curves[-1]) == (0, 5)
    assert curves == sorted(curves)
