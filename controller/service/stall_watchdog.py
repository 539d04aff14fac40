"""Detects that the event loop hangs, and ends the process, so that systemd can restart it.

While the loop hangs, no `stop` is received, no device is watched and no lease is renewed. A device with a lease then
stops by itself. For all others a restart helps: the new process stops what was running by the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator
from typing import NoReturn

STALL_SECONDS = 2.0
BEAT_SECONDS = 0.25
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h

_LOG_SECONDS = 0.5
_STDERR = 2


@contextlib.asynccontextmanager
async def heartbeat() -> AsyncIterator[None]:
    """Watch the running event loop for the block: when it hangs for `STALL_SECONDS`, the process ends.

    Slow work at start, such as loading profiles, should come before the block.
    """
    watchdog = _StallWatchdog()
    thread = threading.Thread(target=watchdog.check, name="stall watchdog", daemon=True)
    beating = asyncio.create_task(watchdog.beat(), name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        watchdog.over.set()
        beating.cancel()
        thread.join()


class _StallWatchdog:
    """Counts heartbeats of the event loop, and checks them in a thread."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._beats = 0
        self._loop_thread = threading.get_ident()

    async def beat(self) -> None:
        """Count until cancelled, in real time, whatever the speed of a simulation."""
        while True:
            self._beats += 1
            await asyncio.sleep(BEAT_SECONDS)

    def check(self) -> None:
        """Wake as often as the loop beats, and end the process after too many wake-ups without a beat.

        It counts wake-ups instead of comparing times: after a freeze of the whole process (SIGSTOP, a laptop asleep)
        much time has passed, but there were no more wake-ups than chances to beat.
        """
        seen, missed = 0, 0
        while not self.over.wait(BEAT_SECONDS):
            beats = self._beats
            missed = missed + 1 if beats == seen else 0
            seen = beats
            if missed >= STALL_SECONDS / BEAT_SECONDS:
                self._end_process()

    def _end_process(self) -> NoReturn:
        """Log where the loop hangs, and end the process, whether logging worked or not.

        Logging can hang, too: the loop may hang in a write to the same stderr, or in a read from a failing disk. So it
        is done in another thread, with a time limit.
        """
        try:
            logger = threading.Thread(target=self._log_stack, daemon=True)
            logger.start()
            logger.join(_LOG_SECONDS)
        finally:
            os._exit(EXIT_CODE)

    def _log_stack(self) -> None:
        """Write to stderr without `logging`: the loop may hold the lock of its handler."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        words = f"the event loop hung for {STALL_SECONDS:g} s, so this process ends with {EXIT_CODE}. It hung here:"
        os.write(_STDERR, f"{now} CRITICAL {__name__}: {words}\n".encode())
        stack = traceback.format_stack(sys._current_frames()[self._loop_thread])  # without the values of variables
        os.write(_STDERR, "".join(stack).encode())
