"""What the steps of a session work with: its progress, the guard, the devices, time, and the person's signals."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from controller.contract.comfort import ComfortAdvice
from controller.contract.event_data import PausedData, ResumedData
from controller.contract.events import SessionState
from controller.contract.words import Words
from controller.safety.apply_limits import limit_vibration
from controller.safety.guard import Guard
from controller.safety.limits import RAISE_STEP_MMHG, VIBRATION_INTENSITY, Limit, OwnerLimits
from controller.safety.message import KeyedMessage, NotPossibleError, message
from controller.safety.pump_run import PumpRun
from controller.session.day_answers import DayAnswers
from controller.session.guide import GuideDisplay
from controller.session.measurements import Measurements
from controller.session.session_progress import SessionProgress
from controller.session.session_publisher import SessionPublisher
from devices.roles import Capability, Massager, Pump, Role, Side, Warmer
from devices.support.clock import Clock

PAUSE_SECONDS = 3600.0  # a session that is paused for longer ends


class Signal(StrEnum):
    """What the person, or a device, can signal to a running step."""

    SKIP = "skip"
    PAUSE = "pause"
    RESUME = "resume"
    LET_DOWN = "let_down"
    ANSWERED = "answered"
    NOT_YET = "not_yet"
    START_SUCTION = "start_suction"


class Skipped(Exception):  # noqa: N818 - control flow, not an error
    """The person skips the rest of the step, or of a technique."""


class Paused(Exception):  # noqa: N818 - control flow, not an error
    """The person pauses: leave all blocks of energy, and start them again after the pause."""


class NoAnswerError(Exception):
    """The person did not answer a question in time, and so the session ends."""


class PauseTimeoutError(Exception):
    """The person did not come back from a pause in time, and so the session ends."""


def usable_massagers(devices: Sequence[Role], owner: OwnerLimits, side: Side) -> list[Massager]:
    """Return the connected massagers of a side that the controller can start and that can run low enough."""
    return [
        device
        for device in _startable(devices, side)
        if device.role == "massager" and not limit_vibration(VIBRATION_INTENSITY, owner, device.limits).must_be_off
    ]


def _startable(devices: Sequence[Role], side: Side) -> list[Role]:
    return [
        device
        for device in devices
        if Capability.START in device.capabilities and device.side.covers(side) and device.connected
    ]


@dataclass(eq=False, kw_only=True)
class StepContext:
    """What one session hands to its steps. `comfort`: what is learned of the person's comfort now, if anything."""

    progress: SessionProgress
    side: Side
    publisher: SessionPublisher
    guide: GuideDisplay
    clock: Clock
    guard: Guard
    devices: Sequence[Role]
    words: Words
    measurements: Measurements
    answers: DayAnswers
    comfort: Callable[[], ComfortAdvice | None] = lambda: None
    _signals: deque[Signal] = field(default_factory=deque, init=False)
    _signalled: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _resumed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @property
    def owner(self) -> OwnerLimits:
        """The owner's limits."""
        return self.guard.owner

    @property
    def sides(self) -> Sequence[Side]:
        """The breasts of this session, one after the other."""
        return (Side.LEFT, Side.RIGHT) if self.side is Side.BOTH else (self.side,)

    def show_step(self, step: str, seconds: float, devices: Sequence[Role] = ()) -> None:
        """Show what to do in a kind of step, and the cautions about its devices."""
        self.guide.show_step(step, self.side, by_hand=self.progress.by_hand, seconds=seconds, devices=devices)

    def answer_by(self, seconds: float) -> datetime:
        """Return the time of day until which a question waits for its answer."""
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)

    # Vacuum

    async def set_vacuum(self, vacuum_mmhg: float) -> Limit:
        """Set the vacuum by the person's command, once the pumps run. Raise `NotPossibleError` where none does."""
        return await self._adjust(await self._running_pumps(), vacuum_mmhg=vacuum_mmhg)

    async def step_vacuum(self, up: bool) -> Limit:
        """Raise or lower by 20 mmHg, or by one level, once the pumps run. Raise `NotPossibleError` where none does."""
        run = await self._running_pumps()
        if run.setting.level is not None:
            return await self._adjust(run, level=max(1, run.setting.level + (1 if up else -1)))
        step_mmhg = RAISE_STEP_MMHG if up else -RAISE_STEP_MMHG
        return await self._adjust(run, vacuum_mmhg=max(0.0, (run.setting.vacuum_mmhg or 0.0) + step_mmhg))

    def vacuum_refusal(self, *, in_mmhg: bool) -> KeyedMessage | None:
        """Return why the vacuum cannot be set now, `in_mmhg` or by one step; `None` where it can."""
        run = self.progress.pump_run
        if run is None:
            starting = self.progress.pumps_starting is not None  # then the request waits for them
            return None if starting else message("no_pump_runs")
        if run.refusal is None and in_mmhg and run.by_level:
            return message("levels_alone")
        return run.refusal

    @contextlib.asynccontextmanager
    async def pumps_starting(self) -> AsyncIterator[None]:
        """Keep requests for another vacuum waiting until `pumps_started`, or until the block is over."""
        self.progress.pumps_starting = asyncio.Event()
        try:
            yield
        finally:
            self.pumps_started()

    def pumps_started(self) -> None:
        """Let requests for another vacuum be carried out: the pumps run now."""
        if self.progress.pumps_starting is not None:
            self.progress.pumps_starting.set()
            self.progress.pumps_starting = None

    async def _running_pumps(self) -> PumpRun:
        """Return the pumps that run; those that are starting, once they run: a request to lower must never be lost."""
        if (starting := self.progress.pumps_starting) is not None:
            await starting.wait()
        if self.progress.pump_run is None:
            raise NotPossibleError(message("no_pump_runs"))
        return self.progress.pump_run

    async def _adjust(self, run: PumpRun, *, vacuum_mmhg: float | None = None, level: int | None = None) -> Limit:
        before_mmhg = run.requested.vacuum_mmhg
        try:
            return await run.adjust(vacuum_mmhg=vacuum_mmhg, level=level, by_person=True)
        finally:
            # From now on the routine does not raise it by itself, even if the pump has not answered.
            if run.requested.vacuum_mmhg is not None:
                self.progress.person_mmhg[run.phase] = run.requested.vacuum_mmhg
                self.publisher.publish_vacuum_set(run.phase, before_mmhg, run.requested.vacuum_mmhg)
            self.publisher.publish_snapshot()

    # Warmth

    @property
    def warmth_refusal(self) -> KeyedMessage | None:
        """Why the temperature cannot be set now; `None` where it can."""
        return message("no_compress_on") if self.guard.heat_block is None else None

    async def set_warmth(self, celsius: float | None) -> Limit | None:
        """Set the warm compress (°C) by the person's command. Raise `RefusedError` when that is not possible."""
        block = self.guard.heat_block
        if block is None:
            raise NotPossibleError(message("no_compress_on"))
        if celsius is None:
            return None
        self.progress.person_celsius = celsius  # also after a pause; the limits apply then, too
        try:
            return await block.adjust(celsius)
        finally:
            self.publisher.publish_snapshot()

    # The station's devices that a step may use

    def pumps(self, side: Side) -> list[Pump]:
        """Return the connected pumps of a side that the controller can start."""
        return [device for device in self._startable(side) if device.role == "pump"]

    def warmers(self, side: Side) -> list[Warmer]:
        """Return the connected warm compresses of a side that the controller can start and the owner allows."""
        return [device for device in self._startable(side) if device.role == "warmer" and self._heat_is_known(device)]

    def massagers(self, side: Side) -> list[Massager]:
        """Return the connected massagers of a side that the controller can start and that can run low enough."""
        return usable_massagers(self.devices, self.owner, side)

    def connected(self, role: str, side: Side) -> list[Role]:
        """Return all connected devices of a role and side, also those that only report."""
        return [each for each in self.devices if each.role == role and each.side.covers(side) and each.connected]

    def _heat_is_known(self, compress: Warmer) -> bool:
        """Return whether it is known how warm it gets, or the owner allows heat of which it is not."""
        settable = Capability.TARGET_CELSIUS in compress.capabilities
        return settable or self.owner.heat_without_temperature or self.guard.has_thermometer_on(compress.name)

    def _startable(self, side: Side) -> list[Role]:
        return _startable(self.devices, side)

    # Time and signals

    def signal(self, signal: Signal) -> None:
        """Wake the running step with a signal."""
        if signal is Signal.RESUME:
            self._resumed.set()
        elif signal is not Signal.PAUSE or self.progress.state is not SessionState.PAUSED:
            self._signals.append(signal)
            self._signalled.set()

    def discard_signals(self) -> None:
        """Drop the signals meant for the step before; a pause requested between two steps still counts."""
        self._signals = deque(signal for signal in self._signals if signal is Signal.PAUSE)

    async def wait(
        self,
        seconds: float,
        *,
        until: Collection[Signal] = (),
        every_second: Callable[[], bool] | None = None,
    ) -> Signal | bool:
        """Wait until the time is over, one of the signals in `until` comes, or `every_second` returns `True`.

        Return `False`, the signal, or `True`, in that order. Raise `Skipped` or `Paused` on those signals.
        """
        until_seconds = self.clock.now() + seconds
        while True:
            while self._signals:
                signal = self._signals.popleft()
                if signal is Signal.SKIP:
                    raise Skipped
                if signal is Signal.PAUSE:
                    raise Paused
                if signal in until:
                    return signal
            if every_second is not None and every_second():
                return True
            left_seconds = until_seconds - self.clock.now()
            if left_seconds <= 0:
                return False
            self._show_seconds_left(left_seconds)
            self._signalled.clear()
            with contextlib.suppress(TimeoutError):
                async with self.clock.timeout(min(1.0, left_seconds)):
                    await self._signalled.wait()

    async def run_pausable(self, seconds: float, body: Callable[[float], Awaitable[object]]) -> None:
        """Run `body(seconds_left)`; a pause ends it, and after the pause it runs again with the time that is left."""
        left_seconds = seconds
        while True:
            began_seconds = self.clock.now()
            try:
                await body(left_seconds)
            except Paused:
                left_seconds -= self.clock.now() - began_seconds
                await self._wait_for_resume()
                if left_seconds < 1:
                    return
            else:
                return

    async def _wait_for_resume(self) -> None:
        progress = self.progress
        before, progress.state = progress.state, SessionState.PAUSED
        progress.ends_at = None
        self._resumed.clear()
        self.publisher.publish_event(PausedData())
        self.guide.show_message(progress.steps[progress.step_index or 0].name, "paused")
        try:
            async with self.clock.timeout(PAUSE_SECONDS):
                await self._resumed.wait()
        except TimeoutError:
            raise PauseTimeoutError from None
        progress.state = before
        progress.plan_end(self.clock.now())
        self.publisher.publish_event(ResumedData())

    def _show_seconds_left(self, left_seconds: float) -> None:
        if self.progress.flange_wait == "command":
            return  # nothing starts when this time is over; the session ends
        self.progress.step_seconds_left = round(left_seconds, 1)
        self.guide.show_seconds_left(self.progress.step_seconds_left)
        self.publisher.publish_snapshot()
