"""Cautions: what a device cannot do that a person would expect. Shown in topics, in the guide and in listings."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from devices.roles import Button, Capability, Role, Scale
from devices.sensor_roles import Thermometer


class Caution(StrEnum):
    """One missing ability of a device; its text is in the guides, as `caution_…`."""

    NOT_CONTROLLED = "not_controlled"  # it cannot be started from here
    SET_BY_HAND = "set_by_hand"  # it can be started, but its vacuum and phase are set at the pump
    LEVELS_ONLY = "levels_only"  # its levels are not known in mmHg
    NO_TEMPERATURE = "no_temperature"  # it heats, but its temperature is not measured
    NOT_CONFIRMED = "not_confirmed"  # it never reports whether it runs
    GOES_ON_ALONE = "goes_on_alone"  # it keeps running when the link is lost
    UNKNOWN_ALONE = "unknown_alone"  # what it does when the link is lost is unknown


def cautions_for(device: Role | Scale | Button | Thermometer) -> tuple[Caution, ...]:
    """Return what a person should know about a device before using it."""
    if device.role == "scale" or device.role == "button" or device.role == "thermometer":  # noqa: PLR1714 - see mypy
        return ()
    return cautions_by(device.role, device.capabilities, device.on_link_loss)


@cache
def cautions_by(role: str, can: frozenset[Capability], on_link_loss: str) -> tuple[Caution, ...]:
    """Return the cautions that follow from a role, its capabilities and what happens when its link is lost.

    What only measures has none: it starts nothing.
    """
    if role in ("scale", "button", "thermometer"):
        return ()
    if Capability.START not in can:
        return (Caution.NOT_CONTROLLED,)
    levels = Capability.LEVELS in can and Capability.VACUUM_MMHG not in can
    found = {
        Caution.LEVELS_ONLY: role == "pump" and levels,
        Caution.SET_BY_HAND: role == "pump" and not can & {Capability.VACUUM_MMHG, Capability.LEVELS},
        Caution.NO_TEMPERATURE: role == "warmer" and Capability.REPORTS_TEMPERATURE not in can,
        Caution.NOT_CONFIRMED: Capability.REPORTS_STATE not in can,
        Caution.GOES_ON_ALONE: on_link_loss == "continues" and Capability.LEASE not in can,
        Caution.UNKNOWN_ALONE: on_link_loss == "unknown",
    }
    return tuple(caution for caution, holds in found.items() if holds)
