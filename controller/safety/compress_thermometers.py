"""Thermometers on a warm compress, or on the breast under it: what they measure counts as the compress' own reading.

The higher of the two counts, at the same limits. So a thermometer can switch heat off, and never allows more of it, but
for one thing: heat that it measures is not unmeasured heat. Sources of the limits: `limits`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller.safety import limits
from controller.safety.limits import TripKind
from controller.safety.message import KeyedMessage, message
from controller.safety.trip_rules import FrozenRule, JumpRule, TemperatureRule, TripRule, WarmingRule, check_plausible
from devices.roles import Capability, Role, WarmerReading
from devices.sensor_roles import Placed, Thermometer

_NEVER = -math.inf


class WatchedThermometer:
    """A thermometer, and the last value that it knew. Between two values it may report `unknown`."""

    def __init__(self, device: Thermometer) -> None:
        self.device = device
        self._celsius = 0.0
        self._known_at_seconds = _NEVER

    def _update(self) -> None:
        celsius, at_seconds = self.device.reading.celsius, self.device.updated_at_seconds("celsius")
        if celsius is not None and at_seconds is not None:
            self._celsius, self._known_at_seconds = celsius, at_seconds

    def celsius(self, now_seconds: float) -> float | None:
        """Return what it measures; `None` where that is 10 s old, or was never known."""
        self._update()
        return self._celsius if now_seconds - self._known_at_seconds < limits.STALE_SECONDS else None

    def known(self, now_seconds: float) -> float | None:
        """Return what it measures, where that can be compared: NaN and infinity cannot."""
        celsius = self.celsius(now_seconds)
        return celsius if celsius is not None and math.isfinite(celsius) else None

    def missing(self, now_seconds: float) -> KeyedMessage | None:
        """Return why it cannot be used now: it has not reported for 10 s, or never."""
        if self.celsius(now_seconds) is not None:
            return None
        key = "thermometer_never_heard" if self._known_at_seconds == _NEVER else "thermometer_silent"
        return message(key, device=self.device.name)

    def not_on_skin(self, now_seconds: float) -> bool:
        """Return whether it should be on the breast, and is colder than any skin."""
        celsius = self.celsius(now_seconds)
        return self.device.placed is Placed.BREAST and celsius is not None and celsius < limits.COLDEST_SKIN_CELSIUS


class FellOffRule:
    """A thermometer that gets colder on a compress that heats: it has fallen off."""

    def __init__(self) -> None:
        self._highest_celsius = -math.inf

    def check(self, reading: WarmerReading) -> bool:
        """Return whether it is 3 °C colder than it was in this run, and not because the compress was set lower."""
        celsius, target_celsius = reading.surface_celsius, reading.target_celsius
        if celsius is None:
            return False
        self._highest_celsius = max(self._highest_celsius, celsius)
        below = target_celsius is None or celsius <= target_celsius - limits.WARMING_GAP_CELSIUS
        return below and celsius <= self._highest_celsius - limits.FALL_CELSIUS


class StandstillTemperatureRule:
    """The only sensor of a compress: where its value does not move at all, how warm it is is unknown."""

    def __init__(self, now_seconds: float) -> None:
        self._last_celsius: float | None = None
        self._changed_at_seconds = now_seconds

    def check(self, reading: WarmerReading, now_seconds: float) -> bool:
        """Return whether it has stood still for 120 s."""
        if reading.surface_celsius != self._last_celsius:
            self._last_celsius, self._changed_at_seconds = reading.surface_celsius, now_seconds
        return now_seconds - self._changed_at_seconds >= limits.ONLY_SENSOR_STILL_SECONDS


class ThermometerRules:
    """What shows, in one run of a compress, that a thermometer is not where it should be, or is broken."""

    def __init__(self, watched: WatchedThermometer, now_seconds: float, *, only_sensor: bool) -> None:
        self._watched = watched
        self._on_pad = watched.device.placed is Placed.PAD
        self._fell_off = FellOffRule()
        self._standstill = StandstillTemperatureRule(now_seconds) if only_sensor and self._on_pad else None
        self._rules: list[tuple[str, TripRule]] = [
            ("implausible", check_plausible),
            ("implausible", JumpRule().check),
            ("does_not_warm", WarmingRule().check),
            ("stands_still", FrozenRule(now_seconds).check),
        ]

    def fault(self, compress: WarmerReading, now_seconds: float) -> KeyedMessage | None:
        """Return why it cannot be believed. `compress`: what the compress itself reports."""
        celsius = self._watched.celsius(now_seconds)
        if celsius is None:
            return self._watched.missing(now_seconds)
        there = compress.model_copy(update={"surface_celsius": celsius})
        expected = there.model_copy(update={"target_celsius": self._expected_celsius(compress.target_celsius)})
        found = [key for key, rule in self._rules if rule(expected, now_seconds) is not None]
        if self._watched.not_on_skin(now_seconds):
            found.append("not_on_skin")
        if self._on_pad and self._fell_off.check(there):
            found.append("fell_off")
        if self._standstill is not None and self._standstill.check(there, now_seconds):
            found.append("stands_still")
        return message(f"thermometer_{found[0]}", device=self._watched.device.name) if found else None

    def _expected_celsius(self, target_celsius: float | None) -> float | None:
        """Return what it must get near: on a pad its target, or where that is not known, what skin does not make.

        On a breast nothing: a cold pad does not warm the skin for minutes.
        """
        if not self._on_pad:
            return None
        return limits.SKIN_CELSIUS + limits.WARMING_GAP_CELSIUS if target_celsius is None else target_celsius


class CompressThermometers:
    """The thermometers that serve one device of a body: those of its side. Empty for what is no warm compress.

    `on_pad`: whether any is to measure the compress itself. `only_sensor`: whether the compress measures nothing.
    """

    def __init__(self, compress: Role, thermometers: Sequence[WatchedThermometer]) -> None:
        serve = compress.role == "warmer"
        self._all = tuple(each for each in thermometers if serve and each.device.side.covers(compress.side))
        self.on_pad = any(each.device.placed is Placed.PAD for each in self._all)
        self.only_sensor = Capability.REPORTS_TEMPERATURE not in compress.capabilities
        self._rules: list[ThermometerRules] | None = None
        self._hottest = TemperatureRule()

    def __bool__(self) -> bool:
        return bool(self._all)

    def celsius(self, now_seconds: float, *, on_pad: bool = False) -> float | None:
        """Return the highest that any of them measures now, or any on the pad; `None` where that is not known."""
        wanted = [each for each in self._all if each.device.placed is Placed.PAD or not on_pad]
        return max((celsius for each in wanted if (celsius := each.known(now_seconds)) is not None), default=None)

    def start_refusal(self, now_seconds: float) -> KeyedMessage | None:
        """Return why heat cannot start: one of them does not report, or is not where it should be."""
        for each in self._all:
            if (why := each.missing(now_seconds)) is not None:
                return why
            if each.not_on_skin(now_seconds):
                return message("thermometer_not_on_skin", device=each.device.name)
        return None

    def begin(self, now_seconds: float) -> None:
        """Begin a run of the compress."""
        self._rules = [ThermometerRules(each, now_seconds, only_sensor=self.only_sensor) for each in self._all]
        self._hottest = TemperatureRule()

    def reset(self) -> None:
        """Drop what belonged to a run that is over."""
        self._rules = None

    def trip(self, compress: WarmerReading, now_seconds: float) -> tuple[str, TripKind, str] | None:
        """Return which thermometer measures too much, and why to trip: the higher of it and the compress counts."""
        known = [(celsius, each.device.name) for each in self._all if (celsius := each.known(now_seconds)) is not None]
        if not known:
            return None
        celsius, name = max(known)
        if compress.surface_celsius is not None and compress.surface_celsius > celsius:
            celsius = compress.surface_celsius
        found = self._hottest.check(compress.model_copy(update={"surface_celsius": celsius}), now_seconds)
        return None if found is None else (name, *found)

    def fault(self, compress: WarmerReading, now_seconds: float) -> KeyedMessage | None:
        """Return why the heat must end, because one of them does not report, or cannot be believed; or `None`."""
        if self._rules is None:
            self.begin(now_seconds)
        found = [each.fault(compress, now_seconds) for each in self._rules or ()]
        return next((each for each in found if each is not None), None)
