"""The history loses nothing, writes nothing twice and holds up nobody, whatever its database does. On both engines."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from controller.contract.session_record import EditConflictError, HistoryError, SessionEdit, SessionRecord
from controller.database import writer
from controller.database.database import Statement
from controller.history import history_store
from controller.history.history_queue import HistoryQueue
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_records import SessionRecords, save
from tests.helpers.engines import Engine
from tests.helpers.session_records import begun
from tests.helpers.stores import until

DONE = "INSERT INTO done (station, what, done_at) VALUES (:station, :what, :at)"


def note(number: int) -> Statement:
    """Return a statement that fails if it is written twice."""
    return Statement(DONE, {"station": "home", "what": f"n{number:04}", "at": float(number)})


def noted(engine: Engine) -> list[int]:
    """Return what was written, in the order in which it was."""
    return [int(str(what)[1:]) for (what,) in engine.rows("SELECT what FROM done ORDER BY what")]


@contextlib.asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        yield store


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again at once."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)


async def test_what_is_put_is_written_in_order(engine: Engine) -> None:
    async with opened(engine) as store:
        for number in range(50):
            store.put(note(number), note(1000 + number))
        assert await store.write(note(500))
        assert [row["done_at"] for row in await store.read("SELECT done_at FROM done ORDER BY what LIMIT 2")] == [0, 1]
        assert store.problem is None
    assert noted(engine) == [*range(50), 500, *range(1000, 1050)]


async def test_closing_writes_what_was_put(engine: Engine) -> None:
    async with opened(engine) as store:
        store.put(note(1))
    assert noted(engine) == [1]
    assert HistoryQueue(queue_file(engine.path)).first(9) == []


async def test_what_must_change_something_and_does_not_is_left_out(engine: Engine) -> None:
    nothing = Statement("UPDATE done SET done_at = 0 WHERE what = 'never'", must_change=True)
    async with opened(engine) as store:
        store.put(note(1), nothing)
        store.put(note(2))
        assert not await store.write(note(3), nothing)
        assert await store.write(note(4))
    assert noted(engine) == [2, 4]


async def test_what_the_database_refuses_holds_up_nothing_and_is_said_without_its_content(
    engine: Engine, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    orphan = "INSERT INTO milk (session_id, side, source, ml) VALUES (:id, 'left', 'measured', 5)"
    async with opened(engine) as store:
        store.put(note(1))
        store.put(note(2), Statement(orphan, {"id": "erased meanwhile"}))
        store.put(Statement("INSERT INTO nowhere VALUES (:id)", {"id": "private"}))
        store.put(note(3))
        await store.write()
        assert store.problem is None
        with pytest.raises(HistoryError) as refused:
            await store.write(Statement(orphan, {"id": "erased meanwhile"}))
    assert "erased meanwhile" not in str(refused.value)
    assert noted(engine) == [1, 3]
    assert caplog.text.count("a record is left out that the history refuses") == 2
    assert "private" not in caplog.text
    assert "erased meanwhile" not in caplog.text


async def test_unknown_kinds_of_values_are_refused_where_they_are_put(engine: Engine) -> None:
    async with opened(engine) as store:
        with pytest.raises(TypeError, match="a database has no object"):
            store.put(Statement(DONE, {"station": object(), "what": "x", "at": 0}))
        store.put(note(1))
    assert noted(engine) == [1]


# A database that is not there


async def test_unreachable_at_the_start_everything_waits_and_is_written_when_it_is_back(
    engine: Engine, soon: None
) -> None:
    async with opened(engine) as store:
        with engine.away():
            for number in range(10):
                store.put(note(number))
            await until(lambda: store.problem is not None)
            for ask in (store.read("SELECT * FROM done"), store.write(note(99))):
                with pytest.raises(HistoryError):
                    await ask
        await until(lambda: store.problem is None)
        await store.write()
    assert noted(engine) == list(range(10))


async def test_sixty_seconds_of_records_without_a_database_are_written_once_and_in_order(
    engine: Engine, soon: None
) -> None:
    async with opened(engine) as store:
        await store.write(note(0))
        with engine.away():
            for second in range(1, 61):
                for each in range(10):
                    store.put(note(second * 10 + each))
                await asyncio.sleep(0)
            assert await store.flush() is None
        await until(lambda: store.problem is None)
        await store.write()
    order = [row for (row,) in engine.rows("SELECT done_at FROM done ORDER BY done_at")]
    assert order == [0.0, *map(float, range(10, 610))]


async def test_what_waits_survives_the_end_of_the_process_and_is_written_by_the_next(engine: Engine) -> None:
    async with opened(engine) as store:
        await store.write(note(0))
        with engine.away():
            for number in range(1, 6):
                store.put(note(number))
            began = time.monotonic()
            await store.close()
            assert time.monotonic() - began < 2
    assert noted(engine) == [0]
    async with opened(engine) as store:
        await store.write()
    assert noted(engine) == list(range(6))


async def test_a_database_that_goes_and_comes_again_and_again_gets_everything_once(engine: Engine, soon: None) -> None:
    numbers = iter(range(1000))
    async with opened(engine) as store:
        for _ in range(3):
            for _ in range(5):
                store.put(note(next(numbers)))
            await asyncio.sleep(0.01)
            with engine.away():
                for _ in range(5):
                    store.put(note(next(numbers)))
                await asyncio.sleep(0.05)
        await until(lambda: store.problem is None)
        await store.write()
    assert noted(engine) == list(range(30))


async def test_a_crash_between_database_and_queue_writes_nothing_twice(
    engine: Engine, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(engine) as store:
        with monkeypatch.context() as patch:
            patch.setattr(HistoryQueue, "remove", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
            store.put(note(1))
            store.put(note(2))
            await until(lambda: store.problem is not None)
        store.put(note(3))
        await until(lambda: store.problem is None)
        await store.write()
    assert noted(engine) == [1, 2, 3]


async def test_a_problem_is_logged_once_with_where_records_wait_and_so_is_its_end(
    engine: Engine, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(engine) as store:
        with engine.away():
            store.put(note(1))
            await until(lambda: store.problem is not None)
            await asyncio.sleep(0.3)
        await until(lambda: store.problem is None)
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert all(each.endswith(f"until then, new records wait in {queue_file(engine.path)}") for each in errors)
    assert 1 <= len(errors) == len(set(errors)) <= 4  # a server that is starting says so
    assert caplog.text.count("can be written again") == 1


# A database that hangs


async def test_one_that_hangs_holds_up_nobody(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    async with opened(engine) as store:
        await store.write(note(0))
        ticking = asyncio.create_task(tick())
        with engine.hanging(), monkeypatch.context() as hasty:
            hasty.setattr(history_store, "ANSWER_SECONDS", 0.15)
            hasty.setattr(history_store, "CLOSE_SECONDS", 0.15)
            began = time.monotonic()
            store.put(note(1))
            with pytest.raises(HistoryError, match="has not answered for"):
                await store.write(note(99))
            assert await store.flush() is None  # on this machine it is safe
            await store.close()
            assert time.monotonic() - began < 2
        ticking.cancel()
    assert longest < 0.5
    async with opened(engine) as store:
        await store.write()
    assert noted(engine) == [0, 1]


@pytest.mark.system
async def test_a_server_that_hangs_is_noticed_and_used_again(engine: Engine, soon: None) -> None:
    async with opened(engine) as store:
        await store.write(note(0))
        with engine.hanging():
            store.put(note(1))
            await until(lambda: store.problem is not None)
        await until(lambda: store.problem is None)
        assert await store.write(note(2))
    assert noted(engine) == [0, 1, 2]


# People


async def test_of_two_who_correct_a_session_in_two_processes_one_is_told(engine: Engine) -> None:
    async with opened(engine) as one, opened(engine) as other:
        await one.write(*save(begun("s1")))
        for revision in range(5):
            edits = [
                SessionRecords(each).edit(SessionEdit(session_id="s1", revision=revision, left_ml=ml))
                for each, ml in ((one, 40.0), (other, 50.0))
            ]
            results = await asyncio.gather(*edits, return_exceptions=True)
            (kept,) = [each for each in results if isinstance(each, SessionRecord)]
            (refused,) = [each for each in results if isinstance(each, EditConflictError)]
            assert refused.record == kept
            assert kept.revision == revision + 1
            assert await SessionRecords(other).sessions() == [kept]


async def test_two_stores_on_one_queue_write_everything_once(engine: Engine) -> None:
    async with opened(engine) as one, opened(engine) as other:
        for number in range(40):
            (one, other)[number % 2].put(note(number))
            await asyncio.sleep(0)
        for each in (one, other):
            with contextlib.suppress(HistoryError):
                await each.write()
        await until(lambda: noted(engine) == list(range(40)))
