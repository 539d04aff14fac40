"""The most of each quantity that a body, or a device of it, can be set to today, with every layer that limits it.

Pure functions, of the same layers as the envelope. They return what would be allowed; nothing here allows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from controller.safety.apply_limits import level_layers, lowest, most_rate_cpm
from controller.safety.envelope import Layers, daily_layers
from controller.safety.limits import VIBRATION_INTENSITY, Energy, Reason
from controller.safety.message import KeyedMessage
from devices.roles import Capability, Frozen, Phase, Role

CeilingId = Literal[
    "stimulation_vacuum", "expression_vacuum", "stimulation_rate", "expression_rate", "level", "heat", "vibration"
]


class Ceiling(Frozen):
    """The most of one quantity, and why."""

    id: CeilingId = Field(description="What is limited.")
    quantity: str = Field(description="Its quantity, such as `vacuum_mmhg`: its unit is in its name.")
    allows: float = Field(description="The most that is allowed today; 0: nothing.")
    reasons: tuple[Reason, ...] = Field(description="Every layer that limits it, the deciding one first.")


class BudgetLeft(Frozen):
    """How much of one energy is left."""

    budget: str = Field(description="`suction`, `heat`, `hot`, `unmeasured` or `vibration`.")
    left_minutes: int = Field(description="For how many minutes it could be on from now on without a break.")
    window: KeyedMessage = Field(description="The window that ends first, as a key of `reasons` and its values.")
    words: str = Field("", description="That window in the language of the settings.")


def body_ceilings(layers: Layers) -> tuple[Ceiling, ...]:
    """Return what holds for a body, whichever device it uses."""
    found = [_vacuum(phase, layers) for phase in Phase]
    found += [_rate(phase) for phase in Phase]
    return (
        *found,
        _ceiling("heat", "celsius", daily_layers(Energy.HEAT, layers, phase=Phase.EXPRESSION, by_person=False)),
        _ceiling("vibration", "intensity", _vibration(layers)),
    )


def device_ceilings(device: Role, layers: Layers) -> tuple[Ceiling, ...]:
    """Return what holds for a device: the layers of its body, and its own limits; nothing for what cannot be set."""
    can, limits = device.capabilities, device.limits
    found: list[Ceiling] = []
    if Capability.START not in can:
        return ()
    if device.role == "pump":
        own = _own(limits.vacuum_mmhg, "device_pump")
        if Capability.VACUUM_MMHG in can:
            found += [_vacuum(phase, layers, own, limits.least_vacuum_mmhg) for phase in Phase]
        elif Capability.LEVELS in can:
            levels = [*level_layers(device.max_level, symptoms=layers.symptoms), *_own(limits.level, "device_pump")]
            found.append(_ceiling("level", "level", levels, least=limits.least_level))
        if Capability.RATE_CPM in can:
            found += [_rate(phase, _own(limits.rate_cpm, "device_pump")) for phase in Phase]
    elif device.role == "warmer" and Capability.TARGET_CELSIUS in can:
        heat = daily_layers(Energy.HEAT, layers, phase=Phase.EXPRESSION, by_person=False)
        heat += _own(limits.celsius, "device_compress")
        found.append(_ceiling("heat", "celsius", heat, least=limits.least_celsius))
    elif device.role == "massager":
        at_full = (limits.least_intensity or 0.0) > VIBRATION_INTENSITY
        layers_of_it = _vibration(layers, at_full=at_full)
        found.append(_ceiling("vibration", "intensity", layers_of_it, least=limits.least_intensity, most=1.0))
    return tuple(found)


def _vacuum(phase: Phase, layers: Layers, own: Iterable[Reason] = (), least: float | None = None) -> Ceiling:
    of_body = daily_layers(Energy.SUCTION, layers, phase=phase, by_person=False)
    id_: CeilingId = "stimulation_vacuum" if phase is Phase.STIMULATION else "expression_vacuum"
    return _ceiling(id_, "vacuum_mmhg", [*of_body, *own], least=least)


def _rate(phase: Phase, own: Iterable[Reason] = ()) -> Ceiling:
    hard = Reason(who="hard", allows=most_rate_cpm(phase), key=f"limit_rate_{phase.value}")
    id_: CeilingId = "stimulation_rate" if phase is Phase.STIMULATION else "expression_rate"
    return _ceiling(id_, "rate_cpm", [hard, *own])


def _vibration(layers: Layers, *, at_full: bool = False) -> list[Reason]:
    return daily_layers(Energy.VIBRATION, layers, phase=Phase.EXPRESSION, by_person=False, at_full=at_full)


def _own(most: float | None, key: str) -> list[Reason]:
    return [] if most is None else [Reason(who="device", allows=most, key=key)]


def _ceiling(
    id_: CeilingId, quantity: str, layers: Iterable[Reason], *, least: float | None = None, most: float = math.inf
) -> Ceiling:
    limit = lowest(quantity, most, layers, least=least)
    return Ceiling(id=id_, quantity=quantity, allows=limit.allowed, reasons=limit.reasons)
