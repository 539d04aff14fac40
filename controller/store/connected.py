"""A connection whose thread is never left alone in the middle of something.

SQLite cannot be interrupted while it writes. When a write is given up at the end, aiosqlite and SQLAlchemy leave behind
a thread that speaks to a loop that is closed, or a loop that waits for a thread that has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import aiosqlite


class Connected(aiosqlite.Connection):
    """Waits for what its thread has begun, though it be cancelled meanwhile. Stops once, however often it is told."""

    _stopped: asyncio.Future[None] | None = None

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")  # the words by which SQLAlchemy knows it
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((done, partial(fn, *args, **kwargs)))
        cancelled: asyncio.CancelledError | None = None
        while not done.done():
            try:
                await asyncio.wait({done})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            done.exception()  # what became of it, nobody will ask
            raise cancelled
        return done.result()

    def stop(self) -> asyncio.Future[None] | None:
        """Stop the thread. Return what comes true when it has stopped."""
        self._stopped = self._stopped or super().stop()
        return self._stopped
