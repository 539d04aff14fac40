"""Writes in a thread, in order, all that is pending at once: a commit waits for the disk, the event loop does not.

What is put in one turn of the event loop is written at once: a crash leaves all of it, or nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from controller.database.database_errors import DatabaseError

_LOGGER = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0  # a person waits for their pump
RETRY_SECONDS = 10.0
CLOSE_SECONDS = 1.0

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
FlushResult = asyncio.Future[str | None]


class AbandonedError(Exception):
    """The writer was closed while this was being written; another controller may use the database by now."""


class Target(Protocol[T_contra]):
    """Where a writer writes. Its methods are called in the writer's thread."""

    def write(self, items: Sequence[T_contra], check: Callable[[], None]) -> None:
        """Write all or nothing. Call `check` before the commit. Raise `DatabaseError`, with the remedy."""

    def close(self) -> None:
        """Close it."""


@dataclass(frozen=True)
class WriterWords:
    """The texts of a writer's problems. `subject`: what it writes to, such as `the store at …`.

    `meanwhile`: what a problem means; `no_answer`: the error when nothing was written for so many seconds; `unsaved`:
    what it means that it was closed too early.
    """

    subject: str
    meanwhile: str
    no_answer: Callable[[float], DatabaseError]
    unsaved: str | None = "was closed before everything was saved"


class Writer(Generic[T]):
    """Writes the latest item of each key, in the order in which they were put.

    A failed write is retried with the next one, or after 10 s. `check_seconds`: how often to call the target though
    there is nothing to write. `most`: how many items wait at most; beyond, the oldest are lost. `problem`: why nothing
    can be written now, with the remedy; `None` if everything can.
    """

    def __init__(
        self, target: Target[T], words: WriterWords, *, check_seconds: float | None = None, most: int | None = None
    ) -> None:
        self.problem: str | None = None
        self._loop = asyncio.get_running_loop()
        self._target = target
        self._words = words
        self._check_seconds = check_seconds
        self._most = most
        self._lock = threading.Lock()  # guards what both threads use: `_pending`, `_flushes`, `_dropped`
        self._pending: dict[Hashable, T] = {}
        self._flushes: list[FlushResult] = []
        self._dropped = False
        self._in_turn = False  # something was put in this turn of the loop, and more may follow
        self._wakeup = threading.Event()
        self._wakeup.set()  # connect now, not when a person waits for a pump
        self._closing = False
        self._abandoned = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        # A daemon, so that a disk that hangs does not hold up the end of the process.
        threading.Thread(target=self._run, name=f"writer of {words.subject}", daemon=True).start()

    def put(self, key: Hashable, item: T) -> None:
        """Write an item; it replaces one of the same key that waits."""
        with self._lock:
            self._pending[key] = item
            self._drop_oldest()
            begins, self._in_turn = not self._in_turn, True
        if begins:
            self._call_in_loop(self._end_turn)

    def _end_turn(self) -> None:
        with self._lock:
            self._in_turn = False
        self._wakeup.set()

    async def flush(self, seconds: float | None = None) -> str | None:
        """Wait until everything so far is on the disk, 5 s at most. Return why it is not, else `None`."""
        if self._closing:
            return str(DatabaseError(self._words.subject, "is closed", "restart Letdown"))
        seconds = FLUSH_SECONDS if seconds is None else seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._flushed()
        except TimeoutError:
            self._set_problem(str(self._words.no_answer(seconds)))
            return self.problem

    async def settle(self, seconds: float) -> None:
        """Wait until everything so far is on the disk, or cannot be now; so long at most, which is no problem."""
        if not self._closing:
            await asyncio.wait({self._flushed()}, timeout=seconds)

    def _flushed(self) -> FlushResult:
        """Return what becomes of everything so far."""
        result: FlushResult = self._loop.create_future()
        with self._lock:
            self._flushes.append(result)
        self._wakeup.set()
        return result

    async def close(self, seconds: float | None = None) -> None:
        """Write what is pending, within a second, and close."""
        self._closing = True
        self._wakeup.set()
        await asyncio.wait({self._ended}, timeout=CLOSE_SECONDS if seconds is None else seconds)
        self._abandoned = not self._ended.done()
        if self._words.unsaved is not None and (self._pending or self._abandoned):
            _LOGGER.error("%s %s", self._words.subject, self._words.unsaved)

    def _drop_oldest(self) -> None:
        while self._most is not None and len(self._pending) > self._most:
            del self._pending[next(iter(self._pending))]
            if not self._dropped:
                self._dropped = True
                _LOGGER.error("more waits for %s than fits into memory: the oldest is lost", self._words.subject)

    # In the thread

    def _run(self) -> None:
        problem: str | None = None
        while not (self._closing and (problem or not self._pending)):
            self._wakeup.wait(RETRY_SECONDS if problem else self._check_seconds)
            self._wakeup.clear()
            with self._lock:
                if self._in_turn:  # its end wakes this thread
                    continue
                batch, self._pending = self._pending, {}
                flushes, self._flushes = self._flushes, []
            problem = self._write(tuple(batch.values()))
            with self._lock:
                if problem is None:
                    self._dropped = False
                else:
                    self._pending = batch | self._pending  # what came meanwhile is newer
                    self._drop_oldest()
            self._call_in_loop(self._finish_flushes, flushes, problem)
        with contextlib.suppress(Exception):  # whatever it is, nothing is left to be written
            self._target.close()
        self._call_in_loop(self._end)

    def _write(self, items: Sequence[T]) -> str | None:
        """Write all or nothing. Return why not, else `None`."""
        try:
            self._target.write(items, self._check)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            return str(error)
        return None

    def _check(self) -> None:
        if self._abandoned:
            raise AbandonedError

    def _call_in_loop(self, callback: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing awaits the result
            self._loop.call_soon_threadsafe(callback, *args)

    # In the event loop

    def _finish_flushes(self, flushes: Sequence[FlushResult], problem: str | None) -> None:
        if not self._abandoned:
            self._set_problem(problem)
        for result in flushes:
            if not result.done():
                result.set_result(problem)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _set_problem(self, problem: str | None) -> None:
        """Log a problem once when it begins, and when it is over."""
        if problem is not None and problem != self.problem:
            _LOGGER.error("%s; %s", problem, self._words.meanwhile)
        elif problem is None and self.problem is not None:
            _LOGGER.warning("%s can be written again", self._words.subject)
        self.problem = problem
