"""What a step works with: time, the guard, words for the person, and the person's signals."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

from controller.cautions import cautions_for
from controller.events import Guide, PartView
from controller.guard import Guard
from controller.guide import Words
from controller.record import Record
from controller.run import Run
from controller.safety import OwnerLimits
from devices.clock import Clock
from devices.roles import Phase, Role, Side


class Signal(StrEnum):
    """What the person, or a device, can tell a running step."""

    SKIP = "skip"
    PAUSE = "pause"
    RESUME = "resume"
    LET_DOWN = "let_down"
    ANSWERED = "answered"


class Skipped(Exception):  # noqa: N818 - control flow, not an error
    """The person goes on to the next step."""


class Paused(Exception):  # noqa: N818 - control flow, not an error
    """The person wants a pause: leave all blocks of energy, and come back later."""


class Stage:
    """One session's stage. Steps call it; the session fills it in and reads from it."""

    def __init__(
        self,
        *,
        station: str,
        side: Side,
        clock: Clock,
        guard: Guard,
        words: Words,
        record: Record,
        answers: dict[str, bool],
        changed: Callable[[], None],
        publish_guide: Callable[[Guide], None],
        wait_for_resume: Callable[[], Awaitable[None]],
    ) -> None:
        self.station = station
        self.side = side
        self.clock = clock
        self.guard = guard
        self.words = words
        self.record = record
        self.answers = answers
        self.wait_for_resume = wait_for_resume
        self.run: Run | None = None  # while pumps run
        self.person_mmhg: dict[Phase, float] = {}  # vacuum that the person chose by their own command
        self.by_hand = False
        self.parts: tuple[PartView, ...] = ()
        self.let_down_seen = False
        self.pumped: set[str] = set()  # pumps that ran in this session
        self.seconds_left: float | None = None
        self.changed = changed
        self._publish_guide = publish_guide
        self._guide = Guide(station=station)
        self._signals: deque[Signal] = deque()
        self._signalled = asyncio.Event()

    @property
    def owner(self) -> OwnerLimits:
        """The owner's limits."""
        return self.guard.owner

    @property
    def sides(self) -> Sequence[Side]:
        """The breasts of this session, one after the other."""
        return (Side.LEFT, Side.RIGHT) if self.side is Side.BOTH else (self.side,)

    def signal(self, signal: Signal) -> None:
        """Tell the running step something."""
        self._signals.append(signal)
        self._signalled.set()

    def begin_step(self) -> None:
        """Forget what belonged to the step before."""
        # A pause that was asked for between two steps is still wanted; anything else was meant for the step before.
        self._signals = deque(signal for signal in self._signals if signal is Signal.PAUSE)
        self.by_hand = False
        self.parts = ()
        self.seconds_left = None

    def guide(self, step: str, title: str, words: str, **more: Any) -> None:
        """Show the person what to do now. `more`: technique, side, picture, seconds, question."""
        self._guide = Guide(station=self.station, step=step, title=title, words=words, **more)
        self._publish_guide(self._guide)

    def guide_step(self, step: str, *, seconds: float | None = None, devices: Sequence[Role] = ()) -> None:
        """Show the words of a kind of step, with a device or by hand, and what to know about its devices."""
        words = self.words.steps[step]
        text = words.by_hand if self.by_hand else words.with_device
        cautions = [
            self.words.message(f"caution_{caution.value}", device=device.name)
            for device in devices
            for caution in cautions_for(device)
        ]
        self.guide(step, words.title, " ".join([text, *cautions]), side=self.side, seconds=seconds)

    async def hold(
        self,
        seconds: float,
        *,
        on_signal: Callable[[Signal], Awaitable[bool]] | None = None,
        each: Callable[[], Awaitable[bool]] | None = None,
    ) -> bool:
        """Wait, looking after signals at once and after `each` every second.

        Return `True` when `on_signal` or `each` says that this is enough, `False` when the time is over. Raise
        `Skipped` or `Paused` on those signals.
        """
        until_seconds = self.clock.now() + seconds
        while True:
            while self._signals:
                signal = self._signals.popleft()
                if signal is Signal.SKIP:
                    raise Skipped
                if signal is Signal.PAUSE:
                    raise Paused
                if on_signal is not None and await on_signal(signal):
                    return True
            if each is not None and await each():
                return True
            left_seconds = until_seconds - self.clock.now()
            if left_seconds <= 0:
                return False
            self._show_left(left_seconds)
            self._signalled.clear()
            with contextlib.suppress(TimeoutError):
                async with self.clock.timeout(min(1.0, left_seconds)):
                    await self._signalled.wait()

    async def pausable(self, seconds: float, body: Callable[[float], Awaitable[None]]) -> None:
        """Run `body(seconds_left)`; a pause leaves it, and after the pause it runs anew with what is left."""
        left_seconds = seconds
        while True:
            began_seconds = self.clock.now()
            try:
                await body(left_seconds)
            except Paused:
                left_seconds -= self.clock.now() - began_seconds
                await self.wait_for_resume()
                if left_seconds < 1:
                    return
            else:
                return

    def _show_left(self, left_seconds: float) -> None:
        self.seconds_left = round(left_seconds, 1)
        self._publish_guide(self._guide.model_copy(update={"seconds_left": self.seconds_left}))
        self.changed()
