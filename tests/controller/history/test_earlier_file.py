"""A history that goes from its file to a server: all of it arrives once, nothing rises, and erasing reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.contract.session_record import HistoryError, SessionDetails, SessionEdit
from controller.contract.stash import MovementKind, Place, StashArgs
from controller.database.database import Statement
from controller.database.sqlite_database import SqliteDatabase
from controller.history.earlier_file import (
    copy_earlier,
    delete_file,
    earlier_file,
    erase_from_file,
    opened_earlier,
)
from controller.history.history_store import HistoryStore
from controller.history.session_import import Imported, import_sessions
from controller.history.session_records import SessionRecords
from controller.history.stash.stash_keeper import StashKeeper
from tests.helpers.engines import Engine
from tests.helpers.in_process import Ended, run_in_process
from tests.helpers.postgres import PostgresEngine
from tests.helpers.session_records import BEGAN, details, record

NOTE = "Zq-private-words-of-a-night"
LEARNED = "INSERT INTO comfort_learned VALUES ('home', :side, 'expression', :mmhg, 'pain', 1.0, :mmhg)"
SENT = "INSERT INTO upload (target, session_id, station, state, remote_id) VALUES ('t', 's1', 'home', 'sent', '7')"


def session(number: int) -> SessionDetails:
    return details(record(f"s{number}", BEGAN + timedelta(hours=3 * number), left=40.0, note=f"{NOTE} {number}"))


async def learn(store: HistoryStore, **mmhg: float) -> None:
    await store.write(*(Statement(LEARNED, {"side": side, "mmhg": value}) for side, value in mmhg.items()))


async def keep_milk(store: HistoryStore, name: str, ml: float) -> None:
    stored = StashArgs(container=name, kind=MovementKind.STORED, ml=ml, place=Place.FREEZER)
    await StashKeeper(store).move("home", stored)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """The file of a history with three sessions, stored milk, and something learned and sent."""
    path = tmp_path / "earlier" / "letdown-history.db"
    async with HistoryStore.opened(path) as store:
        await import_sessions(store, map(session, (1, 2, 3)), replace=False)
        await keep_milk(store, "bag 1", 120)
        await keep_milk(store, "bag 2", 90)
        await learn(store, left=110.0, right=140.0)
        await store.write(Statement(SENT))
    return path


@pytest.fixture
async def target(engine: Engine) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        yield store


async def copied(file: Path, target: HistoryStore) -> Imported:
    async with opened_earlier(file) as source:
        return await copy_earlier(source, target)


@pytest.mark.system
async def test_everything_is_copied_once(file: Path, target: HistoryStore) -> None:
    assert await copied(file, target) == Imported(added=["s1", "s2", "s3"])
    assert await copied(file, target) == Imported(same=["s1", "s2", "s3"])
    async with opened_earlier(file) as source:
        for id_ in ("s1", "s2", "s3"):
            assert await SessionRecords(target).details(id_) == await SessionRecords(source).details(id_)
    assert {(each.name, each.ml) for each in await StashKeeper(target).containers("home")} == {
        ("bag 1", 120.0),
        ("bag 2", 90.0),
    }
    assert [row["remote_id"] for row in await target.read("SELECT remote_id FROM upload")] == ["7"]
    names = {each.name for each in file.parent.iterdir()}
    assert names == {file.name, "letdown-history-queue.db"}  # reading it left nothing beside it


async def test_what_is_there_stays_and_no_learned_vacuum_rises(file: Path, target: HistoryStore) -> None:
    await import_sessions(target, [session(1)], replace=False)
    await SessionRecords(target).edit(SessionEdit(session_id="s1", left_ml=70.0))
    await keep_milk(target, "bag 1", 50)
    await learn(target, left=130.0, right=125.0)
    done = await copied(file, target)
    assert (done.added, done.different) == (["s2", "s3"], ["s1"])
    (first,) = [each for each in await SessionRecords(target).sessions() if each.id == "s1"]
    assert first.volume_ml.left == 70.0
    assert {(each.name, each.ml) for each in await StashKeeper(target).containers("home")} == {
        ("bag 1", 50.0),
        ("bag 2", 90.0),
    }
    rows = await target.read("SELECT side, mmhg FROM comfort_learned")
    assert {row["side"]: row["mmhg"] for row in rows} == {"left": 110.0, "right": 125.0}


async def test_only_where_a_database_is_named_is_the_file_an_earlier_one(file: Path, engine: Engine) -> None:
    assert earlier_file(file, None) is None
    assert earlier_file(file.with_name("none.db"), engine.database()) is None
    assert earlier_file(file, engine.database()) == file


async def test_what_is_erased_from_the_file_is_gone_from_its_bytes(file: Path) -> None:
    erase_from_file(file, ["s1", "unknown"])
    async with opened_earlier(file) as source:
        assert [each.id for each in await SessionRecords(source).sessions()] == ["s3", "s2"]
    left = b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert f"{NOTE} 1".encode() not in left
    assert f"{NOTE} 2".encode() in left


async def test_a_file_that_is_in_use_is_neither_deleted_nor_damaged(file: Path) -> None:
    async with HistoryStore.opened(file) as used:
        await keep_milk(used, "bag 3", 60)
        with pytest.raises(HistoryError, match="is in use"):
            delete_file(file)
        assert len(await SessionRecords(used).sessions()) == 3
    delete_file(file)
    assert earlier_file(file, SqliteDatabase(file)) is None


async def test_a_locked_file_is_one_clear_error(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.history.earlier_file._BUSY_SECONDS", 0.01)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="an earlier history, cannot be changed"):
            erase_from_file(file, ["s1"])
    async with opened_earlier(file) as source:
        assert len(await SessionRecords(source).sessions()) == 3


# The commands


def command(file: Path, *arguments: str, url: str = "") -> Ended:
    env = {"LETDOWN_STORE__PATH": str(file.with_name("letdown.db")), "XDG_CONFIG_HOME": "/nonexistent"}
    return run_in_process(("history", *arguments), file.parent, env | ({"LETDOWN_HISTORY__URL": url} if url else {}))


@pytest.mark.system
def test_it_is_moved_and_erased_by_commands(file: Path, postgres: object, tmp_path: Path) -> None:
    server = PostgresEngine(postgres, tmp_path / "unused.db")  # type: ignore[arg-type]
    kept = command(file, "move", "--keep-file", "--json", url=server.url)
    assert json.loads(kept.stdout) == {"added": ["s1", "s2", "s3"], "same": [], "different": []}
    erased = command(file, "erase", "s1", "--yes", url=server.url)
    assert erased.code == 0
    assert f"the same in {file}" in erased.stdout
    assert [row["id"] for row in json.loads(command(file, "--json", url=server.url).stdout)["sessions"]] == ["s3", "s2"]
    assert [row["id"] for row in json.loads(command(file, "--json").stdout)["sessions"]] == ["s3", "s2"]
    done = command(file, "move", url=server.url)
    assert done.stdout == f"0 moved, 2 were there already; {file} is deleted\n"
    assert not file.exists()
    assert "nothing" not in command(file, "move", url=server.url).stderr


@pytest.mark.system
def test_a_session_that_is_in_the_file_alone_is_erased_too(file: Path, postgres: object, tmp_path: Path) -> None:
    server = PostgresEngine(postgres, tmp_path / "unused.db")  # type: ignore[arg-type]
    done = command(file, "erase", "s2", "--yes", url=server.url)
    assert (done.code, "Erased: 1" in done.stdout) == (0, True)
    assert [row["id"] for row in json.loads(command(file, "--json").stdout)["sessions"]] == ["s3", "s1"]


def test_without_a_database_there_is_nowhere_to_move_to(file: Path) -> None:
    done = command(file, "move")
    assert done.code == 2
    assert "name a database in history.url" in done.stderr
    assert asyncio.run(_count(file)) == 3


async def _count(file: Path) -> int:
    async with opened_earlier(file) as source:
        return len(await SessionRecords(source).sessions())
