"""How what is put into the history gets there: into the queue on the disk at once, and from there into the database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.database.database import Database, Statement, Transaction
from controller.database.database_errors import DatabaseError
from controller.database.migrations import migrate
from controller.database.writer import AbandonedError
from controller.history.history_queue import HistoryQueue, Waiting

_LOGGER = logging.getLogger(__name__)

SCHEMA = Path(__file__).parent / "schema"

_MOST_AT_ONCE = 100  # in one transaction
_READ_TAKEN = "SELECT number FROM taken WHERE queue = :queue"
_SET_TAKEN = (
    "INSERT INTO taken (queue, number) VALUES (:queue, :number) "
    "ON CONFLICT (queue) DO UPDATE SET number = excluded.number WHERE taken.number = :before"
)


class UnchangedError(Exception):
    """A statement found nothing to change."""


class Tables:
    """Creates the tables of the history, or brings them up to date, before they are used, and again if need be."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._ready_in: object = None

    def prepare(self) -> None:
        """Do it, unless it was done in this database. Raise `DatabaseError`, or an error of the engine."""
        with self._lock:
            if self._ready_in is not None and self._ready_in == self._database.identity():
                return
            self._ready_in = None
            self._database.close()
            self._database.create()
            migrate(self._database, SCHEMA)
            self._ready_in = self._database.identity()

    def check_again(self) -> None:
        """Let the next `prepare` look at the tables again."""
        self._ready_in = None

    def check_still_there(self) -> None:
        """Raise `DatabaseError` where the database is not the one that was prepared: what was written is lost."""
        if self._ready_in is not None and self._ready_in != self._database.identity():
            raise DatabaseError(self._database.name, "was deleted, replaced or moved", "it is created again")


def execute(transaction: Transaction, statements: Sequence[Statement]) -> None:
    """Execute statements. Raise `UnchangedError` where one that must change a row found none."""
    for statement in statements:
        changed = transaction.execute(statement.sql, statement.parameters)
        if statement.must_change and not changed:
            raise UnchangedError


class QueueTarget:
    """Where the first writer writes: the queue. `wake` is called when there is something in it.

    `before`: called before that, and returns when what must be on the disk first is there, or soon after.
    """

    def __init__(self, queue: HistoryQueue, wake: Callable[[], None], before: Callable[[], None]) -> None:
        self._queue = queue
        self._wake = wake
        self._before = before

    def write(self, items: Sequence[str], check: Callable[[], None]) -> None:
        """Add what was put to the queue."""
        if items:
            self._before()
            self._queue.append(items, check)
            self._wake()

    def close(self) -> None:
        """Leave the queue open: the other writer still reads it."""


class DatabaseTarget:
    """Where the second writer writes: the database. Its items only mean that there is something in the queue."""

    def __init__(self, queue: HistoryQueue, database: Database, tables: Tables) -> None:
        self._queue = queue
        self._database = database
        self._tables = tables

    def write(self, items: Sequence[None], check: Callable[[], None]) -> None:  # noqa: ARG002 - the queue has it
        """Take everything from the queue, in its order, and write it. Raise `DatabaseError`."""
        try:
            try:
                self._drain(check, one_by_one=False)
            except Exception as error:
                if not (isinstance(error, UnchangedError) or self._database.is_refusal(error)):
                    raise
                self._tables.check_again()  # they may be missing, in a file that was replaced
                self._drain(check, one_by_one=True)
        except AbandonedError:
            raise
        except Exception as error:
            self._tables.check_again()
            raise self._database.explain(error) from error

    def close(self) -> None:
        """Close both."""
        self._database.close()
        self._queue.close()

    def _drain(self, check: Callable[[], None], *, one_by_one: bool) -> None:
        self._tables.prepare()
        while waiting := self._queue.first(_MOST_AT_ONCE):
            self._take(waiting, check, one_by_one=one_by_one)
            self._tables.check_still_there()
            self._queue.remove(waiting[-1].number)

    def _take(self, waiting: Sequence[Waiting], check: Callable[[], None], *, one_by_one: bool) -> None:
        """Write these, and up to where they were written, in one transaction.

        `one_by_one`: leave out what is refused. That takes a server three times as long, so it is the second attempt.
        """
        queue, last = self._queue.id(), waiting[-1].number
        with self._database.writing() as transaction:
            rows = transaction.read(_READ_TAKEN, {"queue": queue})
            taken = rows[0]["number"] if rows else 0
            for number, statements in waiting:
                if number <= taken:
                    continue
                if one_by_one:
                    self._put(transaction, statements)
                else:
                    execute(transaction, statements)
            mark = {"queue": queue, "number": max(last, taken), "before": taken}
            if not transaction.execute(_SET_TAKEN, mark):
                raise DatabaseError(self._database.name, "is written by two processes", "nothing is to be done")
            check()

    def _put(self, transaction: Transaction, statements: Sequence[Statement]) -> None:
        """Write what was put at once, or nothing of it where it is refused: the rest does not wait for it."""
        transaction.execute("SAVEPOINT put", {})
        try:
            execute(transaction, statements)
        except UnchangedError:
            transaction.execute("ROLLBACK TO SAVEPOINT put", {})
        except Exception as error:
            if not self._database.is_refusal(error):
                raise
            transaction.execute("ROLLBACK TO SAVEPOINT put", {})
            # Without the words of the database: they may repeat what was to be written.
            _LOGGER.warning("a record is left out that the history refuses (%s)", self._database.refusal(error))
        transaction.execute("RELEASE SAVEPOINT put", {})
