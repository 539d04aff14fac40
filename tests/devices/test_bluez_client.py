"""bleak's client for BlueZ with a stand-in for what BlueZ tells it. With a real one: `tests/bluez`."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

pytest.importorskip("dbus_fast")  # Linux alone

from bleak.backends.bluezdbus import client as bleak_client
from bleak.backends.device import BLEDevice
from dbus_fast import Message

from devices import bluez_client
from devices.bluez_client import WholeTableClient

PATH = "/org/bluez/hci0/dev_F0_1E_7D_00_00_01"


class Manager:
    """What bleak knows of BlueZ. One service is told late: after "resolved", and before any answer."""

    def __init__(self) -> None:
        self.told = ["180a"]
        self.asked: list[str | None] = []
        self._bus: Manager | None = self

    async def get_services(self, path: str, _cached: bool, _wanted: Any) -> list[str]:
        assert path == PATH
        return list(self.told)

    async def call(self, question: Message) -> None:
        self.asked.append(question.path)
        self.told.append("180f")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    manager = Manager()
    for module in (bleak_client, bluez_client):
        monkeypatch.setattr(module, "get_global_bluez_manager", mock.AsyncMock(return_value=manager))
    return manager


@pytest.fixture
def client() -> WholeTableClient:
    device = BLEDevice("F0:1E:7D:00:00:01", "pump", {"path": PATH, "props": {}})
    client = WholeTableClient(device, disconnected_callback=None, timeout=1, bluez={})
    client._bus, client._is_connected = mock.Mock(), True
    return client


async def test_a_service_that_is_told_late_is_in_the_table(client: WholeTableClient, manager: Manager) -> None:
    assert await client._get_services() == ["180a", "180f"]
    assert client.services == ["180a", "180f"]
    assert manager.asked == [PATH]


async def test_a_table_that_is_known_is_not_asked_for_again(client: WholeTableClient, manager: Manager) -> None:
    await client._get_services()
    await client._get_services()
    assert len(manager.asked) == 1


async def test_without_a_d_bus_what_was_told_has_to_do(client: WholeTableClient, manager: Manager) -> None:
    manager._bus = None
    assert await client._get_services() == ["180a"]
