"""Where a twin's characteristics are: by their UUIDs, or at the handles that a profile names."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from bumble.device import Device

from devices.profiles.schema import Profile
from devices.profiles.vocabulary import OWNER
from devices.virtual.gatt import GattCharacteristic, GattService

_MADE_UP = "00000000-0000-4000-8000-{:012x}"  # UUIDs that nobody published and nobody looks for
_BLANKS = 0xB1A0000
_GAP_ATTRIBUTES = 5  # what every Bumble device begins with: its name and appearance
_DECLARATION = 1


def uuids_of(profile: Profile) -> dict[str, str]:
    """Return the UUID of each channel's characteristic; one is made up where the profile knows only its handle."""
    uuids = {}
    for name, channel in profile.channels.items():
        if OWNER in (channel.service, channel.characteristic):
            raise ValueError(f"{profile.id} is a template: give it UUIDs for {name} first (Profile.with_uuids)")
        uuids[name] = channel.characteristic or _MADE_UP.format(channel.handle or 0)
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
    """Return services that put characteristics at the handles of their values, with blanks in the gaps."""
    wanted = sorted((channel.handle, name) for name, channel in profile.channels.items() if channel.handle is not None)
    if not wanted:
        return []
    # Bumble's own second service may stand where the profile wants to.
    del device.gatt_server.attributes[_GAP_ATTRIBUTES:]
    device.gatt_server.attributes_by_handle.clear()
    device.gatt_service = None
    numbers = itertools.count(_BLANKS)
    services: list[GattService] = []
    used = _GAP_ATTRIBUTES
    for handle, name in wanted:
        behind = handle - used - 1 - _DECLARATION  # the attributes between the one before and this one's declaration
        if services and behind == 0:  # in the same service
            last = services.pop()
            services.append(GattService(last.uuid, [*last.characteristics, characteristic(name)]))
        elif behind > 0:  # the last of them is the declaration of a new service; services of nothing fill the rest
            services += [GattService(_MADE_UP.format(next(numbers)), []) for _ in range(behind - 1)]
            services.append(GattService(_MADE_UP.format(next(numbers)), [characteristic(name)]))
        else:
            raise ValueError(f"the twin of {profile.name} cannot place {name} at {handle:#06x}")
        channel = profile.channels[name]
        used = handle + (1 if channel.notify or channel.indicate else 0)  # its subscription stands behind it
    return services
