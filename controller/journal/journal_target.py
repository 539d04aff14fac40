"""Where the writer of a store writes: its file, as long as it is the one that was opened.

What is written to a deleted file is lost, so it is noticed when the file, its log or its lock is deleted or replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from controller.database.database import Statement
from controller.database.writer import AbandonedError, Writer, WriterWords
from controller.journal.store_errors import StoreError, explain_error, no_answer, subject_of
from controller.journal.store_files import FileIds, database_of, file_ids

CHECK_SECONDS = 5.0  # how often to check that the file still exists

JournalWriter = Writer[Statement]


def open_writer(path: Path, files: FileIds) -> JournalWriter:
    """Begin to write to a store. `files`: the files of the store as they were when it was opened."""
    words = WriterWords(subject_of(path), "until that is done, nothing starts", partial(no_answer, path))
    return Writer(JournalTarget(path, files), words, check_seconds=CHECK_SECONDS)


class JournalTarget:
    """The file of a store. `files`: those of the store as they were when it was opened."""

    def __init__(self, path: Path, files: FileIds) -> None:
        self._path = path
        self._files = files
        self._database = database_of(path)

    def write(self, items: Sequence[Statement], check: Callable[[], None]) -> None:
        """Write all or nothing. Raise `StoreError`."""
        problem: StoreError | None = None
        try:
            with self._database.writing() as transaction:
                for statement in items:
                    transaction.execute(statement.sql, statement.parameters)
                check()
        except AbandonedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is explained
            problem = explain_error(self._path, error)
        files = file_ids(self._path)
        if any(files.get(suffix) != known for suffix, known in self._files.items()):
            what = "was deleted, replaced or moved while Letdown runs"
            remedy = "see for yourself that every device is off, and restart Letdown to begin a new one"
            raise StoreError(self._path, what, remedy)
        if problem is not None:
            raise problem
        self._files = files  # with those that SQLite created for this connection

    def close(self) -> None:
        """Close the file."""
        self._database.close()
