"""The files of a store: for their owner's eyes only, held by one controller, looked at before anything is changed."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from controller.permissions import shared
from controller.store.errors import InUseError, StoreError, explained, move_away

_LOGGER = logging.getLogger(__name__)

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600  # it tells of somebody's health
_LASTING = ("", ".lock")  # the database, and the lock
_SUFFIXES = (*_LASTING, "-wal", "-shm")  # SQLite makes the last two for as long as somebody has the database open

FileIds = dict[str, tuple[int, int]]


def hold(path: Path) -> FileLock:
    """Hold a store until the lock is released. Make its folder where there is none. Raise `StoreError`.

    The system lets go when the process ends, however it ends: so nothing but a lock of the system will do.
    """
    lock = FileLock(f"{path}.lock", mode=_PRIVATE_FILE, thread_local=False, fallback_to_soft=False)
    with understood(path):
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir(_PRIVATE_FOLDER, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            what, remedy = "is in use: another controller uses it", "end that one, or name another file"
            raise InUseError(path, what, remedy) from None
    return lock


def in_use(path: Path) -> bool:
    """Return whether a controller holds a store. Makes nothing."""
    if not Path(f"{path}.lock").exists():
        return False
    try:
        hold(path).release()
    except InUseError:
        return True
    except StoreError:  # nobody could hold it
        return False
    return False


def make_file(path: Path) -> None:
    """Make the file where there is none, and see that it can be written. Raise `StoreError`."""
    with understood(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE))


def shared_files(path: Path) -> list[Path]:
    """Return the files of a store that are open to others than their owner."""
    return [file for file in _files(path).values() if shared(file)]


def make_private(path: Path) -> None:
    """Take the files of a store away from others than their owner, and say so."""
    for file in shared_files(path):
        try:
            file.chmod(_PRIVATE_FILE)
        except OSError as error:  # somebody else's file
            words = "others may read or write %s, and that cannot be changed (%s): chmod 600 %s"
            _LOGGER.warning(words, file, error.strerror, file)
        else:
            _LOGGER.warning("others could read or write %s; now only its owner can", file)


def file_ids(path: Path) -> FileIds:
    """Return device and inode of each file of a store that is there, by the end of its name."""
    found: FileIds = {}
    for suffix, file in _files(path).items():
        with contextlib.suppress(OSError):
            status = file.stat()
            found[suffix] = (status.st_dev, status.st_ino)
    return found


def lasting_ids(path: Path) -> FileIds:
    """Return the same of those that are there for as long as the store is."""
    return {suffix: known for suffix, known in file_ids(path).items() if suffix in _LASTING}


def read_only(path: Path) -> sqlite3.Connection:
    """Open the file so that nothing in it can be changed, and nothing is made beside it."""
    # Without a log beside it, nobody has it open: then it can be read as it is, also in a folder that is read-only.
    how = "mode=ro" if "-wal" in file_ids(path) else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)


def revision_of(path: Path) -> str | None:
    """Return the revision of the tables in the file, `None` for an empty one. Only looks. Raise `StoreError`."""
    with understood(path), contextlib.closing(read_only(path)) as connection:
        (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StoreError(path, "is a database of something else", "name another file")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(revision)


def too_new(path: Path, revision: str) -> StoreError:
    """Return what to say of a file with tables that this version does not know."""
    what = f"was written by a newer version of Letdown (its tables are {revision})"
    return StoreError(path, what, f"use that version, or {move_away(path)}")


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what is wrong with the file into a `StoreError`."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        raise explained(path, error) from error


def _files(path: Path) -> dict[str, Path]:
    return {suffix: Path(f"{path}{suffix}") for suffix in _SUFFIXES}
