"""The attribute table of a virtual device: characteristics by UUID, or at the handles that a profile names."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from bumble.device import Device

from devices.driver.vocabulary import OWNER
from devices.profiles.schema import Profile
from devices.virtual.gatt_server import GattCharacteristic, GattService

_PLACEHOLDER_UUID = "00000000-0000-4000-8000-{:012x}"  # for attributes that are addressed by handle alone
_FIRST_FILLER = 0xB1A0000
_GAP_ATTRIBUTES = 5  # the first of every Bumble device: its name and appearance
_DECLARATION = 1


def uuids_of(profile: Profile) -> dict[str, str]:
    """Return the UUID of each channel's characteristic; a placeholder where the profile knows only its handle.

    Raise `ValueError` for a template, whose UUIDs only the owner of such a device knows.
    """
    uuids = {}
    for name, channel in profile.channels.items():
        if OWNER in (channel.service, channel.characteristic):
            raise ValueError(f"{profile.id} is a template: give it UUIDs for {name} first (Profile.with_uuids)")
        uuids[name] = channel.characteristic or _PLACEHOLDER_UUID.format(channel.handle or 0)
    return uuids


def services_of(profile: Profile, characteristic: Callable[[str], GattCharacteristic]) -> list[GattService]:
    """Return the services with a characteristic for each channel that has UUIDs."""
    services: dict[str, list[GattCharacteristic]] = {}
    for name, channel in profile.channels.items():
        if channel.service is not None:
            services.setdefault(channel.service, []).append(characteristic(name))
    return [GattService(uuid, characteristics) for uuid, characteristics in services.items()]


def services_at_handles(
    device: Device, profile: Profile, characteristic: Callable[[str], GattCharacteristic]
) -> list[GattService]:
    """Return services that put characteristic values at the profile's handles, with empty services in the gaps.

    Raise `ValueError` where two handles are too close to each other.
    """
    wanted = sorted((channel.handle, name) for name, channel in profile.channels.items() if channel.handle is not None)
    if not wanted:
        return []
    # Bumble's own second service may occupy handles that the profile needs.
    del device.gatt_server.attributes[_GAP_ATTRIBUTES:]
    device.gatt_server.attributes_by_handle.clear()
    device.gatt_service = None
    numbers = itertools.count(_FIRST_FILLER)
    services: list[GattService] = []
    used = _GAP_ATTRIBUTES
    for handle, name in wanted:
        gap = handle - used - 1 - _DECLARATION  # attributes between the last used one and this one's declaration
        if services and gap == 0:  # in the same service
            last = services.pop()
            services.append(GattService(last.uuid, [*last.characteristics, characteristic(name)]))
        elif gap > 0:  # the last of them declares a new service; empty services fill the rest
            services += [GattService(_PLACEHOLDER_UUID.format(next(numbers)), []) for _ in range(gap - 1)]
            services.append(GattService(_PLACEHOLDER_UUID.format(next(numbers)), [characteristic(name)]))
        else:
            raise ValueError(f"a virtual {profile.name} cannot have {name} at handle {handle:#06x}")
        channel = profile.channels[name]
        used = handle + (1 if channel.notify or channel.indicate else 0)  # followed by its CCCD
    return services
