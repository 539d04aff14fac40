"""bleak's client for BlueZ, with a stand-in for its manager. With a real BlueZ: `tests/bluez`."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

pytest.importorskip("dbus_fast")  # Linux alone

from bleak.backends.bluezdbus import client as bleak_client
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService
from bleak.exc import BleakError
from dbus_fast import Message

from devices.bluetooth import bluez_backend
from devices.bluetooth.bluez_backend import BlueZClient

PATH = "/org/bluez/hci0/dev_F0_1E_7D_00_00_01"


class Manager:
    """bleak's manager of BlueZ. One service is reported late: after `ServicesResolved`, and before the next reply."""

    def __init__(self) -> None:
        self.recorded = ["180a"]
        self.asked: list[str | None] = []
        self._bus: Manager | None = self

    async def get_services(self, path: str, _cached: bool, _wanted: Any) -> list[str]:
        assert path == PATH
        return list(self.recorded)

    async def call(self, question: Message) -> None:
        self.asked.append(question.path)
        self.recorded.append("180f")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    manager = Manager()
    for module in (bleak_client, bluez_backend):
        monkeypatch.setattr(module, "get_global_bluez_manager", mock.AsyncMock(return_value=manager))
    return manager


@pytest.fixture
def client() -> BlueZClient:
    device = BLEDevice("F0:1E:7D:00:00:01", "pump", {"path": PATH, "props": {}})
    client = BlueZClient(device, disconnected_callback=None, timeout=1, bluez={})
    client._bus, client._is_connected = mock.Mock(), True
    return client


async def test_a_service_that_is_reported_late_is_found(client: BlueZClient, manager: Manager) -> None:
    assert await client._get_services() == ["180a", "180f"]
    assert client.services == ["180a", "180f"]
    assert manager.asked == [PATH]


async def test_known_services_are_not_read_again(client: BlueZClient, manager: Manager) -> None:
    await client._get_services()
    await client._get_services()
    assert len(manager.asked) == 1


async def test_without_d_bus_there_is_no_barrier(client: BlueZClient, manager: Manager) -> None:
    manager._bus = None
    assert await client._get_services() == ["180a"]


async def test_subscribing_without_a_connection_is_an_error_of_bleak(client: BlueZClient) -> None:
    report = BleakGATTCharacteristic(None, 1, "2a37", ["notify"], lambda: 20, BleakGATTService(None, 1, "180d"))
    client._is_connected = False
    with pytest.raises(BleakError, match="Not connected"):
        await client.start_notify(report, lambda _: None, bluez={})
