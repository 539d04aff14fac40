"""The files of a store: private to their owner, locked by one controller, checked before anything is changed."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from controller.database import sqlite_database
from controller.database.sqlite_database import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    SqliteDatabase,
    SqliteTransaction,
    file_id,
    files_of,
    read_only,
)
from controller.journal.store_errors import InUseError, StoreError, explain_error, move_away
from devices.support.file_permissions import shared

_LOGGER = logging.getLogger(__name__)

LASTING = ("", ".lock")  # the database, and the lock: as long as the store exists
_SUFFIXES = (*LASTING, "-wal", "-shm")  # SQLite creates the last two while the database is open

PRAGMAS = sqlite_database.PRAGMAS
BUSY_SECONDS = 0.5  # how long to wait for another program that writes: a person waits for their pump

FileIds = dict[str, tuple[int, int]]


def lock_store(path: Path) -> FileLock:
    """Lock a store until the lock is released, and create its folder if needed. Raise `StoreError`.

    Only a lock of the operating system will do: it ends with the process, however that ends.
    """
    lock = FileLock(f"{path}.lock", mode=PRIVATE_FILE, thread_local=False, fallback_to_soft=False)
    with explained_errors(path):
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            what, remedy = "is in use: another controller uses it", "end that one, or name another file"
            raise InUseError(path, what, remedy) from None
    return lock


def in_use(path: Path) -> bool:
    """Return whether a controller uses a store. Creates nothing."""
    if not Path(f"{path}.lock").exists():
        return False
    try:
        lock_store(path).release()
    except InUseError:
        return True
    except StoreError:  # it cannot be locked
        return False
    return False


def create_file(path: Path) -> None:
    """Create the file if it does not exist, and check that it can be written. Raise `StoreError`."""
    with explained_errors(path):
        sqlite_database.create_file(path)


def shared_files(path: Path) -> list[Path]:
    """Return the files of a store, with its backups, that others than their owner can read or write."""
    return [file for file in (*files_of(path), Path(f"{path}.lock")) if shared(file)]


def make_private(path: Path) -> None:
    """Restrict the files of a store to their owner, and log each that was not."""
    for file in shared_files(path):
        try:
            file.chmod(PRIVATE_FILE)
        except OSError as error:  # somebody else's file
            words = "others may read or write %s, and that cannot be changed (%s): chmod 600 %s"
            _LOGGER.warning(words, file, error.strerror, file)
        else:
            _LOGGER.warning("others could read or write %s; now only its owner can", file)


def file_ids(path: Path, suffixes: Iterable[str] = _SUFFIXES) -> FileIds:
    """Return device and inode of each existing file of a store, by its suffix."""
    found: FileIds = {}
    for suffix in suffixes:
        if (known := file_id(Path(f"{path}{suffix}"))) is not None:
            found[suffix] = known
    return found


def database_of(path: Path) -> SqliteDatabase:
    """Return the existing file as a database. One that is deleted meanwhile is not replaced by an empty one."""
    return SqliteDatabase(path, must_exist=True, subject="the store", busy_seconds=BUSY_SECONDS, pragmas=PRAGMAS)


def revision_of(path: Path) -> str | None:
    """Return the revision of the tables in the file, `None` for an empty one. Changes nothing. Raise `StoreError`."""
    with explained_errors(path), contextlib.closing(read_only(path)) as connection:
        (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        tables = database_of(path).tables(SqliteTransaction(connection))
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreError(path, "is a database of something else", "name another file")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(revision)


def too_new(path: Path, revision: str) -> StoreError:
    """Return the error for a file whose tables this version does not know."""
    what = f"was written by a newer version of Letdown (its tables are {revision})"
    return StoreError(path, what, f"use that version, or {move_away(path)}")


@contextlib.contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """Turn any error of the block into a `StoreError`."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise explain_error(path, error) from error
