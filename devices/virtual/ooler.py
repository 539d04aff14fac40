"""The twin of an Ooler: a water pad that keeps its last target, and drops what it is told while it is off.

As ooler_ble_client 1.0.0 describes firmware 15.20 of model 999. Not published, and our own choice: targets below 45 °F
and above 120 °F, modes above 2 and units above 1 are dropped; a cleaning goes on until it is ended, and then the target
from before holds again. Its schedule is only kept: it switches nothing on here.
"""

from __future__ import annotations

from collections.abc import Mapping

from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value
from devices.roles import Side
from devices.virtual.duty import ACCEPTED, Result
from devices.virtual.firmware import within
from devices.virtual.ooler_wire import OolerWire
from devices.virtual.simple import SimpleWarmer

_COLDEST_F, _LOWEST_F, _HIGHEST_F, _HOTTEST_F = 45, 55, 115, 120
_CLEANING_F = 75
_MODES, _UNITS = 3, 2


def snapped(fahrenheit: int) -> int | None:
    """Return the target that it takes a number for; `None` where it takes none."""
    if not _COLDEST_F <= fahrenheit <= _HOTTEST_F:
        return None
    if fahrenheit < _LOWEST_F:
        return _COLDEST_F
    return _HOTTEST_F if fahrenheit > _HIGHEST_F else fahrenheit


class OolerBody(SimpleWarmer):
    """A pad that begins at `last_fahrenheit` whenever it is switched on, by whomever."""

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, side, seed)
        self.last_fahrenheit = 68
        self.mode = 1
        self.unit = 0
        self.cleaning = False
        self.water_percent = 100
        self.wire = OolerWire(self)

    @property
    def fahrenheit(self) -> int:
        """What it is set to now, or would be if it were on."""
        return _CLEANING_F if self.cleaning else self.last_fahrenheit

    @property
    def measured_celsius(self) -> float:
        """What its sensor says."""
        return self._celsius

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Switch on at the last target, switch off, or take a new target. A sequence is no more than its parts."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
        if name == "switch_on" and not self.duty.on:
            return self._begin({"celsius": _celsius(self.fahrenheit)})
        if name == "switch_off":
            self._end("commanded")
        celsius = values.get("celsius")
        if name == "target" and isinstance(celsius, int | float):
            self._take(round(celsius * 1.8 + 32))
        return ACCEPTED

    def _take(self, fahrenheit: int) -> None:
        target = snapped(fahrenheit)
        if target is None or not self.duty.on:
            return
        self.last_fahrenheit = target
        self._apply({"celsius": _celsius(self.fahrenheit)})

    def set_mode(self, mode: int) -> None:
        """Set how fast it pumps, while it is on."""
        if self.duty.on and mode < _MODES:
            self.mode = mode

    def set_unit(self, unit: int) -> None:
        """Set what its display shows, and so what its measured temperature means, while it is on."""
        if self.duty.on and unit < _UNITS:
            self.unit = unit

    def set_cleaning(self, cleaning: bool) -> None:
        """Begin or end to clean itself, at a target of its own, while it is on."""
        if self.duty.on:
            self.cleaning = cleaning
            self._apply({"celsius": _celsius(self.fahrenheit)})

    def press_on(self, celsius: float) -> None:
        """Switch on at the pad, or change its target."""
        fahrenheit = within(celsius * 1.8 + 32, _LOWEST_F, _HIGHEST_F)
        self.last_fahrenheit = round(fahrenheit)
        super().press_on((fahrenheit - 32) / 1.8)

    def _end(self, reason: str) -> None:
        self.cleaning = False
        super()._end(reason)

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        own = {"pump_mode": ("silent", "regular", "boost")[self.mode], "water_percent": self.water_percent}
        own |= {"display_unit": ("fahrenheit", "celsius")[self.unit], "cleaning": self.cleaning}
        return {**super()._own_values(since_seconds), **own, "target_celsius": _celsius(self.fahrenheit)}


def _celsius(fahrenheit: int) -> float:
    return (fahrenheit - 32) / 1.8
