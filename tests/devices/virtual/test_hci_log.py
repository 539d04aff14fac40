"""The HCI log of a central on the virtual air: what a phone with a real controller would have recorded."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from bleak import BleakClient
from bumble.snoop import Snooper

from devices.capture.conversation import CapturedDevice
from devices.capture.reading.capture_file import read_capture
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.hci_log import HciLog
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import VirtualBackend
from tests.helpers.shipped_profiles import catalog

HEADER_BYTES, RECORD_BYTES = 16, 24
UNIX_SECONDS = 1_796_000_000.0
TEXT_PUMP = catalog().get("text-pump")
LINE = b"start phase=2 vacuum=150 rate=54 seconds=900 lease=10\n"


def records(data: bytes) -> list[tuple[int, int, bytes]]:
    """Return flags, time in microseconds and packet of each record."""
    found, at = [], HEADER_BYTES
    while at < len(data):
        size, included, flags, dropped, time = struct.unpack_from(">IIIIQ", data, at)
        assert (size, dropped) == (included, 0)
        found.append((flags, time, data[at + RECORD_BYTES :][:included]))
        at += RECORD_BYTES + included
    return found


def log_into(output: io.BytesIO, buffer_bytes: int = 251, now: Callable[[], float] = lambda: UNIX_SECONDS) -> HciLog:
    return HciLog(output, now, buffer_bytes)


def test_it_begins_as_btsnoop_of_h4() -> None:
    output = io.BytesIO()
    log_into(output)
    assert output.getvalue() == bytes.fromhex("62 74 73 6e 6f 6f 70 00 00 00 00 01 00 00 03 ea")


def test_a_record_has_its_direction_and_unix_time() -> None:
    output = io.BytesIO()
    log = log_into(output)
    log.snoop(bytes.fromhex("01 03 0c 00"), Snooper.Direction.HOST_TO_CONTROLLER)
    log.snoop(bytes.fromhex("04 0e 04 01 03 0c 00"), Snooper.Direction.CONTROLLER_TO_HOST)

    (flags, time, packet), (answered, *_) = records(output.getvalue())
    assert (flags, answered) == (2, 3)
    assert packet == bytes.fromhex("01 03 0c 00")
    # btsnoop counts from the year 0 of the proleptic Gregorian calendar: 0x00E03AB44A676000 µs are 2000-01-01.
    assert time == 0x00E03AB44A676000 + (int(UNIX_SECONDS) - 946_684_800) * 1_000_000


@pytest.mark.parametrize(("buffer_bytes", "sizes"), [(27, [27, 27, 6]), (251, [60])])
def test_data_comes_in_fragments_of_the_controller(buffer_bytes: int, sizes: list[int]) -> None:
    sdu, output = bytes(range(60)), io.BytesIO()
    log = log_into(output, buffer_bytes)
    log.sent(0x40, sdu)
    log.received(0x40, sdu)

    found = records(output.getvalue())
    sent, received = found[: len(sizes)], found[len(sizes) :]
    assert [len(packet) - 5 for _, _, packet in sent] == sizes
    assert b"".join(packet[5:] for _, _, packet in sent) == sdu
    assert [packet[:3].hex() for _, _, packet in sent] == ["024000", *["024010"] * (len(sizes) - 1)]
    assert [packet[:3].hex() for _, _, packet in received] == ["024020", *["024010"] * (len(sizes) - 1)]
    assert [flags for flags, *_ in found] == [0] * len(sizes) + [1] * len(sizes)


def test_no_controller_takes_less_than_27_bytes() -> None:
    with pytest.raises(ValueError, match="27 bytes at least"):
        log_into(io.BytesIO(), 26)


async def connected_and_written(folder: Path, buffer_bytes: int) -> tuple[CapturedDevice, str]:
    """Connect to a text pump, write a long line, wait for what it reports, disconnect; return what was recorded."""
    assert TEXT_PUMP is not None
    clock, file = ScaledClock(math.inf), folder / "log.btsnoop"
    with file.open("wb") as output:
        air = Air(HciLog(output, lambda: UNIX_SECONDS + clock.now(), buffer_bytes))
        home = Home(clock, Catalog([TEXT_PUMP]), [DescribedDevice("pump", "text-pump", "LD-PUMP 1", Side.LEFT)], 1)
        async with home.on_air(air) as addresses:
            backend = VirtualBackend(await air.add_central())
            await clock.sleep(2)
            async with BleakClient(addresses["pump"], backend=backend.client) as client:
                await client.start_notify(TEXT_PUMP.channels["rx"].characteristic, lambda *_: None)
                await client.write_gatt_char(TEXT_PUMP.channels["tx"].characteristic, LINE, response=True)
                await clock.sleep(3)
            await clock.sleep(1)
    capture = read_capture(file)
    assert not capture.problems
    (device,) = capture.devices
    return device, addresses["pump"]


@pytest.mark.parametrize("buffer_bytes", [27, 251])
async def test_it_holds_a_whole_connection(buffer_bytes: int, tmp_path: Path) -> None:
    device, address = await connected_and_written(tmp_path, buffer_bytes)

    assert (device.address.upper(), device.name) == (address, "LD-PUMP 1")
    (connection,) = device.connections
    assert connection.began_seconds == UNIX_SECONDS + 2
    assert connection.ended_seconds == UNIX_SECONDS + 5
    assert connection.mtu_bytes == 247
    assert TEXT_PUMP is not None
    uuids = {channel.characteristic for channel in TEXT_PUMP.channels.values()}
    assert uuids <= {each.uuid for each in device.characteristics.values()}
    writes = [message.value for message in device.messages if message.kind == "write"]
    assert LINE in writes
    notified = [message for message in device.messages if message.kind == "notify"]
    assert b"state running\n" in b"".join(message.value for message in notified)
    assert max(message.at_seconds for message in notified) > UNIX_SECONDS + 4
