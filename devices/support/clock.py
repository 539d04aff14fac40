"""Time as the controller and the virtual devices see it: real, or simulated and faster.

Every wait of a session, a limit or a simulated body goes through a `Clock`, so a 25-minute session runs in seconds.
Both clocks are monotonic: a changed wall clock or daylight saving never touches a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
from collections.abc import AsyncIterator, Iterator
from typing import Protocol
from weakref import WeakKeyDictionary

_settling: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()  # how many clocks wait in `_settle`


class Clock(Protocol):
    """Monotonic seconds, and ways to wait for them."""

    def now(self) -> float:
        """Return seconds since the clock was made."""

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` (0 or less: only give way to other tasks)."""

    def timeout(self, seconds: float) -> contextlib.AbstractAsyncContextManager[asyncio.Timeout]:
        """Bound the block: raise `TimeoutError` after `seconds`."""

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Let no simulated time pass inside the block: for work that takes real time, such as writing to a disk."""


class RealClock:
    """Seconds as they pass."""

    def __init__(self) -> None:
        self._origin = asyncio.get_running_loop().time()

    def now(self) -> float:
        """Return seconds since the clock was made."""
        return asyncio.get_running_loop().time() - self._origin

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """Bound the block to `seconds`."""
        return asyncio.timeout(seconds)

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Change nothing: real time cannot be held."""
        return contextlib.nullcontext()


class ScaledClock:
    """Simulated seconds, at most `speed` of them in a real second, and never more than the code can follow.

    Time moves from one wake-up to the next and stands still while this event loop has anything left to do (it does not
    know of threads or sockets). So a busy machine makes a simulation slower, never wrong, and the same seed gives the
    same session to the last digit. One such clock belongs to a loop: two would wait for each other.

    `grace_seconds` is the real time that a *timeout* lasts at least. It is 0 where everything answers in this process,
    and about 1 s where virtual devices live in another process and answer in real time.
    """

    def __init__(self, speed: float, grace_seconds: float = 0.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self._speed = speed
        self._grace_seconds = grace_seconds
        self._now = 0.0
        self._real = 0.0  # the loop's time that belongs to self._now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._driver: asyncio.Task[None] | None = None
        self._sooner = asyncio.Event()
        self._holds = 0
        self._idle = False  # nothing is left to do, and the next wake-up is waited for
        self._released = asyncio.Event()

    def now(self) -> float:
        """Return simulated seconds since the clock was made."""
        if self._idle:
            self._catch_up()
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        self._catch_up()
        if self._driver is None or self._driver.done():
            self._real = loop.time()
            self._driver = loop.create_task(self._drive(), name="scaled clock")
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        if self._sleepers[0][2] is future:
            self._sooner.set()
        await future

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Bound the block to simulated `seconds`, and to `grace_seconds` of real time if that is longer."""
        loop = asyncio.get_running_loop()
        not_before = loop.time() + self._grace_seconds
        async with asyncio.timeout(None) as bound:

            async def expire() -> None:
                await self.sleep(seconds)
                bound.reschedule(max(not_before, loop.time()))

            timer = loop.create_task(expire())
            try:
                yield bound
            finally:
                timer.cancel()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no simulated time pass inside the block: for work that takes real time, such as reaching a broker."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                self._real = asyncio.get_running_loop().time()
                self._released.set()

    def _catch_up(self) -> None:
        """Where something from outside asks for the time while all wait, let it be what has passed since."""
        if self._idle and math.isfinite(self._speed):
            real = asyncio.get_running_loop().time()
            due = self._sleepers[0][0] if self._sleepers else math.inf
            self._now = min(due, self._now + max(0.0, real - self._real) * self._speed)
            self._real = real

    async def _drive(self) -> None:
        """Wake sleepers in order of their time, for as long as there are any."""
        loop = asyncio.get_running_loop()
        while True:
            await _settle(loop)
            if self._holds:
                self._released.clear()
                await self._released.wait()
                continue  # what waited for the release comes first
            while self._sleepers and self._sleepers[0][2].done():  # cancelled
                heapq.heappop(self._sleepers)
            self._sooner.clear()
            if not self._sleepers:
                return
            due = self._sleepers[0][0]
            if math.isfinite(self._speed):
                wait = self._real + (due - self._now) / self._speed - loop.time()
                if wait > 0:
                    self._idle = True
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._sooner.wait(), wait)
                    self._idle = False
                    if self._sooner.is_set():
                        continue
            # Late by more than this pace: the lag is forgiven, so that time never runs to catch up.
            self._real = max(self._real + (due - self._now) / self._speed, loop.time() - 0.05)
            self._now = due
            while self._sleepers and self._sleepers[0][0] <= due:
                future = heapq.heappop(self._sleepers)[2]
                if not future.done():
                    future.set_result(None)
                    await _settle(loop)


async def give_way(turns: int) -> None:
    """Let the event loop make so many turns: what is ready to run, runs meanwhile."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def _settle(loop: asyncio.AbstractEventLoop) -> None:
    """Give way until nothing else is ready to run.

    asyncio has no public way to ask "is anybody else ready?"; CPython's loops keep the answer in `_ready`. On a loop
    without it (uvloop) a fixed number of turns is the next best: time may then outrun a long chain of messages.
    """
    ready = getattr(loop, "_ready", None)
    if ready is None:
        await give_way(64)
        return
    _settling[loop] = _settling.get(loop, 0) + 1
    try:
        # Other waiters here are in the ready queue once. They are not waited for: each would wait for the other.
        while len(ready) >= _settling[loop]:  # noqa: ASYNC110 - what we wait for is that there is nothing to wait for
            await asyncio.sleep(0)
    finally:
        _settling[loop] -= 1
