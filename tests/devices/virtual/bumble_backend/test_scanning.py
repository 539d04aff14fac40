"""bleak's scanner over the virtual radio."""

from __future__ import annotations

import pytest
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_16

from devices.virtual.advertising_data import AdvertisingPacket, GatheredData
from tests.helpers.bumble_backends import SERVICE, Bench, turns


async def heard(bench: Bench) -> tuple[BLEDevice, AdvertisementData]:
    async with BleakScanner(backend=bench.scanner) as scanner:
        async for device, data in scanner.advertisement_data():
            if data.local_name:
                return device, data
    raise AssertionError


async def test_a_scan_yields_the_whole_advertisement_including_the_scan_response(bench: Bench) -> None:
    device, data = await heard(bench)
    assert device.name == "Pump left"
    assert device.address == "F0:F1:F2:F3:00:02"
    assert data == AdvertisementData(
        local_name="Pump left",
        manufacturer_data={0x0FFF: b"\x01\x02"},
        service_data={normalize_uuid_16(0x180F): b"\x64"},
        service_uuids=[normalize_uuid_16(0x180F), SERVICE],
        tx_power=-4,
        rssi=-50,
        platform_data=(),
    )


async def test_the_first_detection_of_a_device_includes_its_scan_response(bench: Bench) -> None:
    told: list[AdvertisementData] = []
    async with BleakScanner(lambda _, data: told.append(data), backend=bench.scanner):
        await turns()
    assert told[0].local_name == "Pump left"
    assert told[0].manufacturer_data == {0x0FFF: b"\x01\x02"}


def test_advertisements_and_scan_responses_are_gathered_as_bluez_does() -> None:
    gathered = GatheredData()
    gathered.add(bytes.fromhex("020106 0308" + b"Pu".hex()))  # byte vectors written by hand from the Core Supplement
    gathered.add(bytes.fromhex("0509" + b"Pump".hex() + "05ff4c000102" + "020af6"))
    gathered.add(bytes.fromhex("0308" + b"Pu".hex() + "03020d18 0303 0f18"))
    gathered.add(bytes.fromhex("0505 78563412" + "1107" + "9ecadc240ee5a9e093f3a3b50100406e"))
    gathered.add(bytes.fromhex("04160f1864" + "0620 78563412 01" + "1221 9ecadc240ee5a9e093f3a3b50100406e 02"))
    data = gathered.as_bleak(-60)
    assert data.local_name == "Pump"
    assert data.manufacturer_data == {0x004C: b"\x01\x02"}
    assert data.tx_power == -10
    assert data.service_uuids == [
        normalize_uuid_16(0x180D),
        normalize_uuid_16(0x180F),
        "12345678-0000-1000-8000-00805f9b34fb",
        SERVICE,
    ]
    assert data.service_data == {
        normalize_uuid_16(0x180F): b"\x64",
        "12345678-0000-1000-8000-00805f9b34fb": b"\x01",
        SERVICE: b"\x02",
    }


@pytest.mark.parametrize("data", ["", "00", "ff09", "0109", "01ff", "02ff00", "0203ff", "02160f", "010a"])
def test_what_is_malformed_in_an_advertisement_is_passed_over(data: str) -> None:
    gathered = GatheredData()
    gathered.add(bytes.fromhex(data))
    assert not gathered.name
    nothing = GatheredData(name=gathered.name, name_is_complete=gathered.name_is_complete)
    assert gathered == nothing


def test_a_name_that_is_not_utf_8_is_shown_as_far_as_it_can_be_read() -> None:
    gathered = GatheredData()
    gathered.add(bytes.fromhex("0409") + b"P\xffL")
    assert gathered.name == "P\ufffdL"


def test_an_advertisement_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        AdvertisingPacket(name="x" * 40).encode()


async def test_a_scanner_filters_by_service_and_may_be_started_and_stopped_repeatedly(bench: Bench) -> None:
    scanner = BleakScanner(service_uuids=[normalize_uuid_16(0x1809)], backend=bench.scanner)
    for _ in range(2):
        await scanner.start()
        await scanner.start()
        await turns()
        assert scanner.discovered_devices == []
        await scanner.stop()
        await scanner.stop()


async def test_two_scanners_receive_the_same_and_do_not_stop_each_other(bench: Bench) -> None:
    async with BleakScanner(backend=bench.scanner) as first:
        async with BleakScanner(backend=bench.scanner) as second:
            await turns()
            assert len(second.discovered_devices) == 1
        await first.stop()
        await first.start()
        await turns()
        assert len(first.discovered_devices) == 1
