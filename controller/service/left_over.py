"""Devices that may still run from an earlier run, and that the settings do not name any more, or name differently."""

from __future__ import annotations

from collections.abc import Mapping

from controller.safety.persistence import DeviceIdentity, Persistence
from devices.bluetooth.advertisement import ByAddress, ByName
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.registry import ConfigurationError, driver_of
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock

_BEFORE = "before"  # suffix for a device whose name now belongs to another one


def left_over(persistence: Persistence, named: Mapping[str, DeviceIdentity]) -> dict[str, DeviceIdentity]:
    """Return the devices that may still run, by name, whether the settings (`named`) name them or not.

    A device whose name now belongs to another one is renamed, also in the saved state: else a confirmed stop of the
    other one would count for it.
    """
    found: dict[str, DeviceIdentity] = {}
    for name, known in persistence.saved.running.items():
        now = named.get(name)
        if now is None or not _is_another(known, now):
            found[name] = known
            continue
        renamed = known.model_copy(update={"name": f"{name}-{_BEFORE}"})
        persistence.save_uncertain(renamed)
        persistence.save_stopped(name)
        found[renamed.name] = renamed
    return found


def move(devices: Mapping[str, DeviceIdentity], before: Persistence, now: Persistence) -> None:
    """Save devices that may still run under another body: the settings now assign their station to that one."""
    for name, device in devices.items():
        now.save_uncertain(device)
        before.save_stopped(name)


def left_over_device(device: DeviceIdentity, clock: Clock, radio: Radio, catalog: Catalog) -> BaseDevice | None:
    """Return a device that can stop it; `None` if too little is known: then a person must check it."""
    model = catalog.get(device.profile)
    if model is None or not (device.address or device.advertised_name):
        return None
    role = next((role for role in model.roles if device.name.endswith(f"-{role}")), None)
    several = len(model.roles) > 1 and role is not None
    options = DeviceOptions(
        name=device.name.removesuffix(f"-{role}") if several else device.name,
        side=device.side,
        wanted=ByAddress(device.address.lower()) if device.address else ByName(device.advertised_name or ""),
        uuids=device.uuids,
    )
    try:
        return driver_of(model).open_device(radio, clock, model, options)
    except ConfigurationError:  # such as keys of an account, which are not saved
        return None


def _is_another(known: DeviceIdentity, now: DeviceIdentity) -> bool:
    """Return whether a name now belongs to another device. One known by its advertised name may have any address."""
    if known.profile and known.profile != now.profile:
        return True
    if known.address is not None and now.address is not None:
        return known.address.lower() != now.address.lower()
    return now.address is None and known.advertised_name not in (None, now.advertised_name)
