"""What is on inside an open block of the guard: which devices, what was requested, and what they are set to.

A request is a layer like any other: a device is set to the lowest of the request and of all that holds now, or to the
device's own minimum where that is allowed. `supervisor` watches a block while it is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from controller.safety.apply_limits import limit_heat, limit_vibration
from controller.safety.envelope import OpenBlock
from controller.safety.limits import (
    ABOVE_WARM_SECONDS,
    LATE_SECONDS,
    LEASE_SECONDS,
    VIBRATION_INTENSITY,
    WARM_CELSIUS,
    Energy,
    Limit,
    OwnerLimits,
    Reason,
)
from controller.safety.listener import SafetyListener, report_limits
from controller.safety.message import NotPossibleError, message
from devices.errors import DeviceError
from devices.roles import Massager, Phase, Role, Side, Warmer
from devices.support.clock import Clock

TIMER_MARGIN_SECONDS = 3.0  # a device's own timer is the second net: it ends just after ours


class MustStopError(NotPossibleError):
    """Not even the least that a device can do is allowed now: it must be stopped. `message` says why."""


def name_devices(devices: Iterable[Role], results: Iterable[object]) -> None:
    """Name the device in each error among the results of commands to devices, so that the person knows which it is."""
    for device, result in zip(devices, results, strict=True):
        if isinstance(result, DeviceError):
            result.device = device.name


class BodyLimits(Protocol):
    """What limits a block now: the layers that belong to the body, and to one pump."""

    owner: OwnerLimits
    listeners: list[SafetyListener]

    @property
    def has_symptoms(self) -> bool:
        """Whether any symptom was reported today."""

    @property
    def hot_seconds(self) -> float:
        """What is left of the time above 41 °C."""

    def pump_layers(self, pump: str) -> Iterable[Reason]:
        """Return what holds for one pump alone: no seal yet, or more vacuum than it is set to."""


class EnergyBlock:
    """One energy while it is on, on one or more devices.

    `seconds`: how long it may be on. `over`: from the moment it is to stop. `limits`: those met when it was opened.
    `most`: what the step allows, whatever is requested (mmHg or °C). `by_person`: whether a person chose the setting.
    """

    energy: Energy
    limits: tuple[Limit, ...] = ()
    by_person = False
    phase = Phase.EXPRESSION
    most: float | None = None
    at_full = False
    may_pause = False  # whether a device that pauses has not ended

    def __init__(self, clock: Clock, body: BodyLimits, devices: Sequence[Role], seconds: float) -> None:
        self.devices: dict[str, Role] = {device.name: device for device in devices}
        self.seconds = seconds
        self.over = False
        self.started = False
        self.began_seconds = clock.now()
        self._clock = clock
        self._body = body
        self._changing = asyncio.Lock()  # one change after another; a stop never waits for it

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
    def had_time_to_follow(self) -> bool:
        """Whether its devices had time to come down to the last lower setting."""
        return True

    @property
    def changing(self) -> bool:
        """Whether a new setting is being sent to its devices."""
        return self._changing.locked()

    def layer(self) -> OpenBlock:
        """Return what it widens the envelope to."""
        return OpenBlock(
            energy=self.energy,
            side=self.side,
            until_seconds=self.until_seconds + LATE_SECONDS,
            phase=self.phase,
            most=self.most,
            by_person=self.by_person,
            at_full=self.at_full,
        )

    def timer_seconds(self, device: Role) -> float:
        """Return the duration to send to a device's own timer: a little longer than the block, as a second net."""
        seconds = max(0.0, self.until_seconds - self._clock.now()) + TIMER_MARGIN_SECONDS
        return min(seconds, device.limits.run_seconds or seconds)

    def drop(self, device: str) -> None:
        """Continue without a device that is out of reach."""
        self.devices.pop(device, None)

    async def start(self) -> None:
        """Start every device, and let each finish before an error is raised.

        Raises:
            DeviceError: A device did not start.
        """
        devices = tuple(self.devices.values())
        results = await asyncio.gather(*(self._start(device) for device in devices), return_exceptions=True)
        name_devices(devices, results)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def refresh(self, *, again: bool = False) -> None:
        """Set the devices to what is allowed now. `again`: send it also where nothing has changed.

        Raises:
            MustStopError: Not even the least that a device can do is allowed.
            DeviceError: A device did not confirm its setting.
        """
        raise NotImplementedError

    async def _start(self, device: Role) -> None:
        raise NotImplementedError


class _SingleBlock(EnergyBlock):
    """A block in which each device has a limit of its own, and is set by starting it anew."""

    def _limit_each(self) -> None:
        self._limits = {name: self._limit(device) for name, device in self.devices.items()}
        self.limits = tuple(self._limits.values())

    async def refresh(self, *, again: bool = False) -> None:
        """Set each device anew that may do less than it did."""
        async with self._changing:
            for name, device in tuple(self.devices.items()):
                limit = self._limit(device)
                if self.over:
                    return
                if limit.must_be_off:
                    raise MustStopError(limit.reasons[0].message)
                if again or limit.allowed < self._limits[name].allowed:
                    self._limits[name] = limit
                    await self._start(device)

    def _limit(self, device: Role) -> Limit:
        raise NotImplementedError


class HeatBlock(_SingleBlock):
    """Warm compresses."""

    energy = Energy.HEAT

    def __init__(
        self, clock: Clock, body: BodyLimits, warmers: Sequence[Warmer], celsius: float, seconds: float
    ) -> None:
        super().__init__(clock, body, warmers, seconds)
        self._warmers = {warmer.name: warmer for warmer in warmers}
        self._requested_celsius = celsius
        self._planned_hot_seconds = body.hot_seconds
        if seconds > min(self._planned_hot_seconds, ABOVE_WARM_SECONDS):
            self.most = WARM_CELSIUS
        self._limit_each()
        self._counts_as_hot = any(limit.allowed > WARM_CELSIUS for limit in self.limits)

    async def adjust(self, celsius: float) -> Limit:
        """Set the compresses to another temperature (°C), within the limits. Return the limit that applies.

        A block that began at 41 °C or less stays there: no time above it was planned, nor saved for after a crash.

        Raises:
            MustStopError: Not even the least that a compress can do is allowed.
            RefusedError: The compresses are stopping already, or one does not accept it.
            DeviceError: A compress did not confirm it.
        """
        if self.over:
            raise NotPossibleError(message("no_compress_on"))
        if not self._counts_as_hot:
            self._planned_hot_seconds = 0.0
        self._requested_celsius, self.by_person = celsius, True
        limit = min((self._limit(device) for device in self.devices.values()), key=lambda each: each.allowed)
        report_limits(self._body.listeners, [limit])
        await self.refresh(again=True)
        return limit

    @property
    def requested_celsius(self) -> float:
        """The temperature that was requested last, in °C."""
        return self._requested_celsius

    def _limit(self, device: Role) -> Limit:
        asked, owner, hot_seconds = self._requested_celsius, self._body.owner, self._planned_hot_seconds
        symptoms = self._body.has_symptoms
        return limit_heat(asked, self.seconds, owner, device.limits, symptoms=symptoms, hot_seconds=hot_seconds)

    async def _start(self, device: Role) -> None:
        celsius, seconds = self._limits[device.name].allowed, self.timer_seconds(device)
        await self._warmers[device.name].set_target(celsius, seconds, LEASE_SECONDS)


class VibrationBlock(_SingleBlock):
    """Massagers on one side or both."""

    energy = Energy.VIBRATION

    def __init__(
        self,
        clock: Clock,
        body: BodyLimits,
        massagers: Sequence[Massager],
        intensity: float,
        side: Side,
        seconds: float,
    ) -> None:
        super().__init__(clock, body, massagers, seconds)
        self._massagers = {massager.name: massager for massager in massagers}
        self._requested_intensity = intensity
        self.at_full = any((each.limits.least_intensity or 0.0) > VIBRATION_INTENSITY for each in massagers)
        self._side = side
        self._limit_each()

    def _limit(self, device: Role) -> Limit:
        owner, symptoms = self._body.owner, self._body.has_symptoms
        return limit_vibration(self._requested_intensity, owner, device.limits, symptoms=symptoms)

    async def _start(self, device: Role) -> None:
        intensity, seconds = self._limits[device.name].allowed, self.timer_seconds(device)
        await self._massagers[device.name].run(intensity, seconds, LEASE_SECONDS, self._side)
