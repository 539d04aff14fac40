"""Many devices on one radio: what connecting them costs grows with their number, not with its square."""

from __future__ import annotations

import asyncio
from collections import Counter

import bleak
import pytest
from bumble import hci

from devices.virtual import central as central_module
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.air_controller import AirController
from devices.virtual.bumble_backend import backend_classes
from devices.virtual.central import CentralRadio
from devices.virtual.gatt_server import GattServer
from devices.virtual.transports import Air
from tests.helpers.bumble_backends import turns

COUNT = 40
UNKNOWN = "F0:00:00:00:00:99"


@pytest.fixture
def formatted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the addresses that the radio of a central formats to compare them."""
    counted: Counter[str] = Counter()
    plain_address = central_module.plain_address

    def count(address: hci.Address) -> str:
        counted[plain_address(address)] += 1
        return plain_address(address)

    monkeypatch.setattr(central_module, "plain_address", count)
    return counted


async def test_an_advertisement_wakes_only_the_connection_that_waits_for_its_device(formatted: Counter[str]) -> None:
    radio = CentralRadio(await Air().add_central())
    addresses = [f"F0:00:00:00:01:{number:02X}" for number in range(COUNT)]
    waiting = {address: asyncio.create_task(radio._wait_for(address)) for address in addresses}
    await turns()

    radio._on_report(report(UNKNOWN))
    await turns()
    assert not any(task.done() for task in waiting.values())
    assert formatted == {UNKNOWN: 1}  # and not once for each that waits

    radio._on_report(report(addresses[7]))
    await turns()
    assert [address for address, task in waiting.items() if task.done()] == [addresses[7]]
    assert formatted == {UNKNOWN: 1, addresses[7]: 1}

    for task in waiting.values():
        task.cancel()
    await asyncio.gather(*waiting.values(), return_exceptions=True)
    assert radio._connecting == {}


@pytest.mark.system
async def test_connecting_a_device_makes_only_that_device_advertise(monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air()
    servers = [GattServer(await air.add_peripheral(f"{n}"), [], AdvertisingPacket(f"{n}")) for n in range(COUNT)]
    for server in servers:
        await server.start()
    scanner, client = backend_classes(await air.add_central())
    solicited: list[AirController] = []
    advertise_now = AirController.advertise_now
    monkeypatch.setattr(AirController, "advertise_now", lambda self: (solicited.append(self), advertise_now(self)))
    found: dict[str, bleak.BLEDevice] = {}
    async with bleak.BleakScanner(lambda device, _: found.update({device.address: device}), backend=scanner):
        await turns()
        assert len(found) == COUNT
        solicited.clear()
        clients = [bleak.BleakClient(device, backend=client) for device in found.values()]
        await asyncio.gather(*(each.connect() for each in clients))
        assert all(each.is_connected for each in clients)
        assert len(solicited) <= 2 * COUNT  # each once when it is searched, and once when it is connected
    for each in clients:
        await each.disconnect()
    for server in servers:
        await server.stop()


def report(address: str) -> hci.HCI_LE_Extended_Advertising_Report_Event.Report:
    """Return what a host is told of a connectable advertisement."""
    kind = hci.HCI_LE_Extended_Advertising_Report_Event
    return kind.Report(
        event_type=kind.EventType.CONNECTABLE_ADVERTISING,
        address_type=hci.Address.RANDOM_DEVICE_ADDRESS,
        address=hci.Address(address),
        primary_phy=hci.Phy.LE_1M,
        secondary_phy=0,
        advertising_sid=0,
        tx_power=0,
        rssi=-50,
        periodic_advertising_interval=0,
        direct_address_type=0,
        direct_address=hci.Address.ANY,
        data=b"",
    )
