"""A device that is let go a moment after it was connected is heard again soon, each time.

    tests/bluez/boot .venv/bin/python -v -k quick --quick-disconnects 300

tries it as often as that.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError

from devices.roles import Side
from devices.virtual.home import Described
from tests.bluez.world import World, world
from tests.helpers.patience import patient

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

PUMP = Described("pump", "open-pump", "Pump Q", Side.LEFT)
HEARD_SECONDS = 10.0  # it advertises twice a second, and BlueZ takes a second or two to begin a scan
LONGEST_LINK_SECONDS = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("quick"), [PUMP]) as it:
        yield it


async def test_it_is_heard_again_after_each_quick_disconnect(it: World, request: pytest.FixtureRequest) -> None:
    count, chance, address = request.config.getoption("--quick-disconnects"), random.Random(1), it.address("pump")
    waits_seconds: list[float] = []
    for number in range(count):
        began = time.monotonic()
        device = await BleakScanner.find_device_by_address(address, timeout=patient(HEARD_SECONDS))
        waits_seconds.append(time.monotonic() - began)
        assert device is not None, f"it was not heard after {number} quick disconnects; waits: {waits_seconds}"
        client = BleakClient(device, timeout=patient(HEARD_SECONDS))
        connecting = asyncio.create_task(client.connect())
        await asyncio.wait([connecting], timeout=chance.choice([0.1, 0.5, None]))  # let go also in the middle of it
        if connecting.done() and not connecting.exception():
            await asyncio.sleep(chance.uniform(0, LONGEST_LINK_SECONDS))
        connecting.cancel()
        await asyncio.wait([connecting])
        try:
            await client.disconnect()
        except BleakError as error:
            print(f"{number}: {error}")  # noqa: T201 - pytest shows it when the test fails
    print(f"{count} quick disconnects: heard again after {max(waits_seconds):.1f} s at most")  # noqa: T201 - the result
