"""A device of a made-up profile: its virtual twin on a virtual radio, and the driver at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

from devices.driver.base import DeviceOptions
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air

_NAME = "Made 1"


@contextlib.asynccontextmanager
async def twin_on_air(profile: Profile) -> AsyncIterator[tuple[ProfileDevice, Twin, ScaledClock]]:
    """Yield a driver that does not run yet, its twin and their clock."""
    clock, air = ScaledClock(math.inf), Air()
    home = Home(clock, Catalog([profile]), [DescribedDevice("device", profile.id, _NAME, Side.LEFT)], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        options = DeviceOptions("device", Side.LEFT, lambda advertisement: advertisement.name == _NAME)
        twin = home.twins["device"]
        assert isinstance(twin, Twin)
        yield ProfileDevice(radio, clock, profile, options), twin, clock


@contextlib.asynccontextmanager
async def driven_twin(profile: Profile) -> AsyncIterator[tuple[ProfileDevice, Twin, ScaledClock]]:
    """Yield a connected driver, its twin and their clock."""
    async with twin_on_air(profile) as (device, twin, clock):
        link = asyncio.create_task(device.run())
        try:
            async with clock.timeout(30):
                while not device.link.connected:
                    await clock.sleep(0.1)
            yield device, twin, clock
        finally:
            link.cancel()
            await asyncio.gather(link, return_exceptions=True)
