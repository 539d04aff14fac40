"""bleak's client over the virtual radio: connections."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from bleak import BleakClient
from bleak.exc import BleakDeviceNotFoundError
from bleak.uuids import normalize_uuid_16
from bleak_retry_connector import BleakNotFoundError, establish_connection

from tests.helpers.bumble_backends import (
    COMMAND,
    REPORT,
    SERVICE,
    Bench,
    turns,
)


async def test_a_connection_has_mtu_name_services_properties_and_descriptors(bench: Bench) -> None:
    client = await bench.connect()
    assert client.is_connected
    assert client.mtu_size == 247
    assert client.name == "Pump left"
    command = client.services.get_characteristic(COMMAND)
    report = client.services.get_characteristic(REPORT)
    assert command is not None
    assert report is not None
    assert command.properties == ["write", "write-without-response"]
    assert command.max_write_without_response_size == 244
    assert command.service_uuid == SERVICE
    assert report.properties == ["notify", "read"]
    assert [descriptor.uuid for descriptor in report.descriptors] == [normalize_uuid_16(0x2902)]
    assert await client.read_gatt_descriptor(report.descriptors[0]) == b"\x00\x00"


async def test_connecting_by_plain_address_finds_the_device(bench: Bench) -> None:
    async with BleakClient("f0:f1:f2:f3:00:02", backend=bench.client) as client:
        assert await client.read_gatt_char(REPORT) == b"report"


async def test_only_the_wanted_services_are_discovered(bench: Bench) -> None:
    async with BleakClient(await bench.find(), services=["180a"], backend=bench.client) as client:
        assert [service.uuid for service in client.services] == [normalize_uuid_16(0x180A)]


async def test_an_absent_device_is_reported_as_not_found_and_leaves_the_radio_usable(bench: Bench) -> None:
    absent = BleakClient("F0:00:00:00:00:01", timeout=0.05, backend=bench.client)
    with pytest.raises(BleakDeviceNotFoundError):
        await absent.connect()
    assert not absent.is_connected
    assert (await bench.connect()).is_connected


async def test_the_retry_connector_understands_that_a_device_is_absent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await bench.find()
    await bench.pump.server.stop()
    monkeypatch.setattr("bleak_retry_connector.BLEAK_TIMEOUT", 0.05)
    with pytest.raises(BleakNotFoundError):
        await establish_connection(BleakClient, device, "pump", max_attempts=2, backend=bench.client)


async def test_a_connection_attempt_waits_until_the_device_advertises(bench: Bench) -> None:
    device = await bench.find()
    await bench.pump.server.stop()
    client = BleakClient(device, backend=bench.client)
    connecting = asyncio.create_task(client.connect())
    await turns()
    assert not connecting.done()
    await bench.pump.server.start()
    await asyncio.wait_for(connecting, 1)
    assert client.is_connected


@pytest.mark.system
async def test_a_cancelled_connection_attempt_leaves_no_connection_at_whatever_point_it_is_cancelled(
    bench: Bench,
) -> None:
    device = await bench.find()
    for patience in range(0, 200, 3):
        client = BleakClient(device, backend=bench.client)
        connecting = asyncio.create_task(client.connect())
        await turns(patience)
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
            await client.disconnect()
        await turns(100)
        assert not client.is_connected
        assert not bench.pump.server.connected
    assert (await bench.connect()).is_connected


async def test_an_absent_device_does_not_keep_others_from_being_connected(bench: Bench) -> None:
    absent = BleakClient("F0:00:00:00:00:01", timeout=5, backend=bench.client)
    waiting = asyncio.create_task(absent.connect())
    await turns()
    assert (await asyncio.wait_for(bench.connect(), 1)).is_connected
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
