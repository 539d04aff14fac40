"""A radio on which devices advertise and connections are lost as a test says, without Bluetooth below it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.backend import LISTEN_SECONDS, Backend, ConnectedDevice
from devices.bluetooth.link import Link
from devices.bluetooth.radio import Radio
from devices.support.clock import ScaledClock

OURS, NEIGHBOURS = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
TWO_ARE_NEAR = "two devices near are called Pump: name yours by its address (letdown scan --addresses shows them)"


async def turns(count: int = 10) -> None:
    """Give other tasks turns of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


class Scanner(BaseBleakScanner):
    """A scanner that receives what the test sends."""

    latest: Scanner

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: Any, **_options: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        Scanner.latest = self

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def advertise_once(self, address: str, name: str | None, rssi_dbm: int = -60) -> None:
        data = AdvertisementData(name, {}, {}, [], None, rssi_dbm, ())
        self.call_detection_callbacks(self.create_or_update_device(address, address, name, None, data), data)


class ScriptedBackend(Backend):
    """The backend of a `Scanner`, with what a test sets."""

    def __init__(self, scanner: type[BaseBleakScanner] = Scanner, name: str = "", listen_seconds: float = 0.0) -> None:
        self.scanner = scanner
        self.name = name
        self.listen_seconds = listen_seconds
        self.connected: Sequence[ConnectedDevice] = ()
        self.disconnected: list[str] = []

    async def connected_devices(self) -> Sequence[ConnectedDevice]:
        return self.connected

    async def disconnect(self, device: ConnectedDevice) -> None:
        self.disconnected.append(device.address)


class Client:
    """A connection with nothing in it."""

    async def disconnect(self) -> None: ...


class Ward(Radio):
    """A radio whose advertisements come from the test. Every connection succeeds."""

    def __init__(self, clock: ScaledClock) -> None:
        @contextlib.asynccontextmanager
        async def backend() -> AsyncIterator[Backend]:
            yield ScriptedBackend(listen_seconds=LISTEN_SECONDS)

        super().__init__(clock, backend)
        self.clock = clock
        self.connected: list[str] = []
        self.lose: Callable[[], None] = lambda: None
        self._advertising: dict[str, asyncio.Task[None]] = {}

    def advertise_once(self, address: str = OURS, name: str | None = "Pump") -> None:
        Scanner.latest.advertise_once(address, name)

    def advertise(self, address: str = OURS, name: str = "Pump", every_seconds: float = 1.0) -> None:
        async def go_on() -> None:
            while True:
                self.advertise_once(address, name)
                await self.clock.sleep(every_seconds)

        self._advertising[address] = asyncio.create_task(go_on())

    def stop_advertising(self, *addresses: str) -> None:
        for address in addresses or list(self._advertising):
            self._advertising.pop(address).cancel()

    async def connect(self, advertisement: Advertisement, name: str, on_lost: Callable[[], None]) -> Any:
        self.connected.append(advertisement.address)
        self.lose = on_lost
        return Client()

    async def found(
        self, wanted: Callable[[Advertisement], bool], newer_than_seconds: float = 0.0
    ) -> tuple[str, float]:
        """Return the address that was found, and when."""
        async with self.clock.timeout(600):
            advertisement = await self.find(wanted, newer_than_seconds)
        return advertisement.address, self.clock.now()


@contextlib.asynccontextmanager
async def linked(ward: Ward, wanted: Callable[[Advertisement], bool]) -> AsyncIterator[Link]:
    async def set_up() -> None: ...

    link = Link(ward, ward.clock, "left pump", wanted, set_up, lambda: None)
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
