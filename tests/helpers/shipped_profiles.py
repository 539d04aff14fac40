"""Every shipped profile as a virtual device: templates with made-up UUIDs, and a name that its maker might give it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from functools import cache

from devices.bluetooth.radio import Radio
from devices.driver.base import DeviceOptions
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import Clock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import catalog as read_catalog

_MADE_UP = "0badcafe-0000-4000-8000-{:012x}"


def placed(profile: Profile) -> Profile:
    """Give a template UUIDs, as its owner would."""
    uuids = {
        name: (_MADE_UP.format(0), _MADE_UP.format(number)) for number, name in enumerate(sorted(profile.template), 1)
    }
    return profile.with_uuids(uuids) if uuids else profile


def shipped() -> list[Profile]:
    """Return the models of the declarative driver; a `tuya:` section has a twin of its own."""
    return [each for each in read_catalog() if isinstance(each, Profile)]


@cache
def catalog() -> Catalog:
    return Catalog(placed(profile) for profile in shipped())


PROFILES = tuple(catalog())


def name_of(profile: Profile) -> str:
    """Return a name that a device of this profile would advertise."""
    return re.sub(r"[*?]", "7", profile.match.name[0]) if profile.match.name else profile.id


def described(profile: Profile, key: str = "device", side: Side = Side.BOTH) -> DescribedDevice:
    return DescribedDevice(key, profile.id, name_of(profile), side)


def device_for(radio: Radio, clock: Clock, each: DescribedDevice) -> ProfileDevice:
    profile = catalog().get(each.profile)
    assert profile is not None
    return ProfileDevice(
        radio,
        clock,
        profile,
        DeviceOptions(each.key, each.side, lambda advertisement: advertisement.name == each.advertised_name),
    )


@contextlib.asynccontextmanager
async def connected(
    clock: Clock, home: Home, air: Air, devices: Sequence[DescribedDevice]
) -> AsyncIterator[list[ProfileDevice]]:
    """Yield the devices of a home, driven through a virtual radio and connected."""
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        drivers = [device_for(radio, clock, each) for each in devices]
        tasks = [asyncio.create_task(driver.run()) for driver in drivers]
        try:
            async with clock.timeout(30):
                while not all(driver.link.connected for driver in drivers):
                    await clock.sleep(0.1)
            yield drivers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
