"""The Linux backend: bleak on BlueZ with two corrections, and what BlueZ does beside bleak."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bleak.backends.bluezdbus.client import BleakClientBlueZDBus
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import NotifyCallback
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTServiceCollection
from bleak.exc import BleakError
from bleak_retry_connector import clear_cache, close_stale_connections
from dbus_fast import Message

from devices.bluetooth import bluez
from devices.bluetooth.backend import LISTEN_SECONDS, Backend, ConnectedDevice
from devices.bluetooth.bluez import BlueZ


class BlueZClient(BleakClientBlueZDBus):
    """Reads the GATT services only when BlueZ has reported all of them, and does not subscribe without a connection.

    Seen to be needed with BlueZ 5.66, bleak 3.1.0 and dbus-fast 5.2.0.
    """

    async def _get_services(self, dangerous_use_bleak_cache: bool = False, **kwargs: Any) -> BleakGATTServiceCollection:
        """Make a D-Bus round trip, as a barrier, before the GATT services are read.

        BlueZ may report `ServicesResolved` before services that are new to it, so that a device met for the first time
        seems to lack some (often on slow machines; bluez/bluez#1489). Its reply follows all earlier reports.
        """
        if self.services is None:
            await super()._get_services(dangerous_use_bleak_cache, **kwargs)  # this one waits until they are resolved
            manager = await get_global_bluez_manager()
            barrier = Message(
                destination="org.bluez",
                path=self._device_path,
                interface="org.freedesktop.DBus.Introspectable",
                member="Introspect",
            )
            if manager._bus is not None:  # the connection on which bleak receives services
                await manager._bus.call(barrier)
            self.services = None
        return await super()._get_services(dangerous_use_bleak_cache, **kwargs)

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        """Subscribe; raise `BleakError` without a connection.

        bleak checks that before every other call, but not here: it uses a D-Bus connection that is `None` by then
        (AssertionError), or one that was never opened, whose writer is `None` (AttributeError).
        """
        if not self.is_connected:
            raise BleakError("Not connected")
        await super().start_notify(characteristic, callback, **kwargs)


class BlueZBackend(Backend):
    """One adapter of BlueZ, such as `hci0`."""

    client = BlueZClient
    listen_seconds = LISTEN_SECONDS

    def __init__(self, connection: BlueZ, name: str, gone: asyncio.Future[None]) -> None:
        self.name = name
        self.gone = gone
        self.scanner_options = {"bluez": {"adapter": name}}
        self._connection = connection

    async def connected_devices(self) -> Sequence[ConnectedDevice]:
        """Return what BlueZ is connected to through any adapter."""
        return await self._connection.connected_devices()

    async def disconnect(self, device: ConnectedDevice) -> None:
        """End one of these connections."""
        await self._connection.disconnect(device)

    async def close_stale(self, device: BLEDevice) -> None:
        """End connections to a device that an earlier attempt left open."""
        await close_stale_connections(device)

    async def forget_services(self, device: BLEDevice) -> None:
        """Let BlueZ forget a device; but not a bonded one, for its bond would be lost."""
        if not device.details.get("props", {}).get("Paired", False):
            await clear_cache(device.address)

    async def power_cycle(self) -> bool:
        """Switch the adapter off and on."""
        await self._connection.power_cycle(self.name)
        return True


@contextlib.asynccontextmanager
async def open_bluez(adapter: str | None) -> AsyncIterator[Backend]:
    """Yield an adapter by its name, or the first that is switched on. Raise `AdapterUnavailableError`."""
    async with bluez.connected() as connection:
        name = bluez.choose(await connection.adapters(), adapter).name
        yield BlueZBackend(connection, name, await connection.gone(name))
