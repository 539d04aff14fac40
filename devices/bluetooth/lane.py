"""The lane of a device: executes its commands one at a time, in order; a stop clears it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from devices.errors import RefusedError

T = TypeVar("T")


class Lane:
    """Runs actions one at a time. `clear` refuses those that wait, and cancels the one that runs."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self.stops = 0  # how often a stop has cleared it: what was requested before the last one is never run
        self._running: asyncio.Future[Any] | None = None

    async def run(
        self, action: Callable[[], Awaitable[T]], *, is_stop: bool = False, after_stops: int | None = None
    ) -> T:
        """Run `action` when its turn comes. Raise `RefusedError` if a stop came first.

        A stop is never cancelled, and waits only for the cleanup of the action that it cancels. `after_stops`: `stops`
        as it was when the action was requested, if that was earlier.
        """
        if is_stop:
            self.clear()
        if after_stops is None:
            after_stops = self.stops
        async with self._lock:
            if is_stop:
                return await action()
            if after_stops != self.stops:
                raise RefusedError("superseded by a stop")
            self._running = task = asyncio.ensure_future(action())
            try:
                return await task
            except asyncio.CancelledError:
                caller = asyncio.current_task()
                if after_stops != self.stops and not (caller and caller.cancelling()):  # cancelled by `clear` alone
                    raise RefusedError("superseded by a stop") from None
                task.cancel()
                raise
            finally:
                self._running = None

    def clear(self) -> None:
        """Refuse everything that waits, and cancel what runs, so that nothing is sent after a stop."""
        self.stops += 1
        if self._running is not None:
            self._running.cancel()
