"""What can be wrong with a store, in words with a remedy."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

_PERMIT = "name a file that whoever runs the controller may write, in a folder where they may, too"
_MAKE_ROOM = "make room on its disk"
_REMEDIES = {
    "SQLITE_BUSY": "close the other program that has it open",
    "SQLITE_CANTOPEN": _PERMIT,
    "SQLITE_FULL": _MAKE_ROOM,
    "SQLITE_IOERR": "see whether its disk is all right",
    "SQLITE_PERM": _PERMIT,
    "SQLITE_READONLY": _PERMIT,
}


class StoreError(Exception):
    """The store cannot be used. `str()` says which, what is wrong and what to do."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"the store at {path} {what}; {remedy}")


class InUseError(StoreError):
    """Another controller has it."""


def explained(path: Path, error: Exception) -> StoreError:
    """Return what an error means for the store at `path`, and what to do about it."""
    if isinstance(error, StoreError):
        return error
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps what the driver says
    words = " ".join(str(cause).split()) or type(cause).__name__
    if isinstance(cause, sqlite3.Error):
        code = "_".join(getattr(cause, "sqlite_errorname", "").split("_")[:2])  # SQLITE_READONLY_DIRECTORY and the like
        return StoreError(path, f"cannot be used ({words})", _REMEDIES.get(code) or move_away(path))
    if isinstance(cause, OSError):
        remedy = _MAKE_ROOM if cause.errno in (errno.ENOSPC, errno.EDQUOT) else _PERMIT
        return StoreError(path, f"cannot be written ({cause.strerror or words})", remedy)
    if isinstance(cause, TypeError | ValueError):
        first = str(cause).partition("\n")[0] or type(cause).__name__
        return StoreError(path, f"holds what cannot be understood ({first})", move_away(path))
    return StoreError(path, f"cannot be used ({type(cause).__name__}: {words})", move_away(path))


def silent(path: Path, seconds: float) -> StoreError:
    """Return what to say of a store whose disk hangs."""
    what = f"cannot be used (its disk has not answered for {seconds:g} s)"
    return StoreError(path, what, _REMEDIES["SQLITE_IOERR"])


def move_away(path: Path) -> str:
    """Return the remedy where a file is of no more use: it is never deleted for its owner."""
    return f"see for yourself that every device is off, move {path}* away to begin a new one"
