"""What is erased is gone from the bytes of every file: rows, logs, copies, and what is still to be sent."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.contract.session_record import EventRecord, HistoryError, SessionDetails, SessionEdit
from controller.database.database import Statement
from controller.history.erasing import (
    HistoryFiles,
    copies_of,
    erase_session_events,
    erase_sessions,
    overwrite_traces,
    uploads_of,
)
from controller.history.history_store import HistoryStore
from controller.history.session_import import import_sessions
from controller.history.session_records import SessionRecords
from controller.history.whole_sessions import insert
from controller.journal.store import Store
from tests.helpers.engines import Engine
from tests.helpers.session_records import BEGAN, details, record
from tests.helpers.stores import LEFT, began, ended, saved

NOTE = "Zq-private-words-of-a-night"
UPLOAD = """
INSERT INTO upload (target, session_id, station, state, content, remote_id)
VALUES ('baby-buddy', :id, 'home', 'sent', :note, :remote)
"""


def session(number: int) -> SessionDetails:
    whole = details(record(f"session-{number:04}", BEGAN.replace(day=number), left=40.0, note=f"{NOTE} {number}"))
    more = EventRecord(id=f"event-{number}", seconds=5.0, type="note", data={"said": f"{NOTE} {number}" * 50})
    return whole.model_copy(update={"events": (*whole.events, more)})


def traces(folder: Path, *words: str) -> set[tuple[str, str]]:
    """Return the files in which one of these words is, in any encoding that SQLite has, with the word."""
    files = [each for each in folder.iterdir() if each.is_file()]
    return {(file.name, word) for file in files for word in words if word.encode() in file.read_bytes()}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "letdown-history.db") as opened:
        await import_sessions(opened, map(session, range(1, 7)), replace=False)
        yield opened


async def erase(store: HistoryStore, folder: Path, *ids: str, everything: bool = False) -> None:
    files = HistoryFiles(folder / "letdown.db", folder / "letdown-history.db")
    await erase_sessions(store, ids, files, everything=everything)


async def test_nothing_of_an_erased_session_is_in_any_file(store: HistoryStore, tmp_path: Path) -> None:
    await SessionRecords(store).edit(SessionEdit(session_id="session-0003", note=f"{NOTE} 3, edited"))
    shutil.copy(tmp_path / "letdown-history.db", tmp_path / "letdown-history.db.backup-0001")
    assert traces(tmp_path, "session-0003", f"{NOTE} 3")
    await erase(store, tmp_path, "session-0003")
    assert traces(tmp_path, "session-0003", f"{NOTE} 3") == set()
    kept = await SessionRecords(store).sessions()
    assert [each.id for each in kept] == [f"session-{number:04}" for number in (6, 5, 4, 2, 1)]
    assert traces(tmp_path, "session-0004") != set()  # so the search does find what is there
    other = await SessionRecords(store).details("session-0004")
    assert other is not None
    assert (other.record, other.steps, len(other.events), len(other.curves)) == (
        session(4).record,
        session(4).steps,
        3,
        5,
    )


async def test_everything_is_gone_with_all_tables(store: HistoryStore, tmp_path: Path) -> None:
    await store.write(
        Statement(
            "INSERT INTO stash_movement (id, station, container, number, kind, ml, moved_at, note) "
            "VALUES ('m1', 'home', 'bag', 0, 'stored', 60, 5, :note)",
            {"note": NOTE},
        ),
        Statement("INSERT INTO comfort (station, learning, since) VALUES ('home', 1, 5)"),
        Statement("INSERT INTO done (station, what, done_at) VALUES ('home', 'cleaned', 5)"),
    )
    await erase(store, tmp_path, *(f"session-{number:04}" for number in range(1, 7)), everything=True)
    assert traces(tmp_path, NOTE, "session-00", "cleaned") == set()
    tables = ("session", "milk", "step", "session_event", "curve", "stash_movement", "upload")
    tables += ("comfort", "comfort_learned", "done", "reminded", "upload_target")
    for table in tables:
        assert await store.read(f"SELECT * FROM {table}") == []


async def test_of_an_upload_only_what_is_needed_to_erase_it_there_is_kept(store: HistoryStore, tmp_path: Path) -> None:
    for number, remote in ((1, "remote-17"), (2, None), (3, "remote-19")):
        await store.write(
            Statement(UPLOAD, {"id": f"session-{number:04}", "note": f"{NOTE} {number}", "remote": remote})
        )
    assert await uploads_of(store, ["session-0001", "session-0002", "session-0004"]) == 2
    await erase(store, tmp_path, "session-0001", "session-0002")
    rows = {row["session_id"]: row for row in await store.read("SELECT * FROM upload")}
    assert rows.keys() == {"session-0001", "session-0003"}
    assert (rows["session-0001"]["state"], rows["session-0001"]["content"]) == ("erasing", None)
    assert rows["session-0001"]["remote_id"] == "remote-17"
    assert rows["session-0003"]["state"] == "sent"
    assert traces(tmp_path, f"{NOTE} 1", f"{NOTE} 2", "session-0002") == set()


async def test_events_that_no_broker_has_yet_are_erased_while_the_controller_runs(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path) as journal:
        for id_ in ("session-0001", "session-0002"):
            for event in (began(id_), ended(id_, left=40.0)):
                journal.watch(event)
                journal.backlog.add(event)
    async with Store.opened(path) as journal:  # it goes on, and has the file locked
        assert traces(tmp_path, "session-0001")
        erase_session_events(path, {"session-0001"})
        assert traces(tmp_path, "session-0001") == set()
        assert traces(tmp_path, "session-0002") != set()
        assert journal.problem is None
        journal.backlog.add(began("session-0003"))
    assert traces(tmp_path, "session-0003") == {("letdown.db", "session-0003")}
    with contextlib.closing(sqlite3.connect(path)) as file:
        events = [json.loads(event) for (event,) in file.execute("SELECT event FROM outbox ORDER BY sequence")]
    assert [each["session_id"] for each in events] == ["session-0002", "session-0002", "session-0003"]
    erase_session_events(path, {"session-0002", "session-0003"})  # the latest ones, too
    assert traces(tmp_path, "session-0002", "session-0003") == set()


async def test_a_session_that_a_crash_cut_off_is_erased_and_what_may_run_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path) as journal:
        await journal.persistence("home").save_starting([LEFT])
        journal.watch(began("session-0009"))
    assert traces(tmp_path, "session-0009") != set()
    erase_session_events(path, {"session-0009"})
    assert traces(tmp_path, "session-0009") == set()
    state = await saved(path)
    assert state.interrupted is None
    assert list(state.running) == [LEFT.name]


def test_without_a_journal_there_is_nothing_to_do(tmp_path: Path) -> None:
    erase_session_events(tmp_path / "letdown.db", {"s1"})
    (tmp_path / "letdown.db").touch()
    erase_session_events(tmp_path / "letdown.db", {"s1"})
    assert [each.name for each in tmp_path.iterdir()] == ["letdown.db"]


@contextlib.contextmanager
def read_by_another(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM session").fetchone()
        yield


async def test_traces_that_another_program_holds_are_said_and_overwritten_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.database.sqlite_database.BUSY_SECONDS", 0.05)
    async with HistoryStore.opened(tmp_path / "letdown-history.db") as store:
        await import_sessions(store, [session(3)], replace=False)
        await interrupt(store, tmp_path)


async def interrupt(store: HistoryStore, tmp_path: Path) -> None:
    with read_by_another(tmp_path / "letdown-history.db"):
        with pytest.raises(HistoryError, match="`letdown history erase --traces`"):
            await erase(store, tmp_path, "session-0003")
        assert traces(tmp_path, "session-0003") != set()
        assert await SessionRecords(store).details("session-0003") is None
    await overwrite_traces(store)
    assert traces(tmp_path, "session-0003", f"{NOTE} 3") == set()


async def test_a_copy_that_cannot_be_deleted_erases_nothing(store: HistoryStore, tmp_path: Path) -> None:
    (tmp_path / "letdown.db.backup-0004").mkdir()
    (tmp_path / "letdown-history-queue.db.damaged").touch()
    found = copies_of(HistoryFiles(tmp_path / "letdown.db", tmp_path / "letdown-history.db"))
    assert [each.name for each in found] == ["letdown-history-queue.db.damaged", "letdown.db.backup-0004"]
    with pytest.raises(HistoryError, match="nothing was erased"):
        await erase(store, tmp_path, "session-0003")
    assert await SessionRecords(store).details("session-0003") is not None


async def test_either_engine_forgets_what_is_erased_and_keeps_the_rest(engine: Engine, tmp_path: Path) -> None:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        await import_sessions(store, map(session, range(1, 4)), replace=False)
        await erase(store, tmp_path, "session-0002")
        assert [each.id for each in await SessionRecords(store).sessions()] == ["session-0003", "session-0001"]
        store.put(*insert(session(5)))  # it is used on as before
        assert await store.write()
    assert traces(tmp_path, "session-0002", f"{NOTE} 2") == set()
    for table in ("milk", "step", "session_event", "curve"):
        assert {owner for (owner,) in engine.rows(f"SELECT DISTINCT session_id FROM {table}")} == {
            "session-0001",
            "session-0003",
            "session-0005",
        }


async def test_what_waits_for_a_database_that_cannot_be_reached_is_not_erased_unseen(
    engine: Engine, tmp_path: Path
) -> None:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        await import_sessions(store, [session(1)], replace=False)
        with engine.away(), pytest.raises(HistoryError):
            await erase(store, tmp_path, "session-0001")
        assert await SessionRecords(store).details("session-0001") is not None
        await erase(store, tmp_path, "session-0001")
    assert traces(tmp_path, "session-0001") == set()
