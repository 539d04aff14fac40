"""The virtual radio on a simulated clock."""

from __future__ import annotations

import asyncio
import math

import pytest
from bleak import BleakClient

from devices.support.clock import ScaledClock
from tests.helpers.bumble_backends import (
    ACKNOWLEDGED,
    COMMAND,
    REPORT,
    SECRET,
    Bench,
)


@pytest.mark.system
async def test_traffic_takes_no_simulated_time(bench: Bench) -> None:
    clock = ScaledClock(speed=math.inf)
    ticking = asyncio.create_task(tick(clock))
    client = await bench.connect()
    got: asyncio.Queue[bytearray] = asyncio.Queue()
    await client.start_notify(REPORT, lambda _, data: got.put_nowait(data))
    await client.start_notify(ACKNOWLEDGED, lambda _, data: got.put_nowait(data))

    async def echo(value: bytes) -> None:
        bench.pump.server.notify(REPORT, value)
        bench.pump.server.notify(ACKNOWLEDGED, value)

    bench.pump.on_write = echo
    for _ in range(20):
        await clock.sleep(1)
        before = clock.now()
        await client.write_gatt_char(COMMAND, b"ping", response=True)
        assert [await got.get(), await got.get()] == [b"ping", b"ping"]
        await client.read_gatt_char(REPORT)
        await client.write_gatt_char(COMMAND, b"ping", response=False)
        assert [await got.get(), await got.get()] == [b"ping", b"ping"]
        assert clock.now() == before
    ticking.cancel()


async def test_connecting_again_takes_no_simulated_time(bench: Bench) -> None:
    clock = ScaledClock(speed=math.inf)
    client = await bench.connect(pair=True)
    ticking = asyncio.create_task(tick(clock))
    await clock.sleep(1)
    before = clock.now()
    await bench.pump.server.drop_link()
    async with BleakClient(client.address, backend=bench.client) as again:
        assert await again.read_gatt_char(SECRET) == b"secret"
    assert clock.now() == before
    ticking.cancel()


async def tick(clock: ScaledClock) -> None:
    """Keep simulated time advancing whenever nothing else is ready."""
    while True:
        await clock.sleep(0.001)
