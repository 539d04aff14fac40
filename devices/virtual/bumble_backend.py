"""bleak over Bumble: a scanner, and the classes for `BleakScanner(backend=…)` and `BleakClient(…, backend=…)`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import AdvertisementDataCallback, BaseBleakScanner
from bumble.device import Advertisement, Device

from devices.virtual.advertising_data import GatheredData
from devices.virtual.bumble_client import BumbleClient
from devices.virtual.central import CentralRadio, plain_address


class BumbleScanner(BaseBleakScanner):
    """Gathers advertisements and scan responses of each device. Subclasses give it a `radio`.

    The first detection of a device includes its scan response, as on Linux and Windows; where the response was missed,
    it comes with the next advertisement.
    """

    radio: ClassVar[CentralRadio]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None = None,
        service_uuids: list[str] | None = None,
        scanning_mode: Literal["active", "passive"] = "active",  # noqa: ARG002 (bleak passes it by position)
        **_options: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._gathered: dict[str, GatheredData] = {}
        self._scanning = False

    async def start(self) -> None:
        """Start scanning, without the devices of earlier scans."""
        if self._scanning:
            return
        self._scanning = True
        self.seen_devices = {}
        self._gathered = {}
        try:
            await self.radio.listen(self._on_advertisement)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop scanning."""
        self._scanning = False
        await self.radio.ignore(self._on_advertisement)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        identity = self.radio.identity(advertisement.address)
        address = plain_address(identity)
        is_first = address not in self._gathered
        gathered = self._gathered.setdefault(address, GatheredData())
        gathered.add(advertisement.data_bytes, is_scan_response=advertisement.is_scan_response)
        if is_first and advertisement.is_scannable and not advertisement.is_scan_response:
            return
        data = gathered.as_bleak(advertisement.rssi)
        if self.is_allowed_uuid(data.service_uuids):
            name = gathered.name or address.replace(":", "-")  # BlueZ's alias of a nameless device
            self.call_detection_callbacks(self.create_or_update_device(address, address, name, identity, data), data)


def backend_classes(central: Device) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """Return bleak's scanner and client classes for a powered-on `central`."""
    shared = CentralRadio(central)

    class Scanner(BumbleScanner):
        radio = shared

    class Client(BumbleClient):
        radio = shared

    return Scanner, Client
