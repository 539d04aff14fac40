"""A device that somebody switched on at the device itself: what it may do today, and lowering it to that."""

from __future__ import annotations

import math

from controller.energy_budgets import EnergyBudgets, budgets_of
from controller.envelope import ENERGY_OF, Allowance, Felt, Layers, allowed, believable, today
from controller.limits import most_rate_cpm
from controller.safety import LEASE_SECONDS, VIBRATION_INTENSITY, Energy, OwnerLimits
from devices.errors import RefusedError
from devices.roles import Phase, PumpSetting, Role, Side

_RATE_CPM = {Phase.STIMULATION: 100.0, Phase.EXPRESSION: 54.0}  # a routine's, where the pump does not say its own
_LONGEST_SECONDS = 600.0  # it was not meant to run from here: whoever wants it longer switches it on again


def budgets_by_hand(device: Role, seen: Felt) -> frozenset[str]:
    """Return the budgets that its use counts against."""
    energy = ENERGY_OF[device.role]
    return budgets_of(energy, [device], celsius=seen.commanded if energy is Energy.HEAT else None)


def allowance_by_hand(
    device: Role, seen: Felt, owner: OwnerLimits, budgets: EnergyBudgets, *, symptoms: bool
) -> Allowance:
    """Return what it may do: all that holds today, as if it were the person's own command."""
    left = {name: budgets.left_seconds([name]) for name in budgets_by_hand(device, seen)}
    layers = Layers(owner=owner, symptoms=symptoms, left_seconds=left)
    at_full = (device.limits.least_intensity or 0.0) > VIBRATION_INTENSITY
    energy, phase = ENERGY_OF[device.role], seen.phase or Phase.EXPRESSION
    return allowed(energy, today(energy, layers, phase=phase, by_person=True, at_full=at_full), math.inf)


async def lower_by_hand(
    device: Role, seen: Felt, allowance: Allowance, *, most_level: int | None, left_seconds: float
) -> None:
    """Set a running device to the most that is allowed, or to less. It gets a time and a lease like any other.

    Raise `RefusedError` where not even the least that it can do is allowed, and other `DeviceError`s.
    """
    limits = device.limits
    # Never more than it is set to already: what pulls more than that is set lower by so much.
    most = allowance.most if seen.commanded is None else min(allowance.most, seen.commanded)
    if seen.measured is not None:
        most = max(0.0, most - max(0.0, seen.measured - believable(allowance.most, ENERGY_OF[device.role])))
    seconds = min(left_seconds, limits.run_seconds or _LONGEST_SECONDS, _LONGEST_SECONDS)
    least = {
        "pump": limits.least_vacuum_mmhg,
        "warmer": limits.least_celsius,
        "massager": limits.least_intensity,
    }[device.role]
    if least is not None and least > most:
        raise RefusedError(f"even the least that it can do, {least:g}, is more than is allowed")
    if device.role == "pump":
        phase = seen.phase or Phase.EXPRESSION
        rate_cpm = min(seen.rate_cpm or _RATE_CPM[phase], most_rate_cpm(phase))
        vacuum_mmhg = None if most_level is not None else math.floor(min(most, limits.vacuum_mmhg or most))
        setting = PumpSetting(phase=phase, vacuum_mmhg=vacuum_mmhg, level=most_level, rate_cpm=rate_cpm)
        await device.adjust(setting)
    elif device.role == "warmer":
        await device.set_target(most, seconds, LEASE_SECONDS)
    else:
        await device.run(most, seconds, LEASE_SECONDS, Side.BOTH)
