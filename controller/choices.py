"""What a start takes that names nothing, from what a person chose and what the settings have by now."""

from __future__ import annotations

from collections.abc import Container

from controller.events import Choices
from controller.limits import limit_comfort
from controller.memory import Chosen
from controller.safety import OwnerLimits
from devices.roles import Side

_FIRST_ROUTINE = "classic"


def choices_of(station: str, chosen: Chosen, owner: OwnerLimits, routines: Container[str]) -> Choices:
    """Return what holds now: a routine that is there, and a comfort cap that no choice puts above the settings'."""
    cap_mmhg = owner.comfortable_mmhg if chosen.comfort_vacuum_mmhg is None else chosen.comfort_vacuum_mmhg
    return Choices(
        station=station,
        routine=chosen.routine if chosen.routine in routines else _FIRST_ROUTINE,
        side=chosen.side or Side.BOTH,
        comfort_vacuum_mmhg=limit_comfort(cap_mmhg, owner).allowed,
    )
