"""What a body may feel now, as one value, and what to do with a device that is outside of it. Pure.

The envelope is computed from its layers: hard limits, the owner's caps, the day's symptoms, the budgets, and the blocks
of the guard that are open. Without an open block it is zero. `supervisor` holds every reading against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from pydantic import Field

from controller import safety
from controller.limits import heat_layers, lowest, most_rate_cpm, vacuum_layers, vibration_layers
from controller.safety import Energy, OwnerLimits, Reason
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
_HAIR = 0.005  # numbers on the wire are rounded


class OpenBlock(Frozen):
    """What a block of the guard widens the envelope to, for a while. `most`: not more than this, whoever asks."""

    energy: Energy
    side: Side
    until_seconds: float
    phase: Phase = Phase.EXPRESSION
    most: float | None = None
    by_person: bool = False
    at_full: bool = False


class Layers(Frozen):
    """All that decides what a body may feel. `left_seconds`: of each budget that is used up or is not, by its name."""

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

NOTHING = Allowance(most=0.0, until_seconds=-math.inf, reasons=(Reason(who="block", allows=0.0, words="nothing runs"),))


def today(energy: Energy, layers: Layers, *, phase: Phase, by_person: bool, at_full: bool = False) -> list[Reason]:
    """Return every layer but the blocks: what nobody may exceed today, also by hand. `at_full`: see `safety`."""
    used_up = _used_up(energy, layers)
    if energy is Energy.SUCTION:
        vacuum = vacuum_layers(phase, layers.owner, symptoms=layers.symptoms, by_person=by_person)
        return [*used_up, *vacuum]
    if energy is Energy.HEAT:
        hot = layers.left_seconds.get(safety.HOT, 1.0) > 0
        return [*used_up, *heat_layers(layers.owner, symptoms=layers.symptoms, hot=hot)]
    return [*used_up, *vibration_layers(layers.owner, symptoms=layers.symptoms, at_full=at_full)]


def _used_up(energy: Energy, layers: Layers) -> Iterator[Reason]:
    names = (energy.value, safety.UNMEASURED) if energy is Energy.HEAT else (energy.value,)
    for name in names:
        if layers.left_seconds.get(name, 1.0) <= 0:
            yield Reason(who="budget", allows=0.0, words=f"{name} has been on as long as it may; rest first")


def envelope(layers: Layers, now_seconds: float) -> Envelope:
    """Return what each side may feel of each energy now. What is absent is zero."""
    found: dict[tuple[Energy, Side], Allowance] = {}
    for block in layers.blocks:
        if now_seconds >= block.until_seconds:
            continue
        reasons = today(block.energy, layers, phase=block.phase, by_person=block.by_person, at_full=block.at_full)
        if block.most is not None:
            reasons.append(Reason(who="step", allows=block.most, words="this step of the routine"))
        allowance = allowed(block.energy, reasons, block.until_seconds)
        for side in (Side.LEFT, Side.RIGHT):
            key = block.energy, side
            if block.side.covers(side) and (key not in found or allowance.most < found[key].most):
                found[key] = allowance
    return found


def allowed(energy: Energy, reasons: Iterable[Reason], until_seconds: float) -> Allowance:
    """Return what layers come to: the lowest wins."""
    ceiling = 1.0 if energy is Energy.VIBRATION else math.inf
    limit = lowest(_QUANTITY[energy], ceiling, reasons)
    return Allowance(most=limit.allowed, until_seconds=until_seconds, reasons=limit.reasons)


def on_side(found: Envelope, energy: Energy, side: Side) -> Allowance:
    """Return what a device of this side may do: the lower of what both breasts may feel, where it serves both."""
    sides = (Side.LEFT, Side.RIGHT) if side is Side.BOTH else (side,)
    there = [found[energy, each] for each in sides if (energy, each) in found]
    return min(there, key=lambda each: each.most, default=NOTHING)


class Felt(Frozen):
    """What a device says that it does to a body. `on` is `None` where it does not say.

    `commanded` and `measured` are in mmHg, °C or 0 to 1; `level` is a pump's own, where that is all there is.
    """

    on: bool | None = None
    commanded: float | None = None
    measured: float | None = None
    level: int | None = None
    rate_cpm: float | None = None
    phase: Phase | None = None


def felt(reading: Reading, *, rises: bool = False, started: bool = False) -> Felt:
    """Return what a reading means for the body. `rises`: a compress that gets warmer, whatever it says.

    A pad that is still warm is not on. A pump that says it stopped and goes on measuring a vacuum is. `started`: it was
    switched on from here, so it counts as on where it never says whether it runs.
    """
    state = reading.run_state
    on = (started or None) if state is RunState.UNKNOWN else state is RunState.RUNNING
    if isinstance(reading, PumpReading):
        known = [each for each in (reading.vacuum_mmhg, reading.peak_vacuum_mmhg) if each is not None]
        on = True if (reading.vacuum_mmhg or 0.0) >= safety.RELEASE_MMHG else on
        return Felt(
            on=on,
            commanded=reading.target_vacuum_mmhg if on else None,
            measured=max(known, default=None) if on else reading.vacuum_mmhg,
            level=reading.level if on and reading.target_vacuum_mmhg is None else None,
            rate_cpm=reading.rate_cpm if on else None,
            phase=reading.phase,
        )
    if isinstance(reading, WarmerReading):
        on = True if rises else on
        return Felt(
            on=on,
            commanded=reading.target_celsius if on else None,
            measured=reading.surface_celsius if rises else None,
        )
    if isinstance(reading, MassagerReading):
        return Felt(on=True if reading.intensity else on, commanded=reading.intensity)
    return Felt(on=on)


class Do(StrEnum):
    """What to do with a device."""

    NOTHING = "nothing"
    LOWER = "lower"
    STOP = "stop"
    REPORT = "report"


class Verdict(Frozen):
    """What to do with a device, and why, in words for the person."""

    do: Do = Do.NOTHING
    words: str = ""


class Situation(StrEnum):
    """What a device is to a body just now."""

    BLOCK = "block"  # it runs in an open block
    OFF = "off"  # it must be off: a session runs, or everything was stopped, or it was never seen to be off
    BY_HAND = "by_hand"  # nobody here uses it: its owner may, at its own buttons


def excess(seen: Felt, most: float, energy: Energy, *, most_level: int | None, settled: bool = True) -> str | None:
    """Return in words by what a device that is on exceeds what is allowed, or `None`.

    `most_level`: for a pump that knows levels only. `settled`: whether it had time to come down to its last setting.
    """
    unit = {Energy.SUCTION: " mmHg", Energy.HEAT: " °C", Energy.VIBRATION: ""}[energy]
    if seen.commanded is not None and seen.commanded > most + _HAIR:
        return f"it is set to {seen.commanded:.3g}{unit}; {most:.3g} is allowed now"
    if seen.level is not None and most_level is not None and seen.level > most_level:
        return f"it is set to level {seen.level}; {most_level} is allowed now"
    limit_cpm = most_rate_cpm(seen.phase or Phase.STIMULATION) + safety.RATE_TOLERANCE_CPM
    if seen.rate_cpm is not None and seen.rate_cpm > limit_cpm:
        return f"it runs at {seen.rate_cpm:.0f} cycles a minute"
    if seen.measured is not None and settled and seen.measured > believable(most, energy):
        return f"it measures {seen.measured:.3g}{unit}; {most:.3g} is allowed now"
    return None


def believable(most: float, energy: Energy) -> float:
    """Return up to what a device may measure that keeps to `most`: devices are off a little, and sensors noisy."""
    if energy is Energy.SUCTION:
        return min(most + safety.VACUUM_TOLERANCE_MMHG, safety.MEASURED_VACUUM_MMHG)
    most_celsius = most + safety.HEAT_TOLERANCE_CELSIUS
    return most_celsius if most_celsius < safety.HEAT_TRIP_CELSIUS else math.inf  # from there on, it trips


def verdict(
    seen: Felt,
    allowance: Allowance,
    situation: Situation,
    energy: Energy,
    *,
    can_set: bool,
    manual_use: str = "watch",
    most_level: int | None = None,
    settled: bool = True,
) -> Verdict:
    """Return what to do with a device. `allowance`: of its block, or of today where it is used by hand."""
    if not seen.on:
        return Verdict()
    if situation is Situation.OFF or (situation is Situation.BY_HAND and manual_use == "stop"):
        return Verdict(do=Do.STOP, words="it is on, and is to be off now")
    none = next((each.words for each in allowance.reasons if each.allows <= 0 and each.who != "block"), None)
    if none is not None:
        return Verdict(do=Do.STOP, words=none)
    words = excess(seen, allowance.most, energy, most_level=most_level, settled=settled)
    if words is not None:
        return Verdict(do=Do.LOWER if can_set else Do.STOP, words=words)
    return Verdict(do=Do.REPORT, words="it is used by hand") if situation is Situation.BY_HAND else Verdict()


def can_be_set(device: Role) -> bool:
    """Say whether a running device can be told to do less."""
    if not device.can_stop:
        return False
    settable = {
        "pump": {Capability.VACUUM_MMHG, Capability.LEVELS},
        "warmer": {Capability.TARGET_CELSIUS},
        "massager": {Capability.INTENSITY},
    }
    return bool(settable[device.role] & device.capabilities)
