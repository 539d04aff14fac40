"""Values in a unit that the device says in another characteristic, and can change at any time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from devices.profiles.field_spec import names_in
from devices.profiles.schema import Profile

if TYPE_CHECKING:
    from devices.profiles.driver import ProfileDevice


def units_of(profile: Profile) -> Mapping[str, tuple[str, str]]:
    """Return for each channel with such values the channel that says the unit, and the name that it has there."""
    says = {name: key for key, each in profile.channels.items() if each.read for name in names_in(each.gives)}
    return {
        key: (says[field.unit], field.unit)
        for key, channel in profile.channels.items()
        for field in channel.gives or ()
        if field.unit in says and says[field.unit] != key
    }


async def is_in_one_unit(device: ProfileDevice, channel: str, unit: str) -> bool:
    """Read the unit anew, and say whether it is the one that was known: then what came meanwhile is in it."""
    before = device.values.get(unit)
    await device.read(channel)
    return before is not None and device.values.get(unit) == before
