"""A value that was due before anybody had subscribed to it is sent once somebody has, also if it did not change."""

from __future__ import annotations

import math

from devices.driver.vocabulary import full_uuid
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.scale_body import ScaleBody
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air


async def test_a_weight_that_does_not_change_is_indicated_to_who_subscribes_late() -> None:
    clock, air, indicated = ScaledClock(math.inf), Air(), list[bytes]()
    home = Home(clock, Catalog.load(), [DescribedDevice("scale", "weight-scale-service", "Kitchen", Side.LEFT)], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        await clock.sleep(2)
        body = home.twins["scale"].body
        assert isinstance(body, ScaleBody)
        body.frozen = True
        (found,) = radio.advertisements.values()
        client = await radio.connect(found, "scale", lambda: None)
        await clock.sleep(10)
        await client.start_notify(full_uuid("2a9d"), lambda _, data: indicated.append(bytes(data)))
        await clock.sleep(10)
        await client.disconnect()
    assert len(indicated) == 1
    assert indicated[0] in (bytes.fromhex("000f00"), bytes.fromhex("001000"))  # 75 or 80 g
