"""A device that is let go a moment after it was connected is heard again soon, each time.

    tests/bluez/boot .venv/bin/python -v -k quick --quick-disconnects 300

tries it as often as that.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bleak import BleakClient, BleakScanner

from devices.roles import Side
from devices.virtual.virtual_home import DescribedDevice
from tests.bluez.world import World, world
from tests.helpers.patience import patient

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

PUMP = DescribedDevice("pump", "open-pump", "Pump Q", Side.LEFT)
HEARD_SECONDS = 10.0  # it advertises twice a second, and BlueZ takes a second or two to begin a scan
CONNECTED_SECONDS = 10.0
LONGEST_LINK_SECONDS = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("quick"), [PUMP]) as it:
        yield it


@contextlib.asynccontextmanager
async def limited(what: str, seconds: float) -> AsyncIterator[None]:
    """Say which operation hung."""
    try:
        async with asyncio.timeout(patient(seconds)):
            yield
    except TimeoutError:
        raise TimeoutError(f"{what} has not ended in {patient(seconds):g} s") from None


async def test_it_is_heard_again_after_each_quick_disconnect(it: World, request: pytest.FixtureRequest) -> None:
    count, chance, address = request.config.getoption("--quick-disconnects"), random.Random(1), it.address("pump")
    waits_seconds: list[float] = []
    for number in range(1, count + 1):
        began = time.monotonic()
        async with limited(f"scan {number}", 2 * HEARD_SECONDS):
            device = await BleakScanner.find_device_by_address(address, timeout=patient(HEARD_SECONDS))
        waits_seconds.append(round(time.monotonic() - began, 1))
        assert device is not None, f"it was not heard after {number - 1} quick disconnects; waits: {waits_seconds}"
        client = BleakClient(device, timeout=patient(CONNECTED_SECONDS))
        async with limited(f"connection {number}", CONNECTED_SECONDS + 1):
            await client.connect()
        await asyncio.sleep(chance.uniform(0, LONGEST_LINK_SECONDS))
        async with limited(f"disconnection {number}", CONNECTED_SECONDS):
            await client.disconnect()
        if number % 50 == 0:
            print(f"\n{number} quick disconnects")  # noqa: T201 - it takes long
    print(f"\n{count} quick disconnects: heard again after {max(waits_seconds)} s at most")  # noqa: T201 - the result
