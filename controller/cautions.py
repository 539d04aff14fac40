"""What a device cannot do that a person would take for granted. Said in topics, in the guide and in listings."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from devices.roles import Capability, Role


class Caution(StrEnum):
    """One thing a device cannot do; the words are in the guide, as `caution_…`."""

    NOT_CONTROLLED = "not_controlled"  # it cannot be started from here
    SET_BY_HAND = "set_by_hand"  # it can be started, but its vacuum and phase are set at the pump
    LEVELS_ONLY = "levels_only"  # its levels are not known in mmHg
    NO_TEMPERATURE = "no_temperature"  # it heats, but nobody measures how warm it gets
    NOT_CONFIRMED = "not_confirmed"  # it never says whether it runs or has stopped
    GOES_ON_ALONE = "goes_on_alone"  # it goes on when the link is lost
    UNKNOWN_ALONE = "unknown_alone"  # nobody knows what it does when the link is lost


def cautions_for(device: Role) -> tuple[Caution, ...]:
    """Return what a person should know about a device before using it."""
    return cautions_by(device.role, device.capabilities, device.on_link_loss)


@cache
def cautions_by(role: str, can: frozenset[Capability], on_link_loss: str) -> tuple[Caution, ...]:
    """Return the cautions that follow from a role, its capabilities and what happens when its link is lost."""
    if Capability.START not in can:
        return (Caution.NOT_CONTROLLED,)
    levels = Capability.LEVELS in can and Capability.VACUUM_MMHG not in can
    alone = {"continues": Caution.GOES_ON_ALONE, "unknown": Caution.UNKNOWN_ALONE}
    found = {
        Caution.LEVELS_ONLY: role == "pump" and levels,
        Caution.SET_BY_HAND: role == "pump" and not can & {Capability.VACUUM_MMHG, Capability.LEVELS},
        Caution.NO_TEMPERATURE: role == "warmer" and Capability.REPORTS_TEMPERATURE not in can,
        Caution.NOT_CONFIRMED: Capability.REPORTS_STATE not in can,
    }
    return (*(caution for caution, holds in found.items() if holds), *filter(None, [alone.get(on_link_loss)]))
