"""What `btmon -w` records while bleak talks to a device is what the reader gives: the same values, table and times."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bleak import BleakClient, BleakScanner

from devices.capture.conversation import CapturedDevice
from devices.capture.extract import write_extract
from devices.capture.private_bytes import FAKE_ADDRESS
from devices.capture.reading.capture_file import read_capture
from devices.capture.reading.gatt_discovery import DEVICE_NAME
from devices.roles import Side
from devices.virtual.virtual_home import DescribedDevice
from tests.bluez.btmon import btmon_recording
from tests.bluez.world import World, world
from tests.helpers.patience import patient, until

pytestmark = [pytest.mark.bluez, pytest.mark.asyncio(loop_scope="module")]

PUMP = DescribedDevice("pump", "open-pump", "Pump W", Side.LEFT)
STATUS, CONTROL, FEATURES = (f"218a000{number}-a4d8-44d5-85b6-6c6574646f77" for number in (3, 5, 2))
STOPS = [bytes.fromhex("0f 01 0000"), bytes.fromhex("0f 02 0000"), bytes(range(60))]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("capture"), [PUMP]) as it:
        yield it


async def talk(address: str) -> tuple[bytes, dict[str, list[bytes]]]:
    """Talk to the pump with bleak. Return its features, and what it told of each characteristic."""
    told: dict[str, list[bytes]] = defaultdict(list)
    device = await BleakScanner.find_device_by_address(address, timeout=patient(10))
    assert device is not None
    async with BleakClient(device, timeout=patient(20)) as client:
        for uuid in (STATUS, CONTROL):
            await client.start_notify(uuid, lambda sender, value: told[sender.uuid].append(bytes(value)))
        features = bytes(await client.read_gatt_char(FEATURES))
        for number, value in enumerate(STOPS):
            await client.write_gatt_char(CONTROL, value, response=number != 1)
        await until(lambda: len(told[STATUS]) >= 3, 30)
    return features, told


def values(device: CapturedDevice, uuid: str, *kinds: str) -> list[bytes]:
    return [
        each.value
        for each in device.messages
        if each.kind in kinds and device.characteristics[each.handle].uuid == uuid
    ]


async def test_a_capture_of_btmon_reads_as_what_was_said(it: World) -> None:
    file, began = it.folder / "btmon.log", time.time()
    async with btmon_recording(file):
        features, told = await talk(it.address("pump"))
    capture = await asyncio.to_thread(read_capture, file)
    assert capture.file_format == "btsnoop (Linux monitor)"
    assert capture.problems == ()
    (device,) = capture.devices
    assert (device.address, device.name) == (it.address("pump"), "Pump W")
    (connection,) = device.connections
    assert connection.began_seconds is not None
    assert connection.ended_seconds is not None
    assert began - 1 < connection.began_seconds < connection.ended_seconds < time.time() + 1
    assert values(device, CONTROL, "write", "write-without-response") == STOPS
    assert [each.kind for each in device.messages if each.value in STOPS] == [
        "write",
        "write-without-response",
        "write",
    ]
    assert values(device, FEATURES, "read") == [features]
    for uuid in (STATUS, CONTROL):
        assert values(device, uuid, "notify", "indicate")[: len(told[uuid])] == told[uuid]
    assert len(told[STATUS]) >= 3
    row = next(row for row in device.characteristics.values() if row.uuid == STATUS)
    assert {"notify", "read"} <= row.properties

    write_extract(capture, device, it.folder / "extract.log")
    (again,) = read_capture(it.folder / "extract.log").devices
    assert again.address == FAKE_ADDRESS
    shared = [each for each in device.messages if device.characteristics[each.handle].uuid != DEVICE_NAME]
    assert [(each.kind, each.value) for each in again.messages] == [(each.kind, each.value) for each in shared]
    assert again.characteristics == device.characteristics
