"""The buttons of the virtual devices: methods that tests add to their bodies, as no program presses one.

What a button starts has no lease: the button, the device's own timer or its battery ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any

from devices.driver.vocabulary import Value
from devices.roles import Phase
from devices.virtual.device_body import DeviceBody
from devices.virtual.ooler import _HIGHEST_F, _LOWEST_F, OolerBody
from devices.virtual.open_devices import PAD_LIMIT_CELSIUS, PUMP_LIMIT_MMHG, MassagerBody, PadBody, PumpBody
from devices.virtual.satisfyer import SatisfyerBody
from devices.virtual.simple_bodies import BLIND_CELSIUS, SimpleBody, SimpleMassager, SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.suction import BY_HAND_CPM
from devices.virtual.tuya_body import TuyaBody


def clamp(value: float, lowest: float, highest: float) -> float:
    """Return the value within a range that is nearest to `value`."""
    return min(max(value, lowest), highest)


def nearest_level(levels: Mapping[int, float], value: float) -> int:
    """Return the level whose vacuum or temperature is nearest to `value`."""
    return min(levels, key=lambda level: abs(levels[level] - value))


class _AnyBody(DeviceBody):
    def press_off(self) -> None:
        """Switch off at the device's own button."""
        self._end("commanded")


class _OpenPump(PumpBody):
    def press_start(self, vacuum_mmhg: float, phase: Phase = Phase.EXPRESSION, rate_cpm: float | None = None) -> None:
        """Switch on at the pump, or change what runs."""
        was_on, pulled = self.run.on, self.suction.running
        self.run.press_on()
        self._target_mmhg = clamp(vacuum_mmhg, *self.ranges.vacuum(phase))
        self._rate_cpm = clamp(rate_cpm or BY_HAND_CPM[phase], *self.ranges.rate(phase))
        if not self.run.on:  # it has a fault
            return
        if was_on and pulled:
            self._change(phase)
        else:
            self._begin(phase)

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set the vacuum at the pump, however it was started; while it is off, for the next start at its button."""
        phase = self.suction.phase
        self._target_mmhg = clamp(vacuum_mmhg, *self.ranges.vacuum(phase))
        self._change(phase)

    def press_again(self) -> None:
        """Switch on as it ran last."""
        self.press_start(self._target_mmhg or 0.0, self.suction.phase, self._rate_cpm)


class _OpenPad(PadBody):
    def press_on(self, celsius: float) -> None:
        """Switch on at the pad, or change its target."""
        self.run.press_on()
        self._target_celsius = clamp(celsius, 0, PAD_LIMIT_CELSIUS)
        if self.run.on:
            self.run.changed.add("changed_setting")
            self.pad.set_target(self._target_celsius)

    def press_again(self) -> None:
        """Switch on as it ran last."""
        self.press_on(self._target_celsius)


class _OpenMassager(MassagerBody):
    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its intensity."""
        self.run.press_on()
        self._intensity = clamp(intensity, 0, 1)
        if self.run.on:
            self.run.changed.add("changed_setting")

    def press_again(self) -> None:
        """Switch on as it ran last."""
        self.press_on(self._intensity)


class _Simple(SimpleBody):
    def press_setting(self, values: Mapping[str, Value]) -> None:
        """Change the setting at its own controls; while it is off, for the next start there."""
        self._last_values |= values
        self.run.changed.add("changed_setting")
        if self.run.on:
            self._set(self._last_values)

    def switch_on(self, values: Mapping[str, Value]) -> None:
        """Switch on with a setting."""
        self.run.press_on()
        self.press_setting(values)

    def press_again(self) -> None:
        """Switch on as it ran last."""
        self.switch_on({})


class _Pump(SimplePump):
    def press_start(self, vacuum_mmhg: float, phase: Phase = Phase.EXPRESSION, rate_cpm: float | None = None) -> None:
        """Switch on at the pump, or change what runs."""
        rate = BY_HAND_CPM[phase] if rate_cpm is None else rate_cpm
        self.switch_on({"phase": phase.value, "rate_cpm": rate, **self.nearest_setting(vacuum_mmhg, phase)})

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set the vacuum at the pump, however it was started; while it is off, for the next start at its button."""
        self.press_setting(self.nearest_setting(vacuum_mmhg, self.phase))

    def nearest_setting(self, vacuum_mmhg: float, phase: Phase) -> dict[str, Value]:
        """Return a vacuum as its own controls can set it: the nearest level, or any value in its range."""
        if self._levels:
            return {"vacuum_mmhg": None, "level": nearest_level(self._levels, vacuum_mmhg)}
        own_range = self.ranges.vacuum(phase)
        if "ranges" not in vars(self):  # those of no product
            own_range = (0, self.profile.limits.vacuum_mmhg or PUMP_LIMIT_MMHG)
        return {"vacuum_mmhg": clamp(vacuum_mmhg, *own_range), "level": None}


class _Warmer(SimpleWarmer):
    def press_on(self, celsius: float) -> None:
        """Switch on at the compress, or change its target."""
        if self._levels:
            self.switch_on({"celsius": None, "level": nearest_level(self._levels, celsius)})
        else:
            self.switch_on({"celsius": clamp(celsius, 0, self.profile.limits.celsius or BLIND_CELSIUS)})


class _Massager(SimpleMassager):
    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its intensity."""
        self.switch_on({} if self._only_on else {"intensity": clamp(intensity, 0, 1)})


class _Ooler(OolerBody):
    def press_on(self, celsius: float) -> None:
        """Switch on at the pad, or change its target."""
        fahrenheit = clamp(celsius * 1.8 + 32, _LOWEST_F, _HIGHEST_F)
        self.last_fahrenheit = round(fahrenheit)
        SimpleWarmer.press_on(self, (fahrenheit - 32) / 1.8)


class _Satisfyer(SatisfyerBody):
    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its intensity."""
        self.started = True
        SimpleMassager.press_on(self, intensity)


class _Tuya(TuyaBody):
    @property
    def level(self) -> Value:
        """The level of the current phase."""
        return self.state.get(f"{self.phase}_level")

    def press_on(self, phase: str | None = None, **settings: Value) -> None:
        """Switch on at the device, or change what runs, with settings by datapoint name."""
        self.press(**settings)
        if not self.run.running:
            self._start()
        self.phase = phase or self.phase

    def press(self, **settings: Value) -> None:
        """Change settings at the device, by datapoint name; while it is off, for its next start."""
        self.state |= settings
        self.run.changed.add("changed_setting")

    def press_again(self) -> None:
        """Switch on as it ran last."""
        self.press_on(self.phase)


_CONTROLS: tuple[type[Any], ...] = (
    _AnyBody,
    _OpenPump,
    _OpenPad,
    _OpenMassager,
    _Simple,
    _Pump,
    _Warmer,
    _Massager,
    _Ooler,
    _Satisfyer,
    _Tuya,
)


def add_controls() -> None:
    """Give every body its controls, wherever it is made."""
    for controls in _CONTROLS:
        for name, method in vars(controls).items():
            if isinstance(method, FunctionType | property):
                setattr(controls.__base__, name, method)
