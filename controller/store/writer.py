"""Writes rows to the store, in the order in which they come, all that waits in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from sqlalchemy import Delete, Insert, Table, delete, insert
from sqlalchemy.exc import DBAPIError

from controller.store.engine import async_engine_of

_LOGGER = logging.getLogger(__name__)

KEPT_SECONDS = 5.0  # a person waits for their pump
AGAIN_SECONDS = 10.0
CLOSE_SECONDS = 1.0

Row = dict[str, Any]
Key = tuple[Any, ...]


class Writer:
    """Keeps the latest of each row. What could not be written waits, and is tried again with the next, or after 10 s.

    `trouble`: why nothing can be written now; `None` when all is well.
    """

    def __init__(self, path: Path) -> None:
        self.trouble: str | None = None
        self.path = path
        self._engine = async_engine_of(path)
        self._waiting: dict[Key, Insert | Delete] = {}
        self._news = asyncio.Event()
        self._news.set()  # connect now, not when a person waits for a pump
        self._closing = False
        self._outcome = _new_outcome()
        self._task = asyncio.create_task(self._run(), name=f"writer of {path.name}")

    def put(self, table: Table, row: Row) -> None:
        """Keep a whole row; it replaces the one with the same key."""
        self._add(table, row, insert(table).prefix_with("OR REPLACE").values(row))

    def drop(self, table: Table, key: Row) -> None:
        """Keep that there is no such row any more."""
        self._add(table, key, delete(table).filter_by(**key))

    async def kept(self) -> str | None:
        """Wait until all that was put and dropped so far is kept. Return why it is not, if it cannot be."""
        if self._closing:
            return "it is closed"
        self._news.set()
        try:
            async with asyncio.timeout(KEPT_SECONDS):
                return await asyncio.shield(self._outcome)
        except TimeoutError:
            self._note(f"its disk has not answered for {KEPT_SECONDS:g} s")
            return self.trouble

    async def close(self) -> None:
        """Write what waits, within a second, and close."""
        self._closing = True
        self._news.set()
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        if self._waiting or not self._task.done():
            _LOGGER.error("the store at %s was closed before everything was kept", self.path)
        self._task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._engine.dispose()

    def _add(self, table: Table, row: Row, statement: Insert | Delete) -> None:
        self._waiting[(table.name, *(row[column.name] for column in table.primary_key))] = statement
        self._news.set()

    async def _run(self) -> None:
        while not (self._closing and (self.trouble or not self._waiting)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS if self.trouble else None):
                    await self._news.wait()
            self._news.clear()
            batch, self._waiting = self._waiting, {}
            outcome, self._outcome = self._outcome, _new_outcome()
            why_not = await self._write(list(batch.values()))
            if why_not is not None:
                self._waiting = batch | self._waiting  # what was said meanwhile is newer
            self._note(why_not)
            outcome.set_result(why_not)

    async def _write(self, statements: list[Insert | Delete]) -> str | None:
        """Write all or nothing. Return why not."""
        try:
            async with self._engine.begin() as connection:
                for statement in statements:
                    await connection.execute(statement)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one is tried
            return str(error.orig if isinstance(error, DBAPIError) else error) or type(error).__name__
        return None

    def _note(self, trouble: str | None) -> None:
        """Tell of a trouble once, and when it is over."""
        if trouble is not None and trouble != self.trouble:
            _LOGGER.error("the store at %s cannot be written: %s; until it can, nothing starts", self.path, trouble)
        elif trouble is None and self.trouble is not None:
            _LOGGER.warning("the store at %s can be written again", self.path)
        self.trouble = trouble


def _new_outcome() -> asyncio.Future[str | None]:
    return asyncio.get_running_loop().create_future()
