"""Errors of the store, each with a remedy."""

from __future__ import annotations

from pathlib import Path

from controller.database.database_errors import CHECK_DISK, DatabaseError, disk_hangs, file_reason


class StoreError(DatabaseError):
    """The store at `path` cannot be used. `problem` says why, `remedy` what to do; `str()` is both."""

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        super().__init__(subject_of(path), what, remedy)


class InUseError(StoreError):
    """Another controller uses it."""


def subject_of(path: Path) -> str:
    """Return what errors call a store."""
    return f"the store at {path}"


def explain_error(path: Path, error: Exception) -> StoreError:
    """Return an error as a `StoreError` with a remedy."""
    if isinstance(error, StoreError):
        return error
    what, remedy = file_reason(error)
    return StoreError(path, what, remedy or move_away(path))


def no_answer(path: Path, seconds: float) -> StoreError:
    """Return the error for a store whose disk hangs."""
    return StoreError(path, disk_hangs(seconds), CHECK_DISK)


def move_away(path: Path) -> str:
    """Return the remedy for a file that cannot be used any more: only its owner deletes it."""
    return f"see for yourself that every device is off, move {path}* away to begin a new one"
