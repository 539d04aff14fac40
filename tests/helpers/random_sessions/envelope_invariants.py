"""No body gets more than it may for longer than a moment, by what the virtual devices truly do."""

from __future__ import annotations

from controller.safety.limits import (
    AUTOMATIC_VACUUM_MMHG,
    EXPRESSION_VACUUM_MMHG,
    SEAL_LOST_SECONDS,
    SYMPTOM_VACUUM_MMHG,
    VIBRATION_INTENSITY,
    OwnerLimits,
)
from devices.roles import Phase
from devices.virtual.open_devices import PadBody, PumpBody
from devices.virtual.twin import Twin
from tests.helpers.own_controls import value_of

SET_SECONDS = 3.3  # 1 s until it reports, 2 s to follow, and a stop
MEASURED_SECONDS = 5.5  # 2 s to come down, and then the same again
NO_SEAL_SECONDS = SEAL_LOST_SECONDS + SET_SECONDS
PUMP_ABOVE_MMHG = 30.0  # a unit may be off by 20, and its cycles are not all alike
PUMP_MOST_MMHG = 260.0
PAD_ABOVE_CELSIUS = 1.5
_ROUNDING = 0.51  # mmHg, °C after a tenth, and intensities: reported numbers are rounded


class DayLimits:
    """What a body may feel today. `cap_mmhg`: the comfort cap that was chosen last, if any."""

    def __init__(self, owner: OwnerLimits) -> None:
        self.owner = owner
        self.cap_mmhg: float | None = owner.comfort_vacuum_mmhg
        self.symptoms = False

    def vacuum_mmhg(self, phase: Phase, *, by_person: bool) -> float:
        """Return the highest vacuum of a phase."""
        most_mmhg = self.cap_mmhg or EXPRESSION_VACUUM_MMHG
        if phase is Phase.STIMULATION:
            most_mmhg = min(most_mmhg, self.owner.stimulation_vacuum_mmhg)
        elif not by_person and self.cap_mmhg is None:
            most_mmhg = min(most_mmhg, AUTOMATIC_VACUUM_MMHG)
        return min(most_mmhg, SYMPTOM_VACUUM_MMHG) if self.symptoms else most_mmhg

    @property
    def celsius(self) -> float:
        """The highest temperature; 0 where there is to be no heat."""
        return 0.0 if self.symptoms else self.owner.heat_celsius

    @property
    def intensity(self) -> float:
        """The highest intensity of a massager; 0 where there is to be no vibration."""
        return VIBRATION_INTENSITY if self.owner.vibration and not self.symptoms else 0.0

    def choose(self, cap_mmhg: float) -> None:
        """Choose a comfort cap, as a person."""
        self.cap_mmhg = min(cap_mmhg, self.owner.comfortable_mmhg)


class Excess:
    """How long one device has done more than it may."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._set_since_seconds: float | None = None
        self._measured_since_seconds: float | None = None
        self._last_celsius = 0.0

    def check(self, most: float, now_seconds: float, *, excused: bool) -> str | None:
        """Check a device that may be on. Return in words what it has done for too long, or `None`."""
        is_set, measured = value_of(self._twin), self._measured()
        too_high = is_set > most + (_ROUNDING if isinstance(self._twin.body, PumpBody) else 0.01)
        too_much = measured is not None and measured > self._highest_plausible(most)
        self._set_since_seconds = _since(too_high and not excused, self._set_since_seconds, now_seconds)
        self._measured_since_seconds = _since(too_much and not excused, self._measured_since_seconds, now_seconds)
        if self._set_since_seconds is not None and now_seconds - self._set_since_seconds > SET_SECONDS:
            return f"has been set to {is_set:g} for {SET_SECONDS:g} s; {most:g} is allowed"
        if self._measured_since_seconds is not None and now_seconds - self._measured_since_seconds > MEASURED_SECONDS:
            return f"has done {measured:.1f} for {MEASURED_SECONDS:g} s; {most:g} is allowed"
        return None

    def _measured(self) -> float | None:
        """Return the vacuum of a pump that pulls, or the temperature of a pad that does not cool."""
        body = self._twin.body
        if isinstance(body, PumpBody) and body.run.running:
            return body.suction.cycle_peak_mmhg
        if isinstance(body, PadBody) and body.run.running:
            cools = body.pad.surface_celsius < self._last_celsius
            self._last_celsius = body.pad.surface_celsius
            return None if cools else body.pad.surface_celsius
        return None

    def _highest_plausible(self, most: float) -> float:
        if isinstance(self._twin.body, PumpBody):
            return min(most + PUMP_ABOVE_MMHG, PUMP_MOST_MMHG)
        return most + PAD_ABOVE_CELSIUS


def _since(holds: bool, since_seconds: float | None, now_seconds: float) -> float | None:
    if not holds:
        return None
    return now_seconds if since_seconds is None else since_seconds
