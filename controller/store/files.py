"""The file of a store: for its owner's eyes only, held by one controller, and looked at before anything touches it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy.exc import DBAPIError

from controller.store.errors import InUseError, StoreError

_PRIVATE_FOLDER, _PRIVATE_FILE = 0o700, 0o600  # it tells of somebody's health
_PERMIT = "name a file that whoever runs the controller may write, in a folder where they may, too"
_REMEDIES = {
    "SQLITE_BUSY": "close the other program that has it open",
    "SQLITE_CANTOPEN": _PERMIT,
    "SQLITE_FULL": "make room on its disk",
    "SQLITE_PERM": _PERMIT,
    "SQLITE_READONLY": _PERMIT,
}


def hold(path: Path) -> FileLock:
    """Make the file where there is none, and hold it until the lock is released. Raise `StoreError`.

    The system lets go when the process ends, however it ends: so nothing but a lock of the system will do.
    """
    lock = FileLock(f"{path}.lock", mode=_PRIVATE_FILE, thread_local=False, fallback_to_soft=False)
    try:
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir(_PRIVATE_FOLDER, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE))
        lock.acquire(blocking=False)
    except Timeout:
        raise InUseError(path, "is in use: another controller uses it", "end that one, or name another file") from None
    except OSError as error:
        lock.release()
        raise StoreError(path, f"cannot be written ({error.strerror})", _PERMIT) from error
    return lock


def read_only(path: Path) -> sqlite3.Connection:
    """Open the file so that nothing in it can be changed."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


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
    return StoreError(path, what, f"use that version, or {_move_away(path)}")


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn what is wrong with the file into a `StoreError`."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])  # SQLITE_READONLY_DIRECTORY and the like
        what = f"cannot be used ({' '.join(str(cause).split())})"
        raise StoreError(path, what, _REMEDIES.get(code) or _move_away(path)) from error
    except (TypeError, ValueError) as error:
        what = f"holds what cannot be understood ({str(error).splitlines()[0]})"
        raise StoreError(path, what, _move_away(path)) from error


def _move_away(path: Path) -> str:
    """Return the remedy where a file is of no more use: it is never deleted for its owner."""
    return f"move {path}* away to begin a new one; before that, see for yourself that every device is off"
