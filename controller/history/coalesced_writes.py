"""Writes to the history of which only the latest of each kind counts: of a session under way, every second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Hashable

from controller.contract.session_record import HistoryError
from controller.database.database import Statement
from controller.history.history_store import HistoryStore

_LOGGER = logging.getLogger(__name__)

_UNSAVED_SECONDS = 60.0  # a stretch of each curve


class CoalescedWrites:
    """Statements by key, where a newer one takes the place of an older one that is not written yet.

    So a history that cannot be reached for an hour costs no more memory than one second. Each batch begins with the
    `first` statement, which the others rely on. While the history cannot be reached, the latest goes to the queue of
    the store once a minute, so that a crash loses no more than that.
    """

    def __init__(self, store: HistoryStore) -> None:
        self._store = store
        self._first: Statement | None = None
        self._unsaved: dict[Hashable, Statement] = {}
        self._writing: asyncio.Task[None] | None = None
        self._handed_over = False
        self._saved_at = time.monotonic()

    @property
    def writing(self) -> bool:
        """Whether something is being written now."""
        return self._writing is not None

    def set_first(self, statement: Statement) -> None:
        """Set the statement with which each batch begins."""
        self._first = statement

    def set(self, key: Hashable, statement: Statement) -> None:
        """Set what is to be written under a key."""
        self._unsaved[key] = statement

    def write_soon(self) -> None:
        """Write what is not written yet, in one transaction, unless one is being written. Does not wait for it."""
        if self._first is not None and self._writing is None:
            batch, self._unsaved = self._unsaved, {}
            self._writing = asyncio.create_task(self._write(self._first, batch), name="record a session")

    async def _write(self, first: Statement, batch: dict[Hashable, Statement]) -> None:
        try:
            await self._store.write(first, *batch.values())
        except BaseException as error:
            self._unsaved = batch | self._unsaved
            if not isinstance(error, HistoryError):
                raise
            _LOGGER.debug("a session is recorded later: %s", error)
        else:
            self._saved_at = time.monotonic()
        finally:
            self._writing = None
            if self._handed_over or time.monotonic() - self._saved_at >= _UNSAVED_SECONDS:
                self._put()

    def hand_over(self) -> None:
        """Leave all that is not written yet to the queue of the store, which loses nothing.

        What is being written comes first: it is older.
        """
        self._handed_over = True
        if self._writing is None:
            self._put()

    def _put(self) -> None:
        statements, self._unsaved, self._handed_over = self._unsaved, {}, False
        self._saved_at = time.monotonic()
        if self._first is not None:
            self._store.put(self._first, *statements.values())

    async def settle(self, within_seconds: float) -> None:
        """Wait until what is being written is written, and all that was handed over is in the queue."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=within_seconds)
        if self._handed_over:  # the history does not answer
            self._put()
