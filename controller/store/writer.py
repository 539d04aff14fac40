"""Writes rows to the store, in the order in which they come, all that waits in one transaction.

It does so in a thread of its own: a commit waits for the disk, and the event loop must not. The thread also sees when
the file is not there any more: what is written to a deleted file is kept nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Delete, Insert, StaticPool, Table, delete, insert

from controller.store.engine import engine_of
from controller.store.errors import StoreError, explained, silent
from controller.store.files import FileIds, file_ids

_LOGGER = logging.getLogger(__name__)

KEPT_SECONDS = 5.0  # a person waits for their pump
AGAIN_SECONDS = 10.0
LOOK_SECONDS = 5.0  # how often it is seen whether the file is still there
CLOSE_SECONDS = 1.0

Row = dict[str, Any]
Key = tuple[Any, ...]
Answer = asyncio.Future[str | None]


class Writer:
    """Keeps the latest of each row. What could not be written waits, and is tried again with the next, or after 10 s.

    `files`: the files of the store as they were when it was opened. `trouble`: why nothing can be written now, with the
    remedy; `None` when all is well.
    """

    def __init__(self, path: Path, files: FileIds) -> None:
        self.trouble: str | None = None
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._files = files
        self._engine = engine_of(path, pool=StaticPool)
        self._lock = threading.Lock()  # over what both threads touch: `_waiting` and `_asking`
        self._waiting: dict[Key, Insert | Delete] = {}
        self._asking: list[Answer] = []
        self._news = threading.Event()
        self._news.set()  # connect now, not when a person waits for a pump
        self._closing = False
        self._given_up = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        # A daemon, so that a disk that hangs does not hold up the end of the process.
        threading.Thread(target=self._run, name=f"writer of {path.name}", daemon=True).start()

    def put(self, table: Table, row: Row) -> None:
        """Keep a whole row; it replaces the one with the same key."""
        self._add(table, row, insert(table).prefix_with("OR REPLACE").values(row))

    def drop(self, table: Table, key: Row) -> None:
        """Keep that there is no such row any more."""
        self._add(table, key, delete(table).filter_by(**key))

    async def kept(self) -> str | None:
        """Wait until all that was put and dropped so far is kept. Return why it is not, if it cannot be."""
        if self._closing:
            return str(StoreError(self.path, "is closed", "restart Letdown"))
        answer: Answer = self._loop.create_future()
        with self._lock:
            self._asking.append(answer)
        self._news.set()
        try:
            async with asyncio.timeout(KEPT_SECONDS):
                return await answer
        except TimeoutError:
            self._note(str(silent(self.path, KEPT_SECONDS)))
            return self.trouble

    async def close(self) -> None:
        """Write what waits, within a second, and close."""
        self._closing = True
        self._news.set()
        await asyncio.wait({self._ended}, timeout=CLOSE_SECONDS)
        self._given_up = not self._ended.done()
        if self._waiting or self._given_up:
            _LOGGER.error("the store at %s was closed before everything was kept", self.path)

    def _add(self, table: Table, row: Row, statement: Insert | Delete) -> None:
        with self._lock:
            self._waiting[(table.name, *(row[column.name] for column in table.primary_key))] = statement
        self._news.set()

    # In the thread

    def _run(self) -> None:
        trouble: str | None = None
        while not (self._closing and (trouble or not self._waiting)):
            self._news.wait(AGAIN_SECONDS if trouble else LOOK_SECONDS)
            self._news.clear()
            with self._lock:
                batch, self._waiting = self._waiting, {}
                asking, self._asking = self._asking, []
            trouble = self._write(batch.values())
            if trouble is not None:
                with self._lock:
                    self._waiting = batch | self._waiting  # what was said meanwhile is newer
            self._in_loop(self._answer, asking, trouble)
        self._engine.dispose()
        self._in_loop(self._end)

    def _write(self, statements: Iterable[Insert | Delete]) -> str | None:
        """Write all or nothing. Return why not."""
        trouble: StoreError | None = None
        try:
            with self._engine.connect() as connection, connection.begin() as transaction:
                for statement in statements:
                    connection.execute(statement)
                if self._given_up:  # another may hold the file by now
                    transaction.rollback()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one is tried
            trouble = explained(self.path, error)
        files = file_ids(self.path)
        if any(files.get(suffix) != known for suffix, known in self._files.items()):
            what = "was deleted, replaced or moved while Letdown runs"
            remedy = "see for yourself that every device is off, and restart Letdown to begin a new one"
            trouble = StoreError(self.path, what, remedy)
        elif trouble is None:
            self._files = files  # with those that SQLite made for this connection
        return None if trouble is None else str(trouble)

    def _in_loop(self, do: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody asks any more
            self._loop.call_soon_threadsafe(do, *values)

    # In the event loop

    def _answer(self, asking: Sequence[Answer], trouble: str | None) -> None:
        self._note(trouble)
        for answer in asking:
            if not answer.done():
                answer.set_result(trouble)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _note(self, trouble: str | None) -> None:
        """Tell of a trouble once, and when it is over."""
        if trouble is not None and trouble != self.trouble:
            _LOGGER.error("%s; until that is done, nothing starts", trouble)
        elif trouble is None and self.trouble is not None:
            _LOGGER.warning("the store at %s can be written again", self.path)
        self.trouble = trouble
