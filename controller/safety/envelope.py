"""What a body may feel now, as one value, and what to do with a device that exceeds it. Pure functions.

The envelope is computed from its layers: hard limits, the owner's caps, the day's symptoms, the budgets, and the blocks
of the guard that are open. Without an open block it is zero. `supervisor` checks every reading against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from controller.safety import limits
from controller.safety.apply_limits import heat_layers, lowest, most_rate_cpm, vacuum_layers, vibration_layers
from controller.safety.limits import Energy, OwnerLimits, Reason, budget_key
from controller.safety.message import KeyedMessage, message
from devices.roles import (
    Capability,
    Frozen,
    MassagerReading,
    Phase,
    PumpReading,
    Reading,
    Role,
    RunState,
    Side,
    WarmerReading,
)

ENERGY_OF = {"pump": Energy.SUCTION, "warmer": Energy.HEAT, "massager": Energy.VIBRATION}
_QUANTITY = {Energy.SUCTION: "vacuum_mmhg", Energy.HEAT: "celsius", Energy.VIBRATION: "intensity"}
_SETTABLE = {
    "pump": {Capability.VACUUM_MMHG, Capability.LEVELS},
    "warmer": {Capability.TARGET_CELSIUS},
    "massager": {Capability.INTENSITY},
}
_ROUNDING = 0.005  # reported numbers are rounded


class OpenBlock(Frozen):
    """What an open block widens the envelope to. `most`: mmHg or °C that the step allows, whatever is requested."""

    energy: Energy
    side: Side
    until_seconds: float
    phase: Phase = Phase.EXPRESSION
    most: float | None = None
    by_person: bool = False
    at_full: bool = False


class Layers(Frozen):
    """All that decides what a body may feel. `left_seconds`: what is left of each budget, by its name."""

    owner: OwnerLimits
    symptoms: bool = False
    left_seconds: Mapping[str, float] = Field(default_factory=dict)
    blocks: tuple[OpenBlock, ...] = ()


class Allowance(Frozen):
    """How much of one energy one side may feel (mmHg, °C, or 0 to 1), and until when, by the clock.

    `reasons`: every layer that asks for less than there could be, the deciding one first.
    """

    most: float
    until_seconds: float
    reasons: tuple[Reason, ...] = ()


Envelope = Mapping[tuple[Energy, Side], Allowance]

NOTHING = Allowance(most=0.0, until_seconds=-math.inf, reasons=(Reason(who="block", allows=0.0, key="nothing_runs"),))


def daily_layers(
    energy: Energy, layers: Layers, *, phase: Phase, by_person: bool, at_full: bool = False
) -> list[Reason]:
    """Return every layer but the blocks: what holds today, also in manual use. `at_full`: see `apply_limits`."""
    used_up = _used_up(energy, layers)
    if energy is Energy.SUCTION:
        vacuum = vacuum_layers(phase, layers.owner, symptoms=layers.symptoms, by_person=by_person)
        return [*used_up, *vacuum]
    if energy is Energy.HEAT:
        hot = layers.left_seconds.get(limits.HOT, 1.0) > 0
        return [*used_up, *heat_layers(layers.owner, symptoms=layers.symptoms, hot=hot)]
    return [*used_up, *vibration_layers(layers.owner, symptoms=layers.symptoms, at_full=at_full)]


def _used_up(energy: Energy, layers: Layers) -> Iterator[Reason]:
    names = (energy.value, limits.UNMEASURED) if energy is Energy.HEAT else (energy.value,)
    for name in names:
        if layers.left_seconds.get(name, 1.0) <= 0:
            yield Reason(who="budget", allows=0.0, key=f"used_up_{budget_key(name)}")


def envelope(layers: Layers, now_seconds: float) -> Envelope:
    """Return what each side may feel of each energy now. What is absent is zero."""
    found: dict[tuple[Energy, Side], Allowance] = {}
    for block in layers.blocks:
        if now_seconds >= block.until_seconds:
            continue
        reasons = daily_layers(
            block.energy, layers, phase=block.phase, by_person=block.by_person, at_full=block.at_full
        )
        if block.most is not None:
            reasons.append(Reason(who="step", allows=block.most, key="step"))
        allowance = allowed(block.energy, reasons, block.until_seconds)
        for side in (Side.LEFT, Side.RIGHT):
            key = block.energy, side
            if block.side.covers(side) and (key not in found or allowance.most < found[key].most):
                found[key] = allowance
    return found


def allowed(energy: Energy, reasons: Iterable[Reason], until_seconds: float) -> Allowance:
    """Return the allowance that layers leave: the lowest wins."""
    ceiling = 1.0 if energy is Energy.VIBRATION else math.inf
    limit = lowest(_QUANTITY[energy], ceiling, reasons)
    return Allowance(most=limit.allowed, until_seconds=until_seconds, reasons=limit.reasons)


def allowance_on(found: Envelope, energy: Energy, side: Side) -> Allowance:
    """Return the allowance of a device on `side`; for one that serves both breasts, the lower of the two."""
    sides = (Side.LEFT, Side.RIGHT) if side is Side.BOTH else (side,)
    there = [found[energy, each] for each in sides if (energy, each) in found]
    return min(there, key=lambda each: each.most, default=NOTHING)


class AppliedEnergy(Frozen):
    """What a device does to a body, by its own report. `on` is `None` where it does not report that.

    `commanded` and `measured` are in mmHg, °C or 0 to 1; `level` is a pump's, where it reports no mmHg.
    """

    on: bool | None = None
    commanded: float | None = None
    measured: float | None = None
    level: int | None = None
    rate_cpm: float | None = None
    phase: Phase | None = None

    @property
    def warmth_celsius(self) -> float | None:
        """How warm a compress is to get; where it has no target, how warm it is."""
        return self.measured if self.commanded is None else self.commanded


def applied_energy(reading: Reading, *, rises: bool = False, started: bool = False) -> AppliedEnergy:
    """Return what a reading means for the body.

    A pad that is still warm is not on; one that gets warmer (`rises`) is, whatever it reports. A pump that reports
    "stopped" and measures 60 mmHg or more is on. `started`: it was switched on from here, so it counts as on where it
    never reports whether it runs.
    """
    state = reading.run_state
    on = (started or None) if state is RunState.UNKNOWN else state is RunState.RUNNING
    if isinstance(reading, PumpReading):
        known = [each for each in (reading.vacuum_mmhg, reading.peak_vacuum_mmhg) if each is not None]
        on = True if (reading.vacuum_mmhg or 0.0) >= limits.RELEASE_MMHG else on
        return AppliedEnergy(
            on=on,
            commanded=reading.target_vacuum_mmhg if on else None,
            measured=max(known, default=None) if on else reading.vacuum_mmhg,
            level=reading.level if on and reading.target_vacuum_mmhg is None else None,
            rate_cpm=reading.rate_cpm if on else None,
            phase=reading.phase,
        )
    if isinstance(reading, WarmerReading):
        on = True if rises else on
        return AppliedEnergy(
            on=on, commanded=reading.target_celsius if on else None, measured=reading.surface_celsius if rises else None
        )
    if isinstance(reading, MassagerReading):
        return AppliedEnergy(on=True if reading.intensity else on, commanded=reading.intensity)
    return AppliedEnergy(on=on)


class Correction(StrEnum):
    """What to do with a device."""

    NOTHING = "nothing"
    LOWER = "lower"
    STOP = "stop"
    REPORT = "report"


class Verdict(Frozen):
    """What to do with a device, and why; `None` where nothing is to be done."""

    correction: Correction = Correction.NOTHING
    why: KeyedMessage | None = None


class Situation(StrEnum):
    """What a device is allowed to be now."""

    BLOCK = "block"  # it runs in an open block
    OFF = "off"  # it must be off: a session runs, or everything was stopped, or it was never seen off
    MANUAL_USE = "by_hand"  # no block uses it: its owner may, at its own buttons


def excess(
    applied: AppliedEnergy, most: float, energy: Energy, *, most_level: int | None, had_time_to_follow: bool = True
) -> KeyedMessage | None:
    """Return how a device that is on exceeds what is allowed, or `None`.

    `most_level`: of a pump with levels only. `had_time_to_follow`: its last lower setting was sent long enough ago.
    """
    if applied.commanded is not None and applied.commanded > most + _ROUNDING:
        return _set_above(energy, applied.commanded, most)
    if applied.level is not None and most_level is not None and applied.level > most_level:
        return message("set_above_level", level=applied.level, allowed_level=most_level)
    limit_cpm = most_rate_cpm(applied.phase or Phase.STIMULATION) + limits.RATE_TOLERANCE_CPM
    if applied.rate_cpm is not None and applied.rate_cpm > limit_cpm:
        return message("rate_above", rate_cpm=round(applied.rate_cpm), allowed_cpm=limit_cpm)
    if applied.measured is not None and had_time_to_follow and applied.measured > highest_plausible(most, energy):
        return _measured_above(energy, applied.measured, most)
    return None


def _set_above(energy: Energy, value: float, most: float) -> KeyedMessage:
    if energy is Energy.SUCTION:
        return message("set_above_suction", set_mmhg=round(value), allowed_mmhg=math.floor(most))
    if energy is Energy.HEAT:
        return message("set_above_heat", set_celsius=round(value, 1), allowed_celsius=round(most, 1))
    return message("set_above_vibration", set_percent=round(value * 100), allowed_percent=math.floor(most * 100))


def _measured_above(energy: Energy, value: float, most: float) -> KeyedMessage:
    if energy is Energy.SUCTION:
        return message("measured_above_suction", measured_mmhg=round(value), allowed_mmhg=math.floor(most))
    return message("measured_above_heat", measured_celsius=round(value, 1), allowed_celsius=round(most, 1))


def highest_plausible(most: float, energy: Energy) -> float:
    """Return the highest value that a device set to `most` may measure: devices deviate, and sensors are noisy."""
    if energy is Energy.SUCTION:
        return min(most + limits.VACUUM_TOLERANCE_MMHG, limits.MEASURED_VACUUM_MMHG)
    most_celsius = most + limits.HEAT_TOLERANCE_CELSIUS
    return most_celsius if most_celsius < limits.HEAT_TRIP_CELSIUS else math.inf  # from there on, it trips


def verdict(
    applied: AppliedEnergy,
    allowance: Allowance,
    situation: Situation,
    energy: Energy,
    *,
    can_set: bool,
    manual_use: str = "watch",
    most_level: int | None = None,
    had_time_to_follow: bool = True,
) -> Verdict:
    """Return what to do with a device. `allowance`: of its block, or of today where it is used manually."""
    if not applied.on:
        return Verdict()
    if situation is Situation.OFF or (situation is Situation.MANUAL_USE and manual_use == "stop"):
        return Verdict(correction=Correction.STOP, why=message("must_be_off"))
    none = next((each.message for each in allowance.reasons if each.allows <= 0 and each.who != "block"), None)
    if none is not None:
        return Verdict(correction=Correction.STOP, why=none)
    found = excess(applied, allowance.most, energy, most_level=most_level, had_time_to_follow=had_time_to_follow)
    if found is not None:
        return Verdict(correction=Correction.LOWER if can_set else Correction.STOP, why=found)
    if situation is Situation.MANUAL_USE:
        return Verdict(correction=Correction.REPORT, why=message("used_by_hand"))
    return Verdict()


def can_be_set(device: Role) -> bool:
    """Return whether a running device can be set lower."""
    return device.can_stop and bool(_SETTABLE[device.role] & device.capabilities)
