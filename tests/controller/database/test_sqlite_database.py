"""What only the file of SQLite has: permissions, a backup before a migration, and remedies for what a disk does."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from pathlib import Path

import pytest

from controller.database.migrations import migrate, newest_in
from controller.database.sqlite_database import SqliteDatabase, back_up


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    return SqliteDatabase(tmp_path / "state" / "letdown-history.db", subject="the history")


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_its_files_are_for_their_owner_only(database: SqliteDatabase) -> None:
    before = os.umask(0)
    try:
        database.create()
        with database.writing() as transaction:
            transaction.execute("CREATE TABLE one (id TEXT)")
            files = sorted(database.path.parent.iterdir())
    finally:
        os.umask(before)
    assert [each.name for each in files] == [f"letdown-history.db{end}" for end in ("", "-shm", "-wal")]
    assert {mode(each) for each in files} == {oct(0o600)}
    assert mode(database.path.parent) == oct(0o700)
    database.close()


def test_what_is_deleted_is_overwritten(database: SqliteDatabase) -> None:
    database.create()
    with database.writing() as transaction:
        transaction.execute("CREATE TABLE one (note TEXT)")
        transaction.execute("INSERT INTO one VALUES ('very private')")
    database.close()
    assert b"very private" in database.path.read_bytes()
    with database.writing() as transaction:
        transaction.execute("DELETE FROM one")
    database.close()
    assert b"very private" not in database.path.read_bytes()


def test_before_a_migration_there_is_a_backup_for_its_owner_only(database: SqliteDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("CREATE TABLE one (id TEXT);\n")
    newest_in.cache_clear()
    database.create()
    migrate(database, folder)
    assert list(database.path.parent.glob("*.backup-*")) == []
    with database.writing() as transaction:
        transaction.execute("INSERT INTO one VALUES ('kept')")
    (folder / "0002_second.sql").write_text("DROP TABLE one;\n")
    newest_in.cache_clear()
    migrate(database, folder)
    (backup,) = database.path.parent.glob("*.backup-*")
    assert backup.name == "letdown-history.db.backup-0001"
    assert mode(backup) == oct(0o600)
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT id FROM one").fetchall() == [("kept",)]
    database.close()


def test_a_backup_that_fails_leaves_the_earlier_one(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    database.create()
    back_up(database.path, "0001")
    (backup,) = database.path.parent.glob("*.backup-*")
    before = backup.stat().st_ino

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        back_up(database.path, "0001")
    assert backup.stat().st_ino == before


def test_a_file_whose_creation_was_cut_off_is_used(database: SqliteDatabase, tmp_path: Path) -> None:
    database.create()
    cut_off = tmp_path / "cut-off.db"
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE one (id TEXT)")
        writer.execute("BEGIN")
        writer.execute("PRAGMA cache_size = 1")
        writer.executemany("INSERT INTO one VALUES (?)", [("x" * 3000,) for _ in range(50)])
        for end in ("", "-journal"):
            Path(f"{cut_off}{end}").write_bytes(Path(f"{database.path}{end}").read_bytes())
    database = SqliteDatabase(cut_off)
    with database.reading() as transaction:
        assert transaction.read("SELECT count(*) AS n FROM one") == [{"n": 0}]
    with database.writing() as transaction:
        transaction.execute("INSERT INTO one VALUES ('kept')")
    database.close()


def test_what_must_exist_is_not_created(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "letdown.db", must_exist=True)
    database.create()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"), database.writing():
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "problem", "remedy"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "cannot be written (No space", "make room on its disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "cannot be written (Disk quota", "make room on its disk"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be written (Permission", "name a file that"),
        (sqlite3.DatabaseError("file is not a database"), "cannot be used (file is not", "move {path}* away"),
        (ValueError("no JSON"), "has invalid content (no JSON)", "move {path}* away"),
        (RuntimeError(""), "cannot be used (RuntimeError: RuntimeError)", "move {path}* away"),
    ],
)
def test_each_error_has_a_remedy(database: SqliteDatabase, error: Exception, problem: str, remedy: str) -> None:
    explained = database.explain(error)
    assert explained.problem.startswith(f"the history at {database.path} {problem}")
    assert explained.remedy.startswith(remedy.format(path=database.path))
    assert database.explain(explained) is explained
