"""The history database as the rest of the history uses it: awaited reads and writes, and a queue that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

from controller.contract.session_record import HistoryError
from controller.database.bounded_threads import BoundedThreads
from controller.database.database import Database, Dialect, Row, Statement, Transaction
from controller.database.database_errors import DatabaseError
from controller.database.sqlite_database import SqliteDatabase, file_id
from controller.database.writer import CLOSE_SECONDS, Writer, WriterWords
from controller.history.history_queue import HistoryQueue, encode
from controller.history.history_writing import DatabaseTarget, QueueTarget, Tables, UnchangedError, execute

ANSWER_SECONDS = 4.0  # a person waits for a page
SCRUB_SECONDS = 600.0  # rewrites all of it
_MOST_READS = 4  # at a time
_MOST_IN_MEMORY = 10_000  # what was put, while not even the queue can be written: about 10 MB
_LEAST_SECONDS = 0.1
_WAKE = "wake"  # the one key of the second writer: what it writes is in the queue
_JOURNAL_SECONDS = 1.5  # for what is written before; it gives up by itself after a second

T = TypeVar("T")
Settle = Callable[[], Coroutine[Any, Any, None]]


class HistoryStore:
    """Reads and writes the history. Created by `open`. Nothing here blocks the event loop.

    What is `put` is on the disk of this machine within a second, whatever the database does, and in the database as
    soon as that can be reached: once, and in its order. `journal`: waits until what the journal was given is on the
    disk. That comes first: an event that a crash takes from the journal is not published, and no history has it.
    """

    def __init__(self, database: Database, queue_file: Path, journal: Settle | None = None) -> None:
        self._database = database
        self._tables = Tables(database)
        self._threads = BoundedThreads("history", _MOST_READS)
        self._numbers = itertools.count()
        self._queue = HistoryQueue(queue_file)
        self._journal = journal
        self._started: _Writers | None = None  # not for somebody who only reads

    @classmethod
    async def open(cls, path: Path, database: Database | None = None, *, journal: Settle | None = None) -> HistoryStore:
        """Open the history: the file at `path`, or else `database`. What cannot be written yet waits beside `path`.

        A database that cannot be used is no reason not to open it: `problem` says what is wrong.
        """
        store = cls(database or SqliteDatabase(path, subject="the history"), queue := queue_file(path), journal)
        if await asyncio.to_thread(file_id, queue) is not None:  # an earlier run may have left something in it
            store._writers()
        return store

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, path: Path, database: Database | None = None, *, journal: Settle | None = None
    ) -> AsyncIterator[HistoryStore]:
        """Open the history for a block."""
        store = await cls.open(path, database, journal=journal)
        try:
            yield store
        finally:
            await store.close()

    @property
    def problem(self) -> str | None:
        """Why new records do not get into the database now, with the remedy; `None` if they do."""
        started = self._started
        problem = None if started is None else started.to_database.problem or started.to_queue.problem
        return problem if problem is None or self._queue.left_out is None else f"{problem}; {self._queue.left_out}"

    @property
    def dialect(self) -> Dialect:
        """The engine of the database."""
        return self._database.dialect

    async def read(self, sql: str, **parameters: object) -> list[Row]:
        """Return the rows of a query. Raise `HistoryError`, within 4 s."""

        def work() -> list[Row]:
            unwritable: Exception | None = None
            try:
                self._tables.prepare()
            except DatabaseError:
                raise
            except Exception as error:  # noqa: BLE001 - what cannot be written may still be read
                unwritable = error
            try:
                with self._database.reading() as transaction:
                    return transaction.read(sql, parameters)
            except Exception as error:  # noqa: BLE001 - it is raised again
                raise unwritable or error from None

        return await self._in_time(work, ANSWER_SECONDS)

    def put(self, *statements: Statement) -> None:
        """Write these, in order and in one transaction, within a second or as soon as the database can be reached.

        A statement that `must_change` a row and finds none leaves out all of them, as does one that the database
        refuses. Raise `TypeError` for a parameter that no database has.
        """
        self._writers().to_queue.put(next(self._numbers), encode(statements))

    async def flush(self) -> str | None:
        """Wait until all that was put is on the disk of this machine. Return why it is not, else `None`."""
        return await self._writers().to_queue.flush(ANSWER_SECONDS)

    async def settle(self, seconds: float) -> None:
        """Wait until all that was put is on the disk of this machine, or cannot be now; so long at most."""
        if self._started is not None:
            await self._started.to_queue.settle(seconds)

    async def write(self, *statements: Statement, seconds: float | None = None) -> bool:
        """Write these in one transaction, after all that was put. Return whether it was done.

        `False`: nothing of these was written, because a statement that `must_change` a row found none.
        Raise `HistoryError`, within `seconds` (else `ANSWER_SECONDS`); then nothing of these was written, either,
        unless the database stopped answering in that very moment.
        """
        seconds = ANSWER_SECONDS if seconds is None else seconds
        until = time.monotonic() + seconds
        writers = self._writers()
        for flush in (writers.to_queue.flush, writers.to_database.flush):
            problem = await flush(max(_LEAST_SECONDS, until - time.monotonic()))
            if problem is not None:
                raise HistoryError(problem)
        return not statements or await self._write(statements, max(_LEAST_SECONDS, until - time.monotonic()))

    async def waiting(self) -> int:
        """Return how many transactions wait on this machine for the database. Raise `HistoryError`, within 4 s."""
        return 0 if self._started is None else await self._in_time(self._queue.count, ANSWER_SECONDS)

    async def scrub(self) -> None:
        """Overwrite what was deleted before, so that nothing of it is left in files of this machine. Takes its time.

        Raise `HistoryError`.
        """
        await self.write()  # what waits would be left in the queue

        def work() -> None:
            self._database.scrub()
            self._queue.scrub()

        await self._in_time(work, SCRUB_SECONDS)

    async def close(self) -> None:
        """Write what is pending, within a second, and close. What does not get into the database waits in the queue."""
        if self._started is not None:
            until = time.monotonic() + CLOSE_SECONDS
            await self._started.to_queue.close()
            await self._started.to_database.close(max(_LEAST_SECONDS, until - time.monotonic()))

    def _writers(self) -> _Writers:
        if self._started is None:
            self._started = _Writers(self._queue, self._database, self._tables, _in_thread(self._journal))
        return self._started

    async def transact(self, work: Callable[[Transaction], T], seconds: float) -> T | None:
        """Do this in one transaction, and return what it returns; `None`: it raised `UnchangedError`, and is undone.

        Raise `HistoryError`, within `seconds`; then it is undone, too, with the exception that `write` names.
        """
        given_up = threading.Event()

        def in_thread() -> T | None:
            self._tables.prepare()
            try:
                with self._database.writing() as transaction:
                    result = work(transaction)
                    _check(given_up)
            except UnchangedError:
                return None
            self._tables.check_still_there()
            return result

        try:
            return await self._in_time(in_thread, seconds)
        except BaseException:
            given_up.set()
            raise

    async def _write(self, statements: Sequence[Statement], seconds: float) -> bool:
        def work(transaction: Transaction) -> bool:
            execute(transaction, statements)
            return True

        return await self.transact(work, seconds) is not None

    async def _in_time(self, work: Callable[[], T], seconds: float) -> T:
        try:
            return await self._threads.run(work, seconds)
        except TimeoutError as error:
            raise HistoryError(str(self._database.no_answer(ANSWER_SECONDS))) from error
        except Exception as error:
            self._tables.check_again()
            raise HistoryError(str(self._database.explain(error))) from error


class _Writers:
    """The two threads that write: into the queue, and from there into the database."""

    def __init__(self, queue: HistoryQueue, database: Database, tables: Tables, before: Callable[[], None]) -> None:
        self.to_database = Writer[None](
            DatabaseTarget(queue, database, tables),
            WriterWords(
                database.name, f"until then, new records wait in {queue.path}", database.no_answer, unsaved=None
            ),
        )
        self.to_queue = Writer[str](
            QueueTarget(queue, lambda: self.to_database.put(_WAKE, None), before),
            WriterWords(queue.name, "until then, new records are only in memory", queue.no_answer),
            most=_MOST_IN_MEMORY,
        )


def _in_thread(settle: Settle | None) -> Callable[[], None]:
    """Return what waits for this in the running event loop, when it is called in another thread."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        if settle is not None and not loop.is_closed():
            with contextlib.suppress(TimeoutError, CancelledError):
                asyncio.run_coroutine_threadsafe(settle(), loop).result(_JOURNAL_SECONDS)

    return wait


def queue_file(path: Path) -> Path:
    """Return where records wait for the history at `path`."""
    return path.with_name(f"{path.stem}-queue.db")


def _check(given_up: threading.Event) -> None:
    """Raise `UnchangedError` where the caller already got the answer that nothing was written."""
    if given_up.is_set():
        raise UnchangedError
