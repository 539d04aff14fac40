"""The file of the history, and its queue: full disks, files that are deleted, replaced, damaged or not ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.contract.session_record import HistoryError
from controller.database import writer
from controller.database.database import Statement
from controller.database.sqlite_database import PRAGMAS, SqliteDatabase
from controller.history import history_queue, history_store
from controller.history.history_queue import HistoryQueue, encode
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_records import SessionRecords, save
from tests.helpers.session_records import begun
from tests.helpers.stores import until

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "letdown-history.db"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again at once."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)


def note(number: int, padding: str = "") -> Statement:
    values = {"station": "home", "what": f"{number:04}{padding}", "at": float(number)}
    return Statement("INSERT INTO done (station, what, done_at) VALUES (:station, :what, :at)", values)


async def noted(path: Path) -> list[int]:
    async with HistoryStore.opened(path) as store:
        return [int(row["done_at"]) for row in await store.read("SELECT done_at FROM done ORDER BY done_at")]


async def test_its_files_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        async with HistoryStore.opened(path) as store:
            await store.write(note(1))
            files = {file.name: oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert files.keys() >= {path.name, f"{path.name}-wal", "letdown-history-queue.db"}
    assert set(files.values()) == {oct(0o600)}


# Deleted and replaced


def delete(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def delete_only_the_file(path: Path) -> None:
    path.unlink()


def replace_by_nothing(path: Path) -> None:
    delete(path)
    path.touch()


def delete_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("lose", [delete, delete_only_the_file, replace_by_nothing, delete_the_folder])
async def test_a_file_that_is_lost_is_begun_anew_with_what_comes_then(path: Path, lose: Callable[[Path], None]) -> None:
    path = path.parent / "state" / path.name
    async with HistoryStore.opened(path) as store:
        await store.write(note(1))
        lose(path)
        for number in (2, 3):
            store.put(note(number))
        await until(lambda: path.exists() and store.problem is None)
        await store.write(note(4))
        assert [row["done_at"] for row in await store.read("SELECT done_at FROM done ORDER BY done_at")] == [2, 3, 4]
    assert await noted(path) == [2, 3, 4]


async def test_what_is_written_while_it_is_deleted_is_written_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HistoryStore.opened(path) as store:
        await store.write(note(1))
        tables, deleted = store._tables, False

        def too_late() -> None:
            nonlocal deleted
            deleted = True
            patch.undo()
            delete(path)
            tables.check_still_there()

        with monkeypatch.context() as patch:
            patch.setattr(tables, "check_still_there", too_late)
            store.put(note(2))
            await until(lambda: deleted and path.exists() and not store._queue.first(1))
    assert await noted(path) == [2]


async def test_a_copy_that_is_put_in_its_place_is_used_from_then_on(path: Path) -> None:
    async with HistoryStore.opened(path) as store:
        await store.write(note(1))
    copy = shutil.copy(path, path.with_name("copy"))
    async with HistoryStore.opened(path) as store:
        await store.write(note(2))
        delete(path)
        os.replace(copy, path)  # noqa: PTH105
        store.put(note(3))
        await store.write(note(4))
    assert await noted(path) == [1, 3, 4]


# Not ours to write


def a_text(path: Path) -> None:
    path.write_text("once upon a time\n" * 500, encoding="utf-8")


def a_folder(path: Path) -> None:
    path.mkdir()


def of_something_else(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")


def of_a_newer_version(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES (99)")


WRONG: dict[Callable[[Path], None], str] = {
    a_text: "cannot be used (file is not a database); move {path}* away to begin a new one",
    a_folder: "cannot be written (Is a directory); name a file that the user of the controller may write",
    of_something_else: "is a database of something else; name another one",
    of_a_newer_version: "was written by a newer version of Letdown (its tables are 0099); use that version",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
async def test_a_wrong_file_is_left_as_it_is_and_records_wait_for_another(
    path: Path, wrong: Callable[[Path], None]
) -> None:
    wrong(path)
    before = None if path.is_dir() else path.read_bytes()  # noqa: ASYNC240
    expected = f"the history at {path} {WRONG[wrong].format(path=path)}"
    async with HistoryStore.opened(path) as store:
        store.put(note(1))
        await until(lambda: store.problem is not None)
        assert store.problem is not None
        assert store.problem.startswith(expected)
        for ask in (store.read("SELECT * FROM done"), store.write(note(9))):
            with pytest.raises(HistoryError) as refused:
                await ask
            assert str(refused.value).startswith(expected)
        if before is not None:
            assert path.read_bytes() == before  # noqa: ASYNC240
        path.rename(path.with_name("away"))  # noqa: ASYNC240
        await until(lambda: store.problem is None)
    assert await noted(path) == [1]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach: pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp())
    permit({folder: 0o755})
    yield folder
    permit({each: 0o755 for each in folder.iterdir() if each.is_dir()})
    shutil.rmtree(folder)


def permit(modes: dict[Path, int]) -> None:
    for path, mode in modes.items():
        path.chmod(mode)


async def test_what_may_only_be_read_is_read(path: Path, open_folder: Path) -> None:
    async with HistoryStore.opened(path) as store:
        await store.write(*save(begun("s1")))
    closed, waiting = open_folder / "closed", open_folder / "waiting"
    for folder in (closed, waiting):
        folder.mkdir()
    read_only = Path(shutil.copy(path, closed))
    permit({waiting: 0o777, read_only: 0o444, closed: 0o555})
    if root := os.geteuid() == 0:  # who may write everywhere
        os.seteuid(NOBODY)
    try:
        async with HistoryStore.opened(waiting / "h.db", SqliteDatabase(read_only, subject="the history")) as store:
            assert await SessionRecords(store).sessions() == [begun("s1")]
            store.put(note(1))
            await until(lambda: store.problem is not None)
            assert store.problem is not None
            assert "(Permission denied); name a file that the user of the controller may write" in store.problem
            with pytest.raises(HistoryError, match="Permission denied"):
                await store.write(note(2))
        assert len(HistoryQueue(queue_file(waiting / "h.db")).first(9)) == 1
    finally:
        if root:
            os.seteuid(0)


# A disk that is full


def on_a_disk_of(pages: int) -> tuple[str, ...]:
    return (*PRAGMAS, f"max_page_count = {pages}")


async def test_on_a_full_disk_records_wait_until_there_is_room(path: Path) -> None:
    async with HistoryStore.opened(path) as store:
        await store.write(note(0))
    full = SqliteDatabase(path, subject="the history", pragmas=on_a_disk_of(1))
    padding = "x" * 5000
    async with HistoryStore.opened(path, full) as store:
        for number in range(1, 9):
            store.put(note(number, padding))
        await until(lambda: store.problem is not None)
        assert store.problem is not None
        assert store.problem.startswith(f"the history at {path} cannot be used (database or disk is full); make room")
        with pytest.raises(HistoryError, match="make room on its disk"):
            await store.write(note(9, padding))
        assert await store.read("SELECT done_at FROM done") == [{"done_at": 0.0}]
        full._pragmas = PRAGMAS
        full.close()
        await until(lambda: store.problem is None)
    assert await noted(path) == list(range(9))


async def test_where_not_even_the_queue_has_room_records_wait_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pages = 4

    class SmallDatabase(SqliteDatabase):
        def _connect(self) -> sqlite3.Connection:
            connection = super()._connect()
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

    monkeypatch.setattr(history_queue, "SqliteDatabase", SmallDatabase)
    padding = "x" * 5000
    async with HistoryStore.opened(path) as store:
        with contextlib.closing(sqlite3.connect(path.with_name("locker"))):
            for number in range(9):
                store.put(note(number, padding))
            await until(lambda: store.problem is not None)
            assert store.problem is not None
            assert store.problem.startswith("the records that wait for the history, at ")
            assert "make room on its disk" in store.problem
            assert "until then, new records are only in memory" in caplog.text
        pages = 10_000
        store._queue._database.close()
        await until(lambda: store.problem is None)
        await store.write()
    assert await noted(path) == list(range(9))


async def test_memory_is_bounded_and_what_is_lost_is_the_oldest_and_is_said_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_store, "_MOST_IN_MEMORY", 20)
    queue_file(path).mkdir()
    async with HistoryStore.opened(path) as store:
        for number in range(100):
            store.put(note(number))
        await until(lambda: store.problem is not None)
        queue_file(path).rmdir()
        await until(lambda: store.problem is None)
        await store.write()
    kept = await noted(path)
    assert kept == list(range(100 - len(kept), 100))
    assert 20 <= len(kept) <= 40  # as many wait, and as many may be in the hands of the writer
    assert caplog.text.count("more waits for") == 1


# The queue


async def test_a_damaged_queue_is_put_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a_text(queue_file(path))
    async with HistoryStore.opened(path) as store:
        await store.write(note(1))
    assert await noted(path) == [1]
    assert path.with_name("letdown-history-queue.db.damaged").exists()
    assert "is damaged (file is not a database); it is put aside as" in caplog.text


async def test_a_queue_that_is_deleted_is_begun_anew_and_nothing_is_taken_for_written(path: Path) -> None:
    async with HistoryStore.opened(path) as store:
        for number in range(5):
            store.put(note(number))
        await store.write()
        for file in path.parent.glob("letdown-history-queue.db*"):
            file.unlink()
        store.put(note(5))
        await store.write()
    assert await noted(path) == list(range(6))


def test_every_kind_of_value_comes_back_out_of_the_queue(tmp_path: Path) -> None:
    queue = HistoryQueue(tmp_path / "queue.db")
    values = {"text": "ä\n'", "number": 7, "amount": 0.1, "nothing": None, "content": b"\x00\xff", "truth": True}
    queue.append([encode([Statement("SELECT :text", values, must_change=True), Statement("SELECT 1")])])
    ((number, (first, second)),) = queue.first(9)
    assert (number, first.sql, first.must_change) == (1, "SELECT :text", True)
    assert first.parameters == values | {"truth": 1}
    assert (second.sql, second.parameters, second.must_change) == ("SELECT 1", {}, False)
    queue.remove(1)
    queue.append([encode([])])
    assert [each.number for each in queue.first(9)] == [2]  # no number is used again
    queue.close()


async def test_nothing_is_created_by_somebody_who_only_reads(path: Path) -> None:
    async with HistoryStore.opened(path) as store:
        await store.write(note(1))
    for file in path.parent.glob("letdown-history-queue.db*"):
        file.unlink()
    async with HistoryStore.opened(path) as store:
        await asyncio.gather(*(store.read("SELECT * FROM done") for _ in range(20)))
    assert not queue_file(path).exists()
