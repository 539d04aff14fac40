"""Manual use: what a device that was switched on at its own buttons may do today, and lowering it to that."""

from __future__ import annotations

import math
from collections.abc import Container

from controller.safety.apply_limits import most_rate_cpm
from controller.safety.energy_budgets import EnergyBudgets, budgets_of
from controller.safety.envelope import (
    ENERGY_OF,
    Allowance,
    AppliedEnergy,
    Layers,
    allowed,
    daily_layers,
    highest_plausible,
)
from controller.safety.limits import LEASE_SECONDS, VIBRATION_INTENSITY, Energy, OwnerLimits
from controller.safety.message import NotPossibleError, message
from devices.roles import Phase, PumpSetting, Role, Side

_RATE_CPM = {Phase.STIMULATION: 100.0, Phase.EXPRESSION: 54.0}  # a routine's, where the pump does not report its own
_LONGEST_SECONDS = 600.0  # it was not started from here: to use it longer, switch it on again


def manual_use_budgets(device: Role, applied: AppliedEnergy, measured: Container[str] = ()) -> frozenset[str]:
    """Return the budgets that the use of a device counts against. `measured`: see `budgets_of`."""
    energy = ENERGY_OF[device.role]
    celsius = applied.warmth_celsius if energy is Energy.HEAT else None
    return budgets_of(energy, [device], celsius=celsius, measured=measured)


def manual_use_allowance(
    device: Role,
    applied: AppliedEnergy,
    owner: OwnerLimits,
    budgets: EnergyBudgets,
    *,
    symptoms: bool,
    measured: Container[str] = (),
) -> Allowance:
    """Return what a device may do: all that holds today, as for the person's own command."""
    left = {name: budgets.left_seconds([name]) for name in manual_use_budgets(device, applied, measured)}
    layers = Layers(owner=owner, symptoms=symptoms, left_seconds=left)
    at_full = (device.limits.least_intensity or 0.0) > VIBRATION_INTENSITY
    energy, phase = ENERGY_OF[device.role], applied.phase or Phase.EXPRESSION
    return allowed(energy, daily_layers(energy, layers, phase=phase, by_person=True, at_full=at_full), math.inf)


async def lower_manual_use(
    device: Role, applied: AppliedEnergy, allowance: Allowance, *, most_level: int | None, left_seconds: float
) -> None:
    """Set a running device to the most that is allowed, or to less, with a duration and a lease.

    Raises:
        NotPossibleError: Not even the least that it can do is allowed.
        DeviceError: It did not confirm the setting.
    """
    limits = device.limits
    # Never more than it is set to now; one that pulls more than it may is set lower by the difference.
    most = allowance.most if applied.commanded is None else min(allowance.most, applied.commanded)
    if applied.measured is not None:
        most = max(0.0, most - max(0.0, applied.measured - highest_plausible(allowance.most, ENERGY_OF[device.role])))
    seconds = min(left_seconds, limits.run_seconds or _LONGEST_SECONDS, _LONGEST_SECONDS)
    least_of = {"pump": limits.least_vacuum_mmhg, "warmer": limits.least_celsius, "massager": limits.least_intensity}
    least = least_of[device.role]
    if least is not None and least > most:
        raise NotPossibleError(message("device_least_too_much"))
    if device.role == "pump":
        phase = applied.phase or Phase.EXPRESSION
        rate_cpm = min(applied.rate_cpm or _RATE_CPM[phase], most_rate_cpm(phase))
        vacuum_mmhg = None if most_level is not None else math.floor(min(most, limits.vacuum_mmhg or most))
        setting = PumpSetting(phase=phase, vacuum_mmhg=vacuum_mmhg, level=most_level, rate_cpm=rate_cpm)
        await device.adjust(setting, seconds)
    elif device.role == "warmer":
        await device.set_target(most, seconds, LEASE_SECONDS)
    else:
        await device.run(most, seconds, LEASE_SECONDS, Side.BOTH)
