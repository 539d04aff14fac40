"""Devices that may still run from before, and that the settings do not name any more, or name differently now."""

from __future__ import annotations

from collections.abc import Mapping

from controller.memory import Identity, Memory
from devices.catalog import Catalog
from devices.clock import Clock
from devices.profiles.driver import ProfileDevice
from devices.radio import Radio
from devices.sighting import ByAddress, ByName

_BEFORE = "before"  # what is added to the name of a device whose name another device has now


def left_over(memory: Memory, named: Mapping[str, Identity]) -> dict[str, Identity]:
    """Return the devices that may still run, by name: those that the settings name, and those that they do not.

    A device whose name now means another one gets a new name, also in the memory: else the other one's word that it
    is off would settle it.
    """
    found: dict[str, Identity] = {}
    for name, known in memory.remembered.running.items():
        now = named.get(name)
        if now is None or not _is_another(known, now):
            found[name] = known
            continue
        old = known.model_copy(update={"name": f"{name}-{_BEFORE}"})
        memory.doubted(old)
        memory.stopped(name)
        found[old.name] = old
    return found


def move(devices: Mapping[str, Identity], before: Memory, now: Memory) -> None:
    """Have it kept under another body that these may still run: the settings give their station another one now."""
    for name, device in devices.items():
        now.doubted(device)
        before.stopped(name)


def driver_of(device: Identity, clock: Clock, radio: Radio, catalog: Catalog) -> ProfileDevice | None:
    """Return what can stop such a device; `None` where that needs more than is known: then a person must see to it."""
    profile = catalog.get(device.profile)
    if profile is None or profile.tuya is not None or not (device.address or device.advertised_name):
        return None
    if any(channel not in device.uuids for channel in profile.template):
        return None
    role = next((role for role in profile.roles if device.name.endswith(f"-{role}")), None)
    several = len(profile.roles) > 1 and role is not None
    return ProfileDevice(
        radio,
        clock,
        name=device.name.removesuffix(f"-{role}") if several else device.name,
        side=device.side,
        profile=profile.with_uuids(device.uuids),
        wanted=ByAddress(device.address.lower()) if device.address else ByName(device.advertised_name or ""),
    )


def _is_another(known: Identity, now: Identity) -> bool:
    """Say whether a name means another device than it did. What was known by its name may have had any address."""
    if known.profile and known.profile != now.profile:
        return True
    if known.address is not None and now.address is not None:
        return known.address.lower() != now.address.lower()
    return now.address is None and known.advertised_name not in (None, now.advertised_name)
