"""A thermometer with the standard Health Thermometer service on the real BlueZ: it measures by indications."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devices.roles import Side
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.virtual_home import DescribedDevice
from tests.bluez.forked import Forker
from tests.bluez.house import House, house
from tests.helpers.patience import until
from tests.helpers.service_process import reading, wait

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

THERMOMETER = DescribedDevice("thermometer", "health-thermometer", "Thermo", Side.BOTH)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(forker: Forker) -> AsyncIterator[House]:
    async with house(forker.folder, forker, (THERMOMETER,), by_address=True) as home:
        yield home


def body(home: House) -> ThermometerBody:
    found = home.twin("thermometer").body
    assert isinstance(found, ThermometerBody)
    return found


async def measures(home: House, celsius: float | None) -> None:
    """Wait until the service shows this temperature, or that it knows none."""

    def shown() -> bool:
        value = reading(home.other, "thermometer").get("celsius", "nothing yet")
        if celsius is None or value is None:
            return value is celsius
        return isinstance(value, float) and abs(value - celsius) < 1

    await wait(shown)


async def test_its_temperature_is_indicated_and_its_battery_is_read(home: House) -> None:
    await home.begin()
    await home.all_there()
    await measures(home, 24)
    assert reading(home.other, "thermometer")["battery_percent"] == 100


async def test_each_new_temperature_is_indicated_and_nan_is_unknown(home: House) -> None:
    body(home).absurd_celsius = 41.5
    await measures(home, 41.5)
    body(home).unknown = True
    await measures(home, None)
    body(home).unknown, body(home).absurd_celsius = False, None
    await measures(home, 24)


async def test_after_a_lost_link_it_measures_again(home: House) -> None:
    body(home).absurd_celsius = 38.0
    home.world.lose_link("thermometer")
    await until(lambda: not home.available("thermometer"), 30)
    await until(lambda: home.available("thermometer"), 90)
    await measures(home, 38)
