"""The serial lane: a device's commands, one after another in order, until a stop empties it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from devices.errors import RefusedError

T = TypeVar("T")


class Lane:
    """Runs actions one at a time. `clear` refuses all that wait and cuts off the one that runs."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._generation = 0
        self._running: asyncio.Task[object] | None = None

    @property
    def stops(self) -> int:
        """How many stops have emptied it: what began to matter before the last of them is never run."""
        return self._generation

    async def run(
        self, action: Callable[[], Awaitable[T]], *, is_stop: bool = False, after_stops: int | None = None
    ) -> T:
        """Run `action` when its turn comes. Raise `RefusedError` if a stop came first.

        A stop is never cut off, and waits for nothing but the cleaning up of what it cuts off. `after_stops`: what
        `stops` was when the action was due, where that was before now.
        """
        if is_stop:
            self.clear()
        generation = self._generation if after_stops is None else after_stops
        async with self._lock:
            if is_stop:
                return await action()
            if generation != self._generation:
                raise RefusedError("overtaken by a stop")
            task: asyncio.Task[T] = asyncio.ensure_future(_awaited(action))
            self._running = task
            try:
                return await task
            except asyncio.CancelledError:
                caller = asyncio.current_task()
                if generation != self._generation and not (caller and caller.cancelling()):  # cut off by `clear` alone
                    raise RefusedError("overtaken by a stop") from None
                task.cancel()
                raise
            finally:
                self._running = None

    def clear(self) -> None:
        """Refuse everything that waits, and cut off what runs, so that nothing can follow a stop on the air."""
        self._generation += 1
        if self._running is not None:
            self._running.cancel()


async def _awaited(action: Callable[[], Awaitable[T]]) -> T:
    return await action()
