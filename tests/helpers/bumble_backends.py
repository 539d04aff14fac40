"""A scripted pump and a central on one virtual radio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bleak import BleakClient, BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.uuids import normalize_uuid_16
from bleak_retry_connector import establish_connection

from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.gatt_server import GattCharacteristic, GattError, GattServer, GattService
from devices.virtual.transports import Air

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
COMMAND = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
REPORT = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
ACKNOWLEDGED = normalize_uuid_16(0x2A1C)
SECRET = normalize_uuid_16(0x2A23)
LONG = normalize_uuid_16(0x2A24)
FINISHED = normalize_uuid_16(0x2A25)
ADVERTISEMENT = AdvertisingPacket(
    name="Pump left",
    service_uuids=[SERVICE, "180f"],
    manufacturer_data={0x0FFF: b"\x01\x02"},
    service_data={"180f": b"\x64"},
    tx_power_dbm=-4,
)


class Pump:
    """A device that records what is written, and answers as scripted."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.on_write: Callable[[bytes], Awaitable[None]] | None = None
        self.long_value = b"x" * 600
        self.server: GattServer

    async def put_on(self, air: Air, advertisement: AdvertisingPacket = ADVERTISEMENT) -> None:
        services = [
            GattService(
                SERVICE,
                [
                    GattCharacteristic(COMMAND, {"write", "write-without-response"}, write=self._write),
                    GattCharacteristic(REPORT, {"read", "notify"}, read=lambda: b"report"),
                    GattCharacteristic("2a1c", {"indicate"}),
                ],
            ),
            GattService(
                "180a",
                [
                    GattCharacteristic("2a23", {"read", "notify"}, read=lambda: b"secret", encrypted=True),
                    GattCharacteristic("2a24", {"read", "write"}, read=lambda: self.long_value, write=self._write_long),
                    GattCharacteristic("2a25", {"write"}, write=self._refuse),
                ],
            ),
        ]
        self.device = await air.add_peripheral("Pump left")
        self.server = GattServer(self.device, services, advertisement)
        await self.server.start()

    async def _write(self, value: bytes) -> None:
        self.written.append(value)
        if self.on_write is not None:
            await self.on_write(value)

    async def _write_long(self, value: bytes) -> None:
        self.long_value = value

    async def _refuse(self, value: bytes) -> None:
        raise GattError(0x80) if value == b"no" else RuntimeError("a bug in the device")


class Bench:
    """A pump and a central on one air."""

    def __init__(self, scanner: type[BaseBleakScanner], client: type[BaseBleakClient]) -> None:
        self.scanner = scanner
        self.client = client
        self.air: Air
        self.pump = Pump()
        self.lost: list[BleakClient] = []

    async def find(self) -> BLEDevice:
        device = await BleakScanner.find_device_by_name("Pump left", timeout=2, backend=self.scanner)
        assert device is not None
        return device

    async def connect(self, **options: object) -> BleakClient:
        return await establish_connection(
            BleakClient,
            await self.find(),
            "pump",
            disconnected_callback=self.lost.append,
            max_attempts=1,
            backend=self.client,
            **options,
        )


async def turns(count: int = 50) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


def never() -> Callable[[bytes], Awaitable[None]]:
    async def wait(_: bytes) -> None:
        await asyncio.Event().wait()

    return wait
