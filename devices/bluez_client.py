"""bleak's client for BlueZ, which does not take a device's table of services before BlueZ has told all of it.

BlueZ may say that the services are resolved before it tells of those that are new to it, so that a device met for the
first time seems to lack some (BlueZ 5.66 with bleak 3.1.0, and often on slow machines; bluez/bluez#1489).
"""

from __future__ import annotations

from typing import Any

from bleak.backends.bluezdbus.client import BleakClientBlueZDBus
from bleak.backends.bluezdbus.manager import get_global_bluez_manager
from bleak.backends.service import BleakGATTServiceCollection
from dbus_fast import Message


class WholeTableClient(BleakClientBlueZDBus):
    """Asks BlueZ for any answer before it takes the table: BlueZ sends what it still has to tell before the answer."""

    async def _get_services(self, dangerous_use_bleak_cache: bool = False, **kwargs: Any) -> BleakGATTServiceCollection:
        if self.services is None:
            await super()._get_services(dangerous_use_bleak_cache, **kwargs)  # this one waits until they are resolved
            manager = await get_global_bluez_manager()
            question = Message(
                destination="org.bluez",
                path=self._device_path,
                interface="org.freedesktop.DBus.Introspectable",
                member="Introspect",
            )
            if manager._bus is not None:  # the connection on which bleak hears of services
                await manager._bus.call(question)
            self.services = None
        return await super()._get_services(dangerous_use_bleak_cache, **kwargs)
