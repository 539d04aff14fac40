"""Opening a store: for its owner only, by one controller only, and nothing that is wrong with it is made worse."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from controller.memory import Remembered
from controller.store import engine
from controller.store.engine import engine_of
from controller.store.errors import StoreError
from controller.store.store import Store
from tests.controller.store.conftest import content
from tests.controller.store.test_memory import TRIP, remembered, say_all
from tests.test_cli import ROOT, environment

NOBODY = 65534
MOVE_AWAY = "move {path}\\* away to begin a new one; before that, see for yourself that every device is off$"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


async def test_what_is_made_is_for_its_owner_only(tmp_path: Path, open_umask: None) -> None:
    path = tmp_path / "state" / "letdown" / "letdown.db"
    async with Store.opened(path) as store:
        await store.memory("home").starting(["left-pump"])
        assert names(path.parent) > {"letdown.db", "letdown.db-wal", "letdown.db.lock"}
        assert {oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {oct(0o600)}
    for folder in (path.parent, path.parent.parent):
        assert oct(folder.stat().st_mode & 0o777) == oct(0o700)


@pytest.mark.parametrize("name", ["letdown.db", "50% of it?.db", "a #b&mode=ro.db", ":memory:"])
async def test_a_file_may_be_called_anything(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    async with Store.opened(path) as store:
        say_all(store.memory("home"))
    assert (await remembered(path)).trip == TRIP
    assert names(tmp_path) == {name, f"{name}.lock"}


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with engine_of(path).connect() as connection:
        for pragma, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value


async def test_two_controllers_do_not_use_one_store(path: Path) -> None:
    async with Store.opened(path) as store:
        with pytest.raises(StoreError, match=f"^the store at {path} is in use: another controller uses it; end that"):
            await Store.open(path)
        await store.memory("home").starting(["left-pump"])
    assert (await remembered(path)).running == {"left-pump"}


# What can be wrong with it


def is_text(path: Path) -> None:
    path.write_text("once upon a time\n" * 500, encoding="utf-8")


def is_cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def is_cut_within_a_page(path: Path) -> None:
    os.truncate(path, 1000)


def has_a_broken_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096)


def was_written_by_a_newer_version(path: Path) -> None:
    run(path, "UPDATE alembic_version SET version_num = '0099'")


def has_a_trip_of_no_known_kind(path: Path) -> None:
    run(path, "INSERT INTO trip VALUES ('home', 'boredom', 'left-pump', 'words', '2026-03-01T00:00:00+00:00')")


def has_a_time_that_is_none(path: Path) -> None:
    run(path, "INSERT INTO used VALUES ('home', 'heat', 1, 'yesterday')")


def has_no_revision(path: Path) -> None:
    run(path, "DELETE FROM alembic_version")


def has_lost_a_table(path: Path) -> None:
    run(path, "DROP TABLE used")


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def run(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


WRONG: dict[Callable[[Path], None], str] = {
    is_text: r"cannot be used \(file is not a database\); ",
    is_cut: r"cannot be used \(database disk image is malformed\); ",
    is_cut_within_a_page: r"cannot be used \(.*\); ",
    has_a_broken_page: r"cannot be used \(.*\); ",
    was_written_by_a_newer_version: r"was written by a newer version of Letdown .*0099.*; use that version, or ",
    has_a_trip_of_no_known_kind: r"holds what cannot be understood \(.*\); ",
    has_a_time_that_is_none: r"holds what cannot be understood \(.*yesterday.*\); ",
    has_no_revision: r"holds what cannot be understood \(.*\); ",
    has_lost_a_table: r"cannot be used \(no such table: used\); ",
}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
async def test_a_file_that_cannot_be_used_is_left_as_it_is_and_one_is_told_what_to_do(
    path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(path)
    before = content(path)
    expected = f"^the store at {path} {WRONG[spoil]}{MOVE_AWAY.format(path=path)}"
    for _ in range(2):  # and it is not held after that
        with pytest.raises(StoreError, match=expected):
            await Store.open(path)
    assert content(path) == before
    for file in path.parent.glob("letdown.db*"):
        file.rename(file.with_name(f"away-{file.name}"))
    assert await remembered(path) == Remembered()


async def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "recipes.db"
    run(path, "CREATE TABLE recipe (name TEXT)")
    before = content(path)
    with pytest.raises(StoreError, match=f"^the store at {path} is a database of something else; name another file$"):
        await Store.open(path)
    assert content(path) == before


async def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=rf"^the store at {tmp_path} cannot be written \(Is a directory\); name a file"
    ):
        await Store.open(tmp_path)


async def test_a_file_is_no_folder(path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be written \(Not a directory\); name a file"):
        await Store.open(path / "letdown.db")


@pytest.fixture
def as_somebody_else(empty: Path) -> Iterator[Path]:
    """Yield a folder that may only be read, with a store in it, and one that may be written with one that may not."""
    folder = Path(tempfile.mkdtemp())
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    shutil.copy(empty, shared / "letdown.db")
    (shared / "letdown.db").chmod(0o444)
    shutil.copy(empty, folder / "letdown.db")
    folder.chmod(0o755)
    (folder / "letdown.db").chmod(0o644)
    root = os.geteuid() == 0
    if root:  # who may write everywhere
        os.seteuid(NOBODY)
    else:
        folder.chmod(0o555)
        (folder / "letdown.db").chmod(0o444)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["new.db", "further/down/new.db", "letdown.db"])
async def test_where_nothing_may_be_written_one_is_told_so(as_somebody_else: Path, name: str) -> None:
    path = as_somebody_else / name
    expected = rf"^the store at {path} cannot be written \(Permission denied\); name a file that whoever runs"
    with pytest.raises(StoreError, match=expected):
        await Store.open(path)


async def test_a_file_that_may_only_be_read_is_said_to_be_one(as_somebody_else: Path) -> None:
    path = as_somebody_else / "shared" / "letdown.db"
    with pytest.raises(StoreError, match=rf"^the store at {path} cannot be written \(Permission denied\); name a file"):
        await Store.open(path)


async def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "letdown.db"
    with monkeypatch.context() as patch:
        patch.setattr(engine, "PRAGMAS", (*engine.PRAGMAS, "max_page_count = 4"))
        expected = rf"^the store at {path} cannot be used \(database or disk is full\); make room on its disk$"
        with pytest.raises(StoreError, match=expected):
            await Store.open(path)
    assert await remembered(path) == Remembered()


async def test_a_program_that_writes_is_named_as_what_is_in_the_way(path: Path, impatient: None) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        expected = rf"^the store at {path} cannot be used \(database is locked\); close the other program that has it"
        with pytest.raises(StoreError, match=expected):
            await Store.open(path)


# How long it takes


async def test_migrations_are_only_looked_for_when_they_are_needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    assert await remembered(path) == Remembered()


def test_a_command_without_a_store_does_not_wait_for_sqlalchemy() -> None:
    code = "import sys, controller.store.store, controller.store.sessions; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
