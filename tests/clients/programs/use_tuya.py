"""tuya-ble-sdk, told what to do by a test. It reads Tuya devices; it has no operation that changes anything on one."""

from __future__ import annotations

import asyncio
from typing import Any

import bleak
import tuya_ble_sdk
from bleak.backends.device import BLEDevice
from on_bumble import public, serve

_SCAN_SECONDS = 0.5


class Reader:
    """What the SDK offers: advertisements and sessions. (Its cloud client needs Tuya's cloud.)"""

    def operations(self) -> list[str]:
        """Return the names of all that its session offers."""
        return public(tuya_ble_sdk.TuyaBleClient)

    async def parse_advertisement(self) -> dict[str, tuya_ble_sdk.AdvertisementInfo]:
        """Return what it understands of each advertisement, by the name of the device."""
        heard = await bleak.BleakScanner.discover(_SCAN_SECONDS, return_adv=True)
        return {
            str(data.local_name): tuya_ble_sdk.parse_advertisement(data.service_data, data.manufacturer_data)
            for _, data in heard.values()
            if tuya_ble_sdk.SERVICE_UUID in data.service_data
        }

    async def async_read_data_points(self, *wanted: dict[str, str]) -> list[Any]:
        """Read several devices at once, each in a session of its own; return its data points, or what it raised.

        `wanted`: the name of each, and its credentials.
        """
        heard: dict[str | None, BLEDevice] = {}
        while not heard.keys() >= {each["name"] for each in wanted}:
            heard |= {device.name: device for device in await bleak.BleakScanner.discover(_SCAN_SECONDS)}
        sessions = []
        for each in wanted:
            device = heard[each.pop("name")]
            session = tuya_ble_sdk.TuyaBleClient(device, tuya_ble_sdk.TuyaBleCredentials(**each))
            assert session.address == device.address
            sessions.append(session.async_read_data_points())
        done = await asyncio.gather(*sessions, return_exceptions=True)
        return [list(read.values()) if isinstance(read, dict) else read for read in done]


if __name__ == "__main__":
    serve(Reader)
