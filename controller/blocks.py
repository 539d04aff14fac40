"""What is on inside an open block of the guard: which devices, what was wished for, and what they were told.

A wish is a layer like any other: what a device is told is the least of the wish and of all that holds now, or the
device's own minimum where that is allowed. `supervisor` looks after a block while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Protocol

from controller import safety
from controller.envelope import OpenBlock
from controller.limits import limit_heat, limit_vibration
from controller.safety import Energy, Limit, OwnerLimits, Reason
from devices.clock import Clock
from devices.errors import RefusedError
from devices.roles import Massager, Phase, Role, Side, Warmer

TIMER_MARGIN_SECONDS = 3.0  # a device's own timer is the second net: it ends just after ours


class MustStopError(RefusedError):
    """Not even the least that a device can do is allowed now: it must be stopped. `str()` says why."""


class Held(Protocol):
    """What a block is held to now: the layers that belong to the body, and to one pump."""

    @property
    def owner(self) -> OwnerLimits:
        """What the owner allows, with the comfort cap that was chosen."""

    @property
    def has_symptoms(self) -> bool:
        """Whether the day has any."""

    @property
    def hot_seconds(self) -> float:
        """What is left of the time above 41 °C."""

    def layers_of(self, pump: str) -> Iterable[Reason]:
        """Return what holds for one pump alone: no seal yet, or more vacuum than it is set to."""


class Block:
    """One energy while it is on. `seconds`: how long that may be. `over` from the moment it is to stop."""

    energy: Energy
    by_person = False
    phase = Phase.EXPRESSION
    most: float | None = None
    at_full = False
    may_pause = False  # whether a device of it that pauses has not ended

    def __init__(self, clock: Clock, held: Held, devices: Sequence[Role], seconds: float) -> None:
        self.devices: dict[str, Role] = {device.name: device for device in devices}
        self.seconds = seconds
        self.over = False
        self.started = False
        self.began_seconds = clock.now()
        self._clock = clock
        self._held = held
        self._changing = asyncio.Lock()  # one change after another; a stop never looks at it

    @property
    def side(self) -> Side:
        """The side or sides that its devices serve."""
        sides = {device.side for device in self.devices.values()}
        return sides.pop() if len(sides) == 1 else Side.BOTH

    @property
    def until_seconds(self) -> float:
        """When it is over, by the clock."""
        return self.began_seconds + self.seconds

    @property
    def settled(self) -> bool:
        """Whether its devices had time to come down to what they were told last."""
        return True

    @property
    def changing(self) -> bool:
        """Whether something is on its way to its devices."""
        return self._changing.locked()

    @property
    def left_seconds(self) -> float:
        """How long it may still go on."""
        return max(0.0, self.until_seconds - self._clock.now())

    def layer(self) -> OpenBlock:
        """Return to what it widens the envelope."""
        return OpenBlock(
            energy=self.energy,
            side=self.side,
            until_seconds=self.until_seconds + safety.LATE_SECONDS,
            phase=self.phase,
            most=self.most,
            by_person=self.by_person,
            at_full=self.at_full,
        )

    def timer_seconds(self, device: Role) -> float:
        """Return for how long a device is told to run: a little longer than it is meant to, as a second net."""
        seconds = self.left_seconds + TIMER_MARGIN_SECONDS
        return min(seconds, device.limits.run_seconds or seconds)

    def lose(self, device: str) -> None:
        """Go on without a device that is out of reach."""
        self.devices.pop(device, None)

    async def start(self) -> None:
        """Start every device. Raise a `DeviceError` when one does not start."""
        await finished(self._start(device) for device in self.devices.values())

    async def refresh(self, *, again: bool = False) -> None:
        """Hold the devices to what is allowed now. `again`: tell them also where nothing has changed.

        Raise `MustStopError` where not even the least that a device can do is allowed, and other `DeviceError`s.
        """
        raise NotImplementedError

    async def _start(self, device: Role) -> None:
        raise NotImplementedError


class Heat(Block):
    """Warm compresses. `limits`: what each was allowed, by its name."""

    energy = Energy.HEAT

    def __init__(self, clock: Clock, held: Held, warmers: Sequence[Warmer], celsius: float, seconds: float) -> None:
        super().__init__(clock, held, warmers, seconds)
        self.wish_celsius = celsius
        self._warmers = {warmer.name: warmer for warmer in warmers}
        self._planned_hot_seconds = held.hot_seconds
        if seconds > min(self._planned_hot_seconds, safety.ABOVE_WARM_SECONDS):
            self.most = safety.WARM_CELSIUS
        self.limits = {warmer.name: self._limit(warmer, seconds) for warmer in warmers}

    @property
    def hot(self) -> bool:
        """Whether any gets warmer than 41 °C."""
        return any(limit.allowed > safety.WARM_CELSIUS for limit in self.limits.values())

    def _limit(self, warmer: Warmer, seconds: float) -> Limit:
        held = self._held
        return limit_heat(
            self.wish_celsius,
            seconds,
            held.owner,
            warmer.limits,
            symptoms=held.has_symptoms,
            hot_seconds=self._planned_hot_seconds,
        )

    async def _start(self, device: Role) -> None:
        warmer = self._warmers[device.name]
        seconds = self.timer_seconds(warmer)
        await warmer.set_target(self.limits[warmer.name].allowed, seconds, safety.LEASE_SECONDS)

    async def refresh(self, *, again: bool = False) -> None:
        """Set each compress anew that may be less warm than it was."""
        async with self._changing:
            for warmer in [each for each in self._warmers.values() if each.name in self.devices]:
                limit, before = self._limit(warmer, self.seconds), self.limits[warmer.name]
                if self.over:
                    return
                if limit.must_be_off:
                    raise MustStopError(limit.reasons[0].words)
                if again or limit.allowed < before.allowed:
                    self.limits[warmer.name] = limit
                    await self._start(warmer)


class Vibration(Block):
    """Massagers on one side or both. `limits`: what each was allowed, by its name."""

    energy = Energy.VIBRATION

    def __init__(
        self, clock: Clock, held: Held, massagers: Sequence[Massager], intensity: float, side: Side, seconds: float
    ) -> None:
        super().__init__(clock, held, massagers, seconds)
        self.wish_intensity = intensity
        self.at_full = any((each.limits.least_intensity or 0.0) > safety.VIBRATION_INTENSITY for each in massagers)
        self._side = side
        self._massagers = {massager.name: massager for massager in massagers}
        self.limits = {massager.name: self._limit(massager) for massager in massagers}

    def _limit(self, massager: Massager) -> Limit:
        held = self._held
        return limit_vibration(self.wish_intensity, held.owner, massager.limits, symptoms=held.has_symptoms)

    async def _start(self, device: Role) -> None:
        massager = self._massagers[device.name]
        intensity, seconds = self.limits[massager.name].allowed, self.timer_seconds(massager)
        await massager.run(intensity, seconds, safety.LEASE_SECONDS, self._side)

    async def refresh(self, *, again: bool = False) -> None:
        """Set each massager anew that may do less than it did."""
        async with self._changing:
            for massager in [each for each in self._massagers.values() if each.name in self.devices]:
                limit, before = self._limit(massager), self.limits[massager.name]
                if self.over:
                    return
                if limit.must_be_off:
                    raise MustStopError(limit.reasons[0].words)
                if again or limit.allowed < before.allowed:
                    self.limits[massager.name] = limit
                    await self._start(massager)


async def finished(actions: Iterable[Awaitable[None]]) -> None:
    """Do all at once; when one fails, the others are still finished before its error is raised."""
    results = await asyncio.gather(*actions, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
