"""The radio: advertisements from all adapters, which device is wanted, and the connection through the best adapter.

Only `devices` knows bleak; nothing above knows which kind of radio it runs on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import bleak
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak_retry_connector import BleakNotFoundError, establish_connection

from devices.bluetooth.adapter import Adapter
from devices.bluetooth.address_locks import AddressLocks
from devices.bluetooth.advertisement import (
    FRESH_SECONDS,
    Advertisement,
    AdvertisementTable,
    ByAddress,
    ByName,
    Wanted,
    masked,
)
from devices.bluetooth.backend import BLEAK_ERRORS, Backend, OpenBackend, PlatformBackend
from devices.errors import (
    AdapterUnavailableError,
    AmbiguousNameError,
    DeviceInUseError,
    LinkLostError,
    NoFreeConnectionError,
    NotAdvertisingError,
)
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)


def platform_backend(adapter: str | None = None) -> OpenBackend:
    """Return how to open the operating system's own Bluetooth; `adapter`: which one, such as `hci1` (Linux)."""

    def opened() -> contextlib.AbstractAsyncContextManager[Backend]:
        if sys.platform != "linux":
            return contextlib.nullcontext(PlatformBackend())
        from devices.bluetooth.bluez_backend import open_bluez  # needs D-Bus, which only Linux has

        return open_bluez(adapter)

    return opened


@contextlib.asynccontextmanager
async def _unless_gone(gone: asyncio.Future[None] | None) -> AsyncIterator[None]:
    """Raise `TimeoutError` in the block when the adapter goes away: bleak would wait in vain."""
    async with asyncio.timeout(None) as bound:

        def end(_: asyncio.Future[None]) -> None:
            bound.reschedule(asyncio.get_running_loop().time())

        if gone is not None:
            gone.add_done_callback(end)
        try:
            yield
        finally:
            if gone is not None:
                gone.remove_done_callback(end)


class Radio:
    """Scans while it is open, with one adapter for each backend; by default, with the platform's own.

    Opening raises `AdapterUnavailableError` if no adapter can be opened. Those that cannot are retried meanwhile.
    `locks`: keep other controllers on this machine from the same devices; `None` for virtual ones.
    """

    def __init__(self, clock: Clock, *backends: OpenBackend, locks: AddressLocks | None = None) -> None:
        self._clock = clock
        self._locks = locks
        self.adapters = tuple(
            Adapter(each, self._on_advertisement, self._on_gone) for each in backends or (platform_backend(),)
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._reserved: dict[str, str] = {}  # by address: the name of the link that has the device
        self._advertisements = AdvertisementTable()
        self._connecting: Counter[str] = Counter()  # by adapter: attempts that its free connections do not show yet

    async def __aenter__(self) -> Self:
        errors = []
        for adapter in self.adapters:
            try:
                await adapter.open()
            except AdapterUnavailableError as error:
                errors.append(error)
        if len(errors) == len(self.adapters):
            first = errors[0]
            remedy = f"{first.remedy}; or" if first.remedy else "use"
            raise AdapterUnavailableError(first.problem, f"{remedy} --virtual, which needs no Bluetooth") from first
        for each in errors:
            _LOGGER.warning("%s", each)
        self._tasks = [asyncio.create_task(each.run(), name=each.description) for each in self.adapters]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for adapter in self.adapters:
            await adapter.close()

    @property
    def advertisements(self) -> dict[str, Advertisement]:
        """The latest advertisement of each device by its address, from the adapter with the best signal."""
        return _best_by_address(self._advertisements.all())

    def matching(self, wanted: Wanted) -> list[Advertisement]:
        """Return the latest advertisement of each wanted device, from the best of the adapters that it may use."""
        return list(_best_by_address(self._advertisements.matching(wanted)).values())

    def listen(self, wanted: Wanted, callback: Callable[[Advertisement], None]) -> Callable[[], None]:
        """Call `callback` with every advertisement of a wanted device, as it is received; the result unsubscribes.

        That needs no connection. What an adapter received before is not passed on: it may be minutes old.
        """
        return self._advertisements.listen(wanted, callback)

    @property
    def received_at_seconds(self) -> float:
        """When the last advertisement of any device arrived, by the clock."""
        return max(each.received_at_seconds for each in self.adapters)

    async def find(self, wanted: Wanted, newer_than_seconds: float) -> Advertisement:
        """Wait until a wanted device has advertised since `newer_than_seconds` of the clock; return its advertisement.

        Unless it is wanted by its address, listen for as long as a second such device may take to advertise. Raise
        `AmbiguousNameError` if there is one, `NoFreeConnectionError` if no adapter can connect to one more device.
        """
        with self._advertisements.waiting(wanted) as received:
            while True:
                received.clear()
                advertisement = self._latest(wanted, newer_than_seconds)
                if advertisement is None:
                    await received.wait()
                    continue
                listen_seconds = self._adapter_of(advertisement).backend.listen_seconds
                missing_seconds = advertisement.first_seen_at_seconds + listen_seconds - self._clock.now()
                if missing_seconds <= 0 or isinstance(wanted, ByAddress):
                    return self._best(advertisement, wanted)
                await self._clock.sleep(missing_seconds)

    def _latest(self, wanted: Wanted, newer_than_seconds: float) -> Advertisement | None:
        """Return the latest advertisement of the one wanted device. Raise `AmbiguousNameError` if there are two."""
        by_time = self._advertisements.matching(wanted)
        matching = sorted({each.address: each for each in by_time}.values(), key=lambda each: each.seen_at_seconds)
        if not matching or matching[-1].seen_at_seconds < newer_than_seconds:
            return None
        latest, before = matching[-1], matching[:-1]
        if before and latest.seen_at_seconds - before[-1].seen_at_seconds < FRESH_SECONDS:
            raise AmbiguousNameError(
                f"two devices near are called {latest.name}",
                "name yours by its address (letdown scan --addresses shows them)",
            )
        return latest

    def _best(self, advertisement: Advertisement, wanted: Wanted) -> Advertisement:
        """Return the advertisement of the same device from the best adapter that has a free connection."""
        near = [
            each
            for each in self._advertisements.matching(wanted)
            if each.address == advertisement.address
            and advertisement.seen_at_seconds - each.seen_at_seconds < FRESH_SECONDS
        ]
        free = [each for each in near if self._has_free_connection(self._adapter_of(each))]
        if not free:
            names = ", ".join(each.adapter for each in near)
            raise NoFreeConnectionError(
                f"{names} cannot be connected to one more device", "add another, or use fewer devices"
            )
        return max(free, key=lambda each: each.rssi_dbm)

    def _has_free_connection(self, adapter: Adapter) -> bool:
        free = adapter.backend.free_connections()
        return free is None or free > self._connecting[adapter.name]

    def _adapter_of(self, advertisement: Advertisement) -> Adapter:
        for each in self.adapters:
            if each.name == advertisement.adapter:
                return each
        raise AdapterUnavailableError(f"{advertisement.adapter} is gone")  # it came back under another name

    @contextlib.contextmanager
    def reserved(self, address: str, name: str) -> Iterator[None]:
        """Reserve a device for one link inside the block.

        Raise `DeviceInUseError` if another link has it, or a controller in another process on this machine. A second
        connection from the same process would share the first one, and two drivers would send commands over it.
        """
        if address in self._reserved:
            raise DeviceInUseError(f"{name} is connected already, as {self._reserved[address]}")
        with self._locked(address):
            self._reserved[address] = name
            try:
                yield
            finally:
                del self._reserved[address]

    def _locked(self, address: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._locks is None else self._locks.hold(address)

    async def disconnect_unused(self, wanted: Wanted) -> None:
        """End connections to a wanted device that are not in use: a connected device does not advertise.

        BlueZ keeps the connections of a process that has ended (seen with 5.66), such as a controller that crashed. One
        that another controller on this machine uses is left alone: raise `DeviceInUseError`.
        """
        if not isinstance(wanted, ByAddress | ByName):
            return
        if isinstance(wanted, ByAddress) and wanted.address not in map(str.lower, self._reserved):
            with self._locked(wanted.address):
                pass  # it is not in use; otherwise searching for it would be in vain
        for backend in [each.backend for each in self.adapters if each.is_open]:
            with contextlib.suppress(AdapterUnavailableError):  # then nothing can be found either
                await self._disconnect_unused(backend, wanted)

    async def _disconnect_unused(self, backend: Backend, wanted: ByAddress | ByName) -> None:
        for device in await backend.connected_devices():
            if device.address in self._reserved or not wanted.identifies(device.address, device.name):
                continue
            with self._locked(device.address), contextlib.suppress(AdapterUnavailableError):
                _LOGGER.warning("disconnecting %s, which is connected but not in use", masked(device.address))
                await backend.disconnect(device)

    async def forget_services(self, advertisement: Advertisement) -> None:
        """Drop the cached GATT services of a device, so that they are discovered again."""
        for adapter in self.adapters:
            if adapter.name == advertisement.adapter:
                await adapter.backend.forget_services(advertisement.device)

    async def connect(self, advertisement: Advertisement, name: str, on_lost: Callable[[], None]) -> bleak.BleakClient:
        """Connect, with the retries of bleak-retry-connector. Raise `NotAdvertisingError` or `LinkLostError`.

        `on_lost` is called when the connection ends or its adapter is gone: bleak misses the end of bluetoothd.
        """
        backend = self._adapter_of(advertisement).backend
        options: dict[str, Any] = {"backend": backend.client} if backend.client else {}

        def gone(_: asyncio.Future[None]) -> None:
            on_lost()

        def disconnected(_: bleak.BleakClient) -> None:
            if backend.gone is not None:
                backend.gone.remove_done_callback(gone)
            on_lost()

        self._connecting[advertisement.adapter] += 1
        try:
            await backend.close_stale(advertisement.device)
            async with _unless_gone(backend.gone):
                client = await establish_connection(
                    bleak.BleakClient, advertisement.device, name, disconnected_callback=disconnected, **options
                )
        except BleakNotFoundError as error:
            raise NotAdvertisingError(f"{name} does not answer ({error})") from error
        except BLEAK_ERRORS as error:
            raise LinkLostError(f"{name} cannot be connected ({str(error) or 'no answer'})") from error
        finally:
            self._connecting[advertisement.adapter] -= 1
        if backend.gone is not None:
            backend.gone.add_done_callback(gone)
        return client

    def _on_gone(self, adapter: Adapter) -> None:
        self._advertisements.remove_adapter(adapter.name)

    def _on_advertisement(self, adapter: Adapter, device: BLEDevice, data: AdvertisementData) -> None:
        adapter.received_at_seconds = now_seconds = self._clock.now()
        self._advertisements.receive(adapter.name, device, data, now_seconds)


def _best_by_address(advertisements: Iterable[Advertisement]) -> dict[str, Advertisement]:
    return {each.address: each for each in sorted(advertisements, key=lambda each: each.rssi_dbm)}
