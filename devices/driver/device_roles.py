"""The roles of a driver's device: verbs become its commands, reported values become readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

from devices.driver.advertising_device import AdvertisingDevice
from devices.driver.base import BaseDevice
from devices.driver.role_base import RoleBase
from devices.driver.vocabulary import STOP_VERB, EnergyRole, Value
from devices.errors import RefusedError
from devices.roles import (
    ButtonPress,
    ButtonReading,
    DeviceLimits,
    MassagerReading,
    PumpReading,
    PumpSetting,
    ScaleReading,
    Side,
    WarmerReading,
)
from devices.sensor_roles import ThermometerReading

_TINY = 1e-6


class _EnergyRole(RoleBase):
    """What the three roles share that put energy into a body: their limits, their lease, and their stop."""

    role: EnergyRole

    def __init__(self, device: BaseDevice) -> None:
        super().__init__(device)
        self.on_link_loss = device.model.on_link_loss
        self.max_level = device.max_level
        self.stop_verb = STOP_VERB[self.role]
        self.can_stop = device.may_control and self.stop_verb in device.model.verbs
        self._least = device.model.least_settings(self.role)

    async def renew(self, lease_seconds: float) -> None:
        await self.device.renew({"lease_seconds": round(lease_seconds)})

    def assume_running(self) -> None:
        self.device.assume_running(self.stop_verb)

    async def stop(self) -> None:
        await self.device.stop(self.stop_verb)

    @property
    def limits(self) -> DeviceLimits:
        """The most: the lower of model and device report. The least: that of the model."""
        by_model = self.device.model.limits.model_dump()

        def make(values: Mapping[str, Value]) -> DeviceLimits:
            most = {key: _lower(value, values.get(f"limit_{key}")) for key, value in by_model.items()}
            return DeviceLimits(**most, **self._least)

        return self.device.state.view((DeviceLimits, self.role), make)


class DevicePump(_EnergyRole):
    """`devices.roles.Pump`."""

    role: Literal["pump"] = "pump"

    @property
    def reading(self) -> PumpReading:
        return self._read(PumpReading, "target_vacuum_mmhg")

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        values = {**self._values(setting), **_times(duration_seconds), "lease_seconds": round(lease_seconds)}
        await self.device.command("start", values, undone_by=self.stop_verb)

    async def adjust(self, setting: PumpSetting, duration_seconds: float) -> None:
        values = {**self._values(setting), **_times(duration_seconds)}
        await self.device.command("adjust", values, undone_by=self.stop_verb)

    def _values(self, setting: PumpSetting) -> dict[str, Value]:
        values: dict[str, Value] = setting.model_dump(mode="json")
        if self._levels and setting.vacuum_mmhg is not None:
            values["level"] = _level(self._levels, setting.vacuum_mmhg)
        return values

    async def pause(self) -> None:
        await self.device.command("pause", {})

    async def resume(self) -> None:
        await self.device.command("resume", {}, undone_by=self.stop_verb)


class DeviceWarmer(_EnergyRole):
    """`devices.roles.Warmer`."""

    role: Literal["warmer"] = "warmer"

    @property
    def reading(self) -> WarmerReading:
        return self._read(WarmerReading, "target_celsius")

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None:
        values: dict[str, Value] = {"celsius": celsius, "on": True, **_times(duration_seconds)}
        values["lease_seconds"] = round(lease_seconds)
        if self._levels:
            values["level"] = _level(self._levels, celsius)
        await self.device.command("set_target", values, undone_by=self.stop_verb)


class DeviceMassager(_EnergyRole):
    """`devices.roles.Massager`."""

    role: Literal["massager"] = "massager"

    @property
    def reading(self) -> MassagerReading:
        return self._read(MassagerReading)

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None:
        least = self._least.get("least_intensity", 0.0)
        if intensity < least - _TINY:  # it would be rounded: down to nothing, or up to more than was requested
            raise RefusedError(f"{self.name} can be set to {least:.2f} of its strength at least, not {intensity:.2f}")
        values: dict[str, Value] = {"intensity": intensity, "side": side.value}
        values |= {**_times(duration_seconds), "lease_seconds": round(lease_seconds)}
        await self.device.command("run", values, undone_by=self.stop_verb)


class DeviceScale(RoleBase):
    """`devices.roles.Scale`."""

    role: Literal["scale"] = "scale"

    @property
    def reading(self) -> ScaleReading:
        return self._read(ScaleReading)

    async def tare(self) -> None:
        await self.device.command("tare", {})


class DeviceThermometer(RoleBase):
    """`devices.roles.Thermometer`."""

    role: Literal["thermometer"] = "thermometer"

    def __init__(self, device: BaseDevice) -> None:
        super().__init__(device)
        self.placed = device.placed

    @property
    def reading(self) -> ThermometerReading:
        return self._read(ThermometerReading)


class DeviceButton(RoleBase):
    """`devices.roles.Button`."""

    role: Literal["button"] = "button"
    device: AdvertisingDevice

    @property
    def reading(self) -> ButtonReading:
        return self._read(ButtonReading)

    def on_press(self, callback: Callable[[ButtonPress], None]) -> Callable[[], None]:
        return self.device.on_press(callback)


DeviceRole = DevicePump | DeviceWarmer | DeviceMassager
DeviceSensor = DeviceScale | DeviceButton | DeviceThermometer
_ROLES: dict[EnergyRole, type[DeviceRole]] = {"pump": DevicePump, "warmer": DeviceWarmer, "massager": DeviceMassager}


def roles_of(device: BaseDevice) -> list[DeviceRole]:
    """Return the device's roles that put energy into a body, in the order of its model."""
    return [_ROLES[role](device) for role in device.model.energy_roles]


def scales_of(device: BaseDevice) -> list[DeviceScale]:
    """Return the device's role as a scale; none for any other device."""
    return [DeviceScale(device) for role in device.model.roles if role == "scale"]


def thermometers_of(device: BaseDevice) -> list[DeviceThermometer]:
    """Return the device's role as a thermometer; none for any other device."""
    return [DeviceThermometer(device) for role in device.model.roles if role == "thermometer"]


def buttons_of(device: BaseDevice) -> list[DeviceButton]:
    """Return the device's role as a button; none for any other device."""
    return [
        DeviceButton(device)
        for role in device.model.roles
        if role == "button" and isinstance(device, AdvertisingDevice)
    ]


def _times(duration_seconds: float) -> dict[str, Value]:
    """Return a duration in every unit that a device may want, minutes and hours rounded up: at least 1.

    A device's own timer is the second net: it must not end before ours, which ends the run to the second.
    """
    return {
        "duration_seconds": max(1, round(duration_seconds)),
        "duration_minutes": max(1, math.ceil(duration_seconds / 60)),
        "duration_hours": max(1, math.ceil(duration_seconds / 3600)),
    }


def _level(levels: Mapping[int, float], wanted: float) -> int:
    """Return the highest level that does no more than is wanted. Raise `RefusedError` where even the lowest does."""
    fitting = [level for level, does in levels.items() if does <= wanted]
    if not fitting:
        raise RefusedError(
            f"even its lowest level does {min(levels.values()):g}, more than the {wanted:g} that is allowed"
        )
    return max(fitting)


def _lower(one: float | None, other: object) -> float | None:
    known = [value for value in (one, other) if isinstance(value, int | float)]
    return min(known) if known else None
