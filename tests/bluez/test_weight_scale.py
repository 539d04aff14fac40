"""A scale with the standard Weight Scale service on the real BlueZ: its weight comes as indications."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.scale_body import ScaleBody
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import DescribedDevice
from tests.bluez.forked import Forker
from tests.bluez.house import House, house
from tests.helpers.patience import until
from tests.helpers.service_process import reading, wait

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

SCALE = DescribedDevice("scale", "weight-scale-service", "Kitchen", Side.LEFT)
BOTTLE_G = (75, 80)  # 80 g, in steps of 5 g
BATHROOM_ADDRESS = "F0:1E:7D:00:00:78"


@contextlib.asynccontextmanager
async def bathroom_scale(home: House) -> AsyncIterator[Twin]:
    """Put another scale with the same service on the air, which nobody has configured."""
    profile = Catalog.load().get(SCALE.profile)
    assert isinstance(profile, Profile)
    twin = Twin(profile, ScaleBody(profile, Side.LEFT, home.world.home.mother, 1), "Bathroom", lambda: 0.0)
    await twin.serve(await home.world.air.add_peripheral("Bathroom", BATHROOM_ADDRESS))
    try:
        yield twin
    finally:
        assert twin.server is not None
        await twin.server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(forker: Forker) -> AsyncIterator[House]:
    async with house(forker.folder, forker, (SCALE,), by_address=True) as home, bathroom_scale(home) as other:
        yield home
        assert other.server is not None
        assert not other.server.connected


def scale(home: House) -> ScaleBody:
    body = home.twin("scale").body
    assert isinstance(body, ScaleBody)
    return body


async def weighs(home: House, *grams: float | None) -> None:
    """Wait until the service shows one of these weights."""
    await wait(lambda: reading(home.other, "scale").get("weight_g", "nothing yet") in grams)


async def test_its_weight_is_indicated_and_its_battery_is_read(home: House) -> None:
    await home.begin()
    await home.all_there()
    await weighs(home, *BOTTLE_G)
    assert reading(home.other, "scale")["battery_percent"] == 100


async def test_each_new_weight_is_indicated_and_an_overload_is_unknown(home: House) -> None:
    scale(home).lift()
    await weighs(home, 0)
    scale(home).put_back()
    await weighs(home, *BOTTLE_G)
    scale(home).overloaded = True
    await weighs(home, None)
    scale(home).overloaded = False
    await weighs(home, *BOTTLE_G)


async def test_after_a_lost_link_it_weighs_again(home: House) -> None:
    home.world.lose_link("scale")
    scale(home).lift()
    await until(lambda: not home.available("scale"), 30)
    await until(lambda: home.available("scale"), 90)
    await weighs(home, 0)
