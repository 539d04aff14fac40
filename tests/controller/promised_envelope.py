"""No body feels more than it may for longer than a moment: judged by what the virtual devices do, in truth."""

from __future__ import annotations

from controller import safety
from controller.safety import OwnerLimits
from devices.roles import Phase
from devices.virtual.bodies import PadBody, PumpBody
from devices.virtual.twin import Twin
from tests.controller.own_controls import value_of

SET_SECONDS = 3.3  # 1 s until it says so, 2 s to follow, and a stop
FELT_SECONDS = 5.5  # 2 s to come down, and then the same for what it still does
NO_SEAL_SECONDS = safety.SEAL_LOST_SECONDS + SET_SECONDS
PUMP_ABOVE_MMHG = 30.0  # a unit may be off by 20, and its cycles are not all alike
PUMP_MOST_MMHG = 260.0
PAD_ABOVE_CELSIUS = 1.5
_HAIR = 0.51  # mmHg, °C after a tenth, and intensities: numbers on the wire are rounded


class Today:
    """What anybody may feel today. `cap_mmhg`: the comfort cap that was chosen last, if any."""

    def __init__(self, owner: OwnerLimits) -> None:
        self.owner = owner
        self.cap_mmhg: float | None = owner.comfort_vacuum_mmhg
        self.symptoms = False

    def vacuum_mmhg(self, phase: Phase, *, by_person: bool) -> float:
        """Return the highest vacuum of a phase."""
        most_mmhg = self.cap_mmhg or safety.EXPRESSION_VACUUM_MMHG
        if phase is Phase.STIMULATION:
            most_mmhg = min(most_mmhg, self.owner.stimulation_vacuum_mmhg)
        elif not by_person and self.cap_mmhg is None:
            most_mmhg = min(most_mmhg, safety.AUTOMATIC_VACUUM_MMHG)
        return min(most_mmhg, safety.SYMPTOM_VACUUM_MMHG) if self.symptoms else most_mmhg

    @property
    def celsius(self) -> float:
        """The highest temperature; 0 where there is to be no heat."""
        return 0.0 if self.symptoms else self.owner.heat_celsius

    @property
    def intensity(self) -> float:
        """The highest intensity of a massager; 0 where there is to be no vibration."""
        return safety.VIBRATION_INTENSITY if self.owner.vibration and not self.symptoms else 0.0

    def choose(self, cap_mmhg: float) -> None:
        """Note a comfort cap that a person chose."""
        self.cap_mmhg = min(cap_mmhg, self.owner.comfortable_mmhg)


class Excess:
    """How long one device has done more than it may."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._set_since_seconds: float | None = None
        self._felt_since_seconds: float | None = None
        self._last_celsius = 0.0

    def look(self, most: float, now_seconds: float, *, excused: bool) -> str | None:
        """Look at a device that may be on. Return in words what it has done for too long."""
        is_set, felt = value_of(self._twin), self._felt()
        too_high = is_set > most + (_HAIR if isinstance(self._twin.body, PumpBody) else 0.01)
        too_much = felt is not None and felt > self._believable(most)
        self._set_since_seconds = _since(too_high and not excused, self._set_since_seconds, now_seconds)
        self._felt_since_seconds = _since(too_much and not excused, self._felt_since_seconds, now_seconds)
        if self._set_since_seconds is not None and now_seconds - self._set_since_seconds > SET_SECONDS:
            return f"has been set to {is_set:g} for {SET_SECONDS:g} s; {most:g} is allowed"
        if self._felt_since_seconds is not None and now_seconds - self._felt_since_seconds > FELT_SECONDS:
            return f"has done {felt:.1f} for {FELT_SECONDS:g} s; {most:g} is allowed"
        return None

    def _felt(self) -> float | None:
        """Return what a body feels, of a pump that pulls or a pad that does not cool."""
        body = self._twin.body
        if isinstance(body, PumpBody) and body.duty.running:
            return body.suction.cycle_peak_mmhg
        if isinstance(body, PadBody) and body.duty.running:
            cools = body.pad.surface_celsius < self._last_celsius
            self._last_celsius = body.pad.surface_celsius
            return None if cools else body.pad.surface_celsius
        return None

    def _believable(self, most: float) -> float:
        if isinstance(self._twin.body, PumpBody):
            return min(most + PUMP_ABOVE_MMHG, PUMP_MOST_MMHG)
        return most + PAD_ABOVE_CELSIUS


def _since(holds: bool, since_seconds: float | None, now_seconds: float) -> float | None:
    if not holds:
        return None
    return now_seconds if since_seconds is None else since_seconds
