"""Rules that check the readings of a running device and return why to trip. Sources of the limits: `limits`."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from controller.safety import limits
from controller.safety.limits import TripKind
from devices.roles import PumpReading, Reading, Role, RunState, WarmerReading

CYCLE_SLACK = 1.25  # a pump's rate may be off, and reports do not fall on its peaks
_MORE_THAN_A_STEP = 1.5  # not 1: two equal steps may differ by a rounding error

# The lowest plausible value of each number that a rule compares. None may be NaN or infinite: NaN is neither above a
# threshold nor below one, so it would silence every other rule.
_LOWEST = {
    "vacuum_mmhg": -limits.OVERPRESSURE_MMHG,
    "peak_vacuum_mmhg": -limits.OVERPRESSURE_MMHG,
    "residual_vacuum_mmhg": -limits.OVERPRESSURE_MMHG,
    "surface_celsius": limits.COLDEST_CELSIUS,
    "target_vacuum_mmhg": -math.inf,
    "target_celsius": -math.inf,
    "rate_cpm": -math.inf,
}


Finding = tuple[TripKind, str] | None  # why to trip, in words for the person
TripRule = Callable[[Reading, float], Finding]  # called with every reading and the clock, at least once a second


def check_plausible(reading: Reading, now_seconds: float) -> Finding:  # noqa: ARG001 - a TripRule
    """Trip at once on a number that no pump and no compress can have: a sensor is broken, or lost its contact.

    A garbled message is dropped before it is a reading; this is what the device measured.
    """
    reported = vars(reading)
    for name, lowest in _LOWEST.items():
        value: float | None = reported.get(name)
        if value is not None and not (math.isfinite(value) and value >= lowest):
            return TripKind.IMPLAUSIBLE, f"it reports {name.replace('_', ' ')} {value:g}, which is implausible"
    return None


def check_fault(reading: Reading, now_seconds: float) -> Finding:  # noqa: ARG001 - a TripRule
    """Trip on any fault that a device reports."""
    if reading.run_state is RunState.FAULT or reading.fault is not None:
        return TripKind.DEVICE_FAULT, f"the device reports {(reading.fault or 'a fault').replace('_', ' ')}"
    return None


class VacuumRule:
    """Too much suction for one cycle, or far too much once."""

    def __init__(self) -> None:
        self._first_high_seconds = 0.0
        self._last_high_seconds: float | None = None

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip at 300 mmHg once, or when more than 270 mmHg comes again a cycle later.

        A pump releases between two peaks. So what counts is that high readings last for a cycle with no gap longer
        than a cycle between them.
        """
        if not isinstance(reading, PumpReading):
            return None
        known = [value for value in (reading.vacuum_mmhg, reading.peak_vacuum_mmhg) if value is not None]
        highest = max(known, default=0.0)
        if highest >= limits.VACUUM_TRIP_AT_ONCE_MMHG:
            return TripKind.VACUUM, f"the vacuum reached {highest:.0f} mmHg"
        if highest <= limits.VACUUM_TRIP_MMHG:
            return None
        # An implausibly low rate would make the cycle, and with it the time until the trip, arbitrarily long.
        rate_cpm = min(max(reading.rate_cpm or 0.0, limits.SLOWEST_CPM), limits.STIMULATION_RATE_CPM)
        cycle_seconds = 60 / rate_cpm
        if self._last_high_seconds is None or now_seconds - self._last_high_seconds > cycle_seconds * CYCLE_SLACK:
            self._first_high_seconds = now_seconds
        self._last_high_seconds = now_seconds
        if now_seconds - self._first_high_seconds >= cycle_seconds / CYCLE_SLACK:
            return TripKind.VACUUM, f"the vacuum reached {highest:.0f} mmHg for a whole cycle"
        return None


class ReleaseRule:
    """Suction that is not released.

    A pump that reports its lowest vacuum, or its vacuum often, shows each release. One that reports only its momentary
    vacuum, and rarely, may happen to report peaks alone for a while.
    """

    def __init__(self, now_seconds: float) -> None:
        self._released_at_seconds = now_seconds
        self._readings = 0
        self._last: Reading | None = None

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip when the vacuum was not below 60 mmHg for 4 s, or for 40 s where that cannot be seen well."""
        if not isinstance(reading, PumpReading):
            return None
        known = [value for value in (reading.vacuum_mmhg, reading.residual_vacuum_mmhg) if value is not None]
        if not known or min(known) < limits.RELEASE_MMHG:
            self._released_at_seconds, self._readings = now_seconds, 0
            return None
        self._readings += reading is not self._last
        self._last = reading
        held_seconds = now_seconds - self._released_at_seconds
        often = self._readings * limits.RELEASE_SECONDS >= limits.RELEASE_READINGS * held_seconds
        seen = reading.residual_vacuum_mmhg is not None or often
        most_seconds = limits.RELEASE_SECONDS if seen else limits.RELEASE_UNSEEN_SECONDS
        if held_seconds < most_seconds:
            return None
        return TripKind.NO_RELEASE, f"the vacuum was not released for {most_seconds:.0f} s"


class StandstillRule:
    """A frozen vacuum sensor: suction is cyclic, so its readings cannot stay the same."""

    def __init__(self, now_seconds: float) -> None:
        self._last: tuple[float | None, ...] = ()
        self._changed_at_seconds = now_seconds

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip when not one of a pump's vacuum readings has changed for 10 s.

        Not where it is set to next to nothing, and not where there is no vacuum: then the flange has no seal.
        """
        if not isinstance(reading, PumpReading) or reading.vacuum_mmhg is None:
            return None
        values = (reading.vacuum_mmhg, reading.peak_vacuum_mmhg, reading.residual_vacuum_mmhg)
        quiet = reading.target_vacuum_mmhg is not None and reading.target_vacuum_mmhg < limits.QUIET_VACUUM_MMHG
        if quiet or max(each for each in values if each is not None) < limits.SEAL_MMHG:
            self._changed_at_seconds = now_seconds
            return None
        if values != self._last:
            self._last, self._changed_at_seconds = values, now_seconds
        elif now_seconds - self._changed_at_seconds >= limits.STALE_SECONDS:
            return TripKind.STALE, f"its vacuum sensor stood still for {limits.STALE_SECONDS:.0f} s"
        return None


class TemperatureRule:
    """A compress too hot for skin."""

    def __init__(self) -> None:
        self._hot_since_seconds: float | None = None

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip at 44 °C once, or at 43 °C for 5 s."""
        if not isinstance(reading, WarmerReading) or reading.surface_celsius is None:
            return None
        celsius = reading.surface_celsius
        if celsius >= limits.HEAT_TRIP_AT_ONCE_CELSIUS:
            return TripKind.TEMPERATURE, f"the compress reached {celsius:.1f} °C"
        if celsius < limits.HEAT_TRIP_CELSIUS:
            self._hot_since_seconds = None
            return None
        if self._hot_since_seconds is None:
            self._hot_since_seconds = now_seconds
        if now_seconds - self._hot_since_seconds >= limits.HEAT_TRIP_SECONDS:
            return TripKind.TEMPERATURE, f"the compress stayed at {celsius:.1f} °C"
        return None


class JumpRule:
    """A temperature that jumps faster than any compress warms or cools."""

    def __init__(self) -> None:
        self._last_celsius: float | None = None
        self._changed_at_seconds = -math.inf  # the age of the first value is unknown

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip when it moved by more than 5 °C, and by more than 1 °C in each second since it last changed."""
        if not isinstance(reading, WarmerReading) or reading.surface_celsius is None:
            return None
        celsius, last_celsius = reading.surface_celsius, self._last_celsius
        if celsius == last_celsius:
            return None
        seconds = now_seconds - self._changed_at_seconds
        self._last_celsius = celsius
        if last_celsius is None:
            return None
        self._changed_at_seconds = now_seconds
        if abs(celsius - last_celsius) <= limits.JUMP_CELSIUS * max(1.0, seconds / limits.JUMP_SECONDS):
            return None
        return TripKind.IMPLAUSIBLE, f"its temperature jumped from {last_celsius:.1f} to {celsius:.1f} °C"


class WarmingRule:
    """A compress that heats and does not get warmer: its sensor is off the pad, or its heater is broken."""

    def __init__(self) -> None:
        self._from_celsius: float | None = None
        self._since_seconds = 0.0

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip when a compress 3 °C or more below its target does not get 1 °C warmer in 120 s."""
        if not isinstance(reading, WarmerReading) or reading.surface_celsius is None or not _far_below(reading):
            self._from_celsius = None
            return None
        celsius = reading.surface_celsius
        if self._from_celsius is None or celsius >= self._from_celsius + limits.WARMING_CELSIUS:
            self._from_celsius, self._since_seconds = celsius, now_seconds
        if now_seconds - self._since_seconds < limits.WARMING_SECONDS:
            return None
        return TripKind.STALE, f"it stayed at {celsius:.1f} °C for {limits.WARMING_SECONDS:.0f} s and did not warm"


class FrozenRule:
    """A temperature sensor that stands still where it cannot: a pad could run away behind it.

    In whole degrees, or well smoothed, it may stand still at its target for minutes, which is no fault. But a
    sensor with fine steps shows that a pad warms; and one that goes up and down all the time does not end with that.
    """

    def __init__(self, now_seconds: float) -> None:
        self._last_celsius: float | None = None
        self._change_celsius = 0.0
        self._step_celsius = math.inf  # the smallest change so far
        self._turned_at_seconds: deque[float] = deque(maxlen=limits.RESTLESS_TURNS)
        self._changed_at_seconds = now_seconds
        self._near_at_seconds = now_seconds  # when it was last near its target

    def check(self, reading: Reading, now_seconds: float) -> Finding:
        """Trip when a restless sensor stands still for 15 s, or a fine one for 60 s far below its target."""
        if not isinstance(reading, WarmerReading) or reading.surface_celsius is None:
            return None
        if not _far_below(reading):
            self._near_at_seconds = now_seconds
        if reading.surface_celsius != self._last_celsius:
            self._update(reading.surface_celsius, now_seconds)
        still_seconds = now_seconds - self._changed_at_seconds
        warming_seconds = now_seconds - max(self._changed_at_seconds, self._near_at_seconds)
        frozen = self._restless and still_seconds >= limits.RESTLESS_STILL_SECONDS
        fine = self._step_celsius < limits.FINE_CELSIUS
        if frozen or (fine and warming_seconds >= limits.FINE_STILL_SECONDS):
            return TripKind.STALE, f"its temperature sensor stood still for {still_seconds:.0f} s"
        return None

    @property
    def _restless(self) -> bool:
        """Whether it turned back often before it stood still."""
        turns = self._turned_at_seconds
        return len(turns) == limits.RESTLESS_TURNS and self._changed_at_seconds - turns[0] <= limits.RESTLESS_SECONDS

    def _update(self, celsius: float, now_seconds: float) -> None:
        if self._last_celsius is not None:
            change_celsius = celsius - self._last_celsius
            self._step_celsius = min(self._step_celsius, abs(change_celsius))
            # To and fro by a single step is what a well smoothed sensor does between two of its values.
            wide = abs(change_celsius) > _MORE_THAN_A_STEP * self._step_celsius
            if wide and change_celsius * self._change_celsius < 0:
                self._turned_at_seconds.append(now_seconds)
            self._change_celsius = change_celsius
        self._last_celsius, self._changed_at_seconds = celsius, now_seconds


def _far_below(reading: WarmerReading) -> bool:
    """Return whether a compress is so far below its target that it must be getting warmer; `False` where unknown."""
    if reading.surface_celsius is None or reading.target_celsius is None:
        return False
    return reading.surface_celsius <= reading.target_celsius - limits.WARMING_GAP_CELSIUS


def rules_for(device: Role, now_seconds: float) -> list[TripRule]:
    """Return the rules for a device's role, for one run that begins now."""
    rules: list[TripRule] = [check_fault, check_plausible]  # what is implausible comes before the rules that compare
    if device.role == "pump":
        rules += VacuumRule().check, ReleaseRule(now_seconds).check, StandstillRule(now_seconds).check
    elif device.role == "warmer":
        rules += TemperatureRule().check, JumpRule().check, WarmingRule().check, FrozenRule(now_seconds).check
    return rules


class RiseDetector:
    """Detects a compress that heats whatever it reports: it gets warmer than skin makes it.

    A pad that is off only cools: so what counts is the lowest temperature since its run state last changed.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._state: RunState | None = None

    def rises(self, reading: Reading, now_seconds: float) -> bool:
        """Return whether it got 1.5 °C warmer in the last 60 s, above 35 °C."""
        if not isinstance(reading, WarmerReading) or reading.surface_celsius is None:
            self._recent.clear()
            return False
        if reading.run_state is not self._state:
            self._state = reading.run_state
            self._recent.clear()
        celsius = reading.surface_celsius
        if math.isnan(celsius):  # lower than nothing, and higher than nothing
            return False
        while self._recent and self._recent[-1][1] >= celsius:  # never the lowest again
            self._recent.pop()
        self._recent.append((now_seconds, celsius))
        while now_seconds - self._recent[0][0] > limits.RISE_SECONDS:
            self._recent.popleft()
        lowest = self._recent[0][1]
        return celsius >= limits.SKIN_CELSIUS and celsius >= lowest + limits.RISE_CELSIUS
