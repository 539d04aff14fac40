"""Errors of databases, each with a remedy."""

from __future__ import annotations

import errno
import sqlite3
from typing import NamedTuple

PERMIT = "name a file that the user of the controller may write, in a folder that they may write, too"
MAKE_ROOM = "make room on its disk"
CHECK_DISK = "check its disk"
_SQLITE_REMEDIES = {
    "SQLITE_BUSY": "close the other program that has it open",
    "SQLITE_CANTOPEN": PERMIT,
    "SQLITE_FULL": MAKE_ROOM,
    "SQLITE_IOERR": CHECK_DISK,
    "SQLITE_PERM": PERMIT,
    "SQLITE_READONLY": PERMIT,
}


class DatabaseError(Exception):
    """A database cannot be used. `problem` says why, `remedy` what to do; `str()` is both.

    `subject`: which one, in words, such as `the history at …`.
    """

    def __init__(self, subject: str, what: str, remedy: str) -> None:
        self.problem = f"{subject} {what}"
        self.remedy = remedy
        super().__init__(f"{self.problem}; {remedy}")


class TooNewError(DatabaseError):
    """A newer version of Letdown has changed its tables."""


class FileFault(NamedTuple):
    """Why a file cannot be used; `remedy` is `None` where only another file will do."""

    what: str
    remedy: str | None


def file_reason(error: Exception) -> FileFault:
    """Return why a file of SQLite cannot be used, by the error of SQLite, of the system, or of reading a row."""
    words = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, sqlite3.Error):
        code = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])  # SQLITE_READONLY_DIRECTORY and the like
        return FileFault(f"cannot be used ({words})", _SQLITE_REMEDIES.get(code))
    if isinstance(error, OSError):
        remedy = MAKE_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else PERMIT
        return FileFault(f"cannot be written ({error.strerror or words})", remedy)
    if isinstance(error, TypeError | ValueError):
        first = str(error).partition("\n")[0] or type(error).__name__
        return FileFault(f"has invalid content ({first})", None)
    return FileFault(f"cannot be used ({type(error).__name__}: {words})", None)


def disk_hangs(seconds: float) -> str:
    """Return what is wrong with a file whose disk does not answer."""
    return f"cannot be used (its disk has not answered for {seconds:g} s)"
