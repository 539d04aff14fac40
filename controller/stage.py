"""What a step works with: time, the guard, words for the person, and the person's signals."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from controller import safety
from controller.answers import DayAnswers
from controller.cautions import cautions_for
from controller.events import Guide, PartView
from controller.guard import Guard
from controller.guide import Words
from controller.limits import limit_vibration
from controller.pump_run import Suction
from controller.record import Record
from controller.safety import Limit, OwnerLimits
from devices.clock import Clock
from devices.errors import RefusedError
from devices.roles import Capability, Massager, Phase, Pump, Role, Side, Warmer


class Signal(StrEnum):
    """What the person, or a device, can tell a running step."""

    SKIP = "skip"
    PAUSE = "pause"
    RESUME = "resume"
    LET_DOWN = "let_down"
    ANSWERED = "answered"
    NOT_YET = "not_yet"
    START_SUCTION = "start_suction"


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
        devices: Sequence[Role],
        words: Words,
        record: Record,
        answers: DayAnswers,
        changed: Callable[[], None],
        publish_guide: Callable[[Guide], None],
        wait_for_resume: Callable[[], Awaitable[None]],
    ) -> None:
        self.station = station
        self.side = side
        self.clock = clock
        self.guard = guard
        self.devices = tuple(devices)
        self.words = words
        self.record = record
        self.answers = answers
        self.wait_for_resume = wait_for_resume
        self.run: Suction | None = None  # while pumps run
        self.flange_on = False  # the person had time to put it on, and nothing has come between since
        self.waits_for_flange = False
        self.suction_began_seconds: float | None = None  # for the first time in this session, with pumps or by hand
        self._counts_down = False
        self._sealed_guide: Guide | None = None  # what was shown before a seal was missing
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

    async def set_vacuum(self, vacuum_mmhg: float) -> Limit:
        """Change the vacuum by the person's own command. Raise `RefusedError` when that cannot be."""
        run = self._running()
        try:
            return await run.adjust(vacuum_mmhg=vacuum_mmhg, by_person=True)
        finally:
            # From now on the routine does not climb by itself, even where the pump has not answered.
            if run.wish.vacuum_mmhg is not None:
                self.person_mmhg[run.phase] = run.wish.vacuum_mmhg

    async def nudge(self, up: bool) -> Limit:
        """Ask for 20 mmHg or one level more or less. Raise `RefusedError` when that cannot be."""
        run = self._running()
        if run.setting.level is not None:
            return await run.adjust(level=max(1, run.setting.level + (1 if up else -1)), by_person=True)
        step_mmhg = safety.RAISE_STEP_MMHG if up else -safety.RAISE_STEP_MMHG
        return await self.set_vacuum(max(0.0, (run.setting.vacuum_mmhg or 0.0) + step_mmhg))

    def _running(self) -> Suction:
        if self.run is None:
            raise RefusedError("no pump is running")
        return self.run

    # The devices of this station that a step may use

    def pumps(self, side: Side) -> list[Pump]:
        """Return the pumps of a side that can be started from here."""
        return [device for device in self._startable(side) if device.role == "pump"]

    def warmers(self, side: Side) -> list[Warmer]:
        """Return the warm compresses of a side that can be started from here, and that the owner allows."""
        blind = self.owner.heat_without_temperature
        return [
            device
            for device in self._startable(side)
            if device.role == "warmer" and (blind or Capability.TARGET_CELSIUS in device.capabilities)
        ]

    def massagers(self, side: Side) -> list[Massager]:
        """Return the massagers of a side that can be started from here, and that can run low enough."""
        return [
            device
            for device in self._startable(side)
            if device.role == "massager"
            and not limit_vibration(safety.VIBRATION_INTENSITY, self.owner, device.limits).must_be_off
        ]

    def all_of(self, role: str, side: Side) -> list[Role]:
        """Return all devices of a role and side that are connected, also those that only report."""
        return [each for each in self.devices if each.role == role and each.side.covers(side) and each.connected]

    def _startable(self, side: Side) -> list[Role]:
        found = [device for device in self.devices if Capability.START in device.capabilities]
        return [device for device in found if device.side.covers(side) and device.connected]

    def signal(self, signal: Signal) -> None:
        """Tell the running step something."""
        self._signals.append(signal)
        self._signalled.set()

    def begin_step(self, kind: str) -> None:
        """Forget what belonged to the step before. After anything but suction, the flange may be off."""
        self.flange_on = self.flange_on and kind in ("stimulate", "express")
        # A pause that was asked for between two steps is still wanted; anything else was meant for the step before.
        self._signals = deque(signal for signal in self._signals if signal is Signal.PAUSE)
        self.by_hand = False
        self.parts = ()
        self.seconds_left = None

    def note_suction(self) -> None:
        """Note that suction begins; the first time counts."""
        if self.suction_began_seconds is None:
            self.suction_began_seconds = self.clock.now()

    def guide(self, step: str, title: str, words: str, **more: Any) -> None:
        """Show the person what to do now. `more`: technique, side, picture, seconds, question."""
        self._guide = Guide(station=self.station, step=step, title=title, words=words, **more)
        self._publish_guide(self._guide)

    def guide_step(self, step: str, *, seconds: float | None = None, devices: Sequence[Role] = ()) -> None:
        """Show the words of a kind of step, with a device or by hand, and what to know about its devices."""
        self._sealed_guide = None
        words = self.words.steps[step]
        text = words.by_hand if self.by_hand else words.with_device
        cautions = [
            self.words.message(f"caution_{caution.value}", device=device.name)
            for device in devices
            for caution in cautions_for(device)
        ]
        self.guide(step, words.title, " ".join([text, *cautions]), side=self.side, seconds=seconds)

    @property
    def suction_starts_in_seconds(self) -> float | None:
        """How long until the pumps start by themselves, while that is counted down."""
        return self.seconds_left if self._counts_down else None

    @contextlib.contextmanager
    def counting_down(self) -> Iterator[None]:
        """Show inside the block that the pumps start when its time is over."""
        self._counts_down = True
        try:
            yield
        finally:
            self._counts_down = False

    @contextlib.contextmanager
    def waiting_for_flange(self) -> Iterator[None]:
        """Show inside the block that the pumps wait for the person."""
        self.waits_for_flange, self.seconds_left = True, None
        self.changed()
        try:
            yield
        finally:
            self.waits_for_flange = False

    def show_seal(self, *, missing: bool) -> None:
        """Say that a pump measures no vacuum, or go on with what was shown before."""
        if missing and self._sealed_guide is None:
            self._sealed_guide = self._guide
            self._guide = self._guide.model_copy(update={"words": self.words.message("no_seal")})
            self._publish_guide(self._guide)
        elif not missing and self._sealed_guide is not None:
            self._guide, self._sealed_guide = self._sealed_guide, None
            self._publish_guide(self._guide)

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
        if self.waits_for_flange:
            return  # nothing happens when that time is over, but that the session ends
        self.seconds_left = round(left_seconds, 1)
        self._publish_guide(self._guide.model_copy(update={"seconds_left": self.seconds_left}))
        self.changed()
