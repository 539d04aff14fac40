"""Notices that the event loop hangs, and ends the process, so that whoever started it can start it anew.

While the loop hangs, nobody hears `stop`, watches a device or renews its lease. A device with a lease then stops by
itself. For all others a fresh start is the way out: the new process stops what its journal says was running.
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

_LAST_WORDS_SECONDS = 0.5
_STDERR = 2


@contextlib.asynccontextmanager
async def heartbeat() -> AsyncIterator[None]:
    """Watch over the running event loop for the block: when it hangs for `STALL_SECONDS`, the process ends.

    It is for a loop that serves. What may take its time on a slow machine, such as loading profiles, comes before it.
    """
    heart = _Heart()
    thread = threading.Thread(target=heart.listen, name="heartbeat", daemon=True)
    beating = asyncio.create_task(heart.beat(), name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        heart.over.set()
        beating.cancel()
        thread.join()


class _Heart:
    """Beats in the event loop, and is listened to in a thread."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._beats = 0
        self._loop_thread = threading.get_ident()

    async def beat(self) -> None:
        """Beat until cancelled, in real time, however fast the clock of a simulation runs."""
        while True:
            self._beats += 1
            await asyncio.sleep(BEAT_SECONDS)

    def listen(self) -> None:
        """Wake as often as the heart beats, and end the process after too many wakes without a beat.

        Wakes are counted, and no times compared: a process that was frozen as a whole (SIGSTOP, a laptop asleep) finds
        that much time has passed, but it woke no more often than it could beat.
        """
        heard, missed = 0, 0
        while not self.over.wait(BEAT_SECONDS):
            beats = self._beats
            missed = missed + 1 if beats == heard else 0
            heard = beats
            if missed >= STALL_SECONDS / BEAT_SECONDS:
                self._die()

    def _die(self) -> NoReturn:
        """Say where the loop hangs and end the process at once, whether or not that could be said.

        Saying it can hang, too: the loop may hang in a write to the same stderr, or in a read from a dying disk. So
        another thread says it, and has only so long.
        """
        try:
            speaker = threading.Thread(target=self._say_where, daemon=True)
            speaker.start()
            speaker.join(_LAST_WORDS_SECONDS)
        finally:
            os._exit(EXIT_CODE)

    def _say_where(self) -> None:
        """Write to stderr, past `logging`: the loop may hang with the lock of its handler."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        words = f"the event loop hung for {STALL_SECONDS:g} s, so this process ends with {EXIT_CODE}. It hung here:"
        os.write(_STDERR, f"{now} CRITICAL {__name__}: {words}\n".encode())
        stack = traceback.format_stack(sys._current_frames()[self._loop_thread])  # without the values of variables
        os.write(_STDERR, "".join(stack).encode())
