"""Blocking work in threads, waited for only so long. The end of the process waits for none of them.

`asyncio.to_thread` will not do: work that hangs would take the threads of everything else, and hold up the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class BoundedThreads:
    """Runs blocking work, at most `most` at a time; more wait, within the time that they have."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(most)

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """Return what `work` returns, or raise what it raises. Raise `TimeoutError`; it may still be done later."""
        async with asyncio.timeout(seconds):
            await self._free.acquire()
            loop = asyncio.get_running_loop()
            result: asyncio.Future[T] = loop.create_future()

            def finish(outcome: Callable[[], None]) -> None:
                self._free.release()
                if not result.done():
                    outcome()

            def run() -> None:
                try:
                    value = work()
                except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                    raised = error
                    outcome: Callable[[], None] = lambda: result.set_exception(raised)  # noqa: E731
                else:
                    outcome = lambda: result.set_result(value)  # noqa: E731
                with contextlib.suppress(RuntimeError):  # the loop is closed: nothing awaits the result
                    loop.call_soon_threadsafe(finish, outcome)

            threading.Thread(target=run, name=self._name, daemon=True).start()
            return await result
