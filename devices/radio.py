"""The radio: one long-lived scan, and connections, through whatever backend bleak is given.

Only this file and `link` know bleak; nothing above knows which radio it is on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import bleak
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import BleakError
from bleak_retry_connector import BleakNotFoundError, close_stale_connections, establish_connection

from devices.clock import Clock
from devices.errors import LinkLostError, NotFoundError

_LOGGER = logging.getLogger(__name__)

_REOPEN_SECONDS = 1.0

# What bleak and its backends raise. EOFError and AttributeError come from a D-Bus connection that died (dbus-fast 5).
BLEAK_ERRORS = (BleakError, TimeoutError, OSError, EOFError, AttributeError)


@dataclass(frozen=True)
class Sighting:
    """The latest advertisement of one device. `seen_at_seconds` is the clock's time."""

    address: str
    name: str | None
    services: frozenset[str]
    manufacturers: dict[int, bytes]
    service_data: dict[str, bytes]
    rssi_dbm: int
    tx_power_dbm: int | None
    seen_at_seconds: float
    device: BLEDevice


async def _stop(scanner: bleak.BleakScanner) -> None:
    with contextlib.suppress(*BLEAK_ERRORS):
        await scanner.stop()


def masked(address: str) -> str:
    """Return an address that tells devices apart without giving them away: its first and last two digits."""
    return f"{address[:2]}…{address[-2:]}" if len(address) > len("AA…BB") else "…"


@dataclass(frozen=True)
class Backend:
    """bleak's backend classes, `None` for the platform's own; `gone` is done when the adapter behind them went away."""

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    gone: asyncio.Future[None] | None = None


@contextlib.asynccontextmanager
async def platform_backend() -> AsyncIterator[Backend]:
    """Yield the platform's own Bluetooth."""
    yield Backend()


class Radio:
    """Scans for as long as it is open. An adapter that goes away is looked for again, until it is back."""

    def __init__(
        self, clock: Clock, backend: Callable[[], contextlib.AbstractAsyncContextManager[Backend]] = platform_backend
    ) -> None:
        self._clock = clock
        self._open_backend = backend
        self._backend = Backend()
        self._stack = contextlib.AsyncExitStack()
        self._keeping: asyncio.Task[None] | None = None
        self._waiting: list[asyncio.Event] = []
        self.sightings: dict[str, Sighting] = {}

    async def __aenter__(self) -> Self:
        await self._open()
        self._keeping = asyncio.create_task(self._keep_open(), name="radio")
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        await self._close()

    async def _open(self) -> None:
        """Open the backend and start to scan. Raise `NotFoundError`."""
        async with contextlib.AsyncExitStack() as stack:
            self._backend = await stack.enter_async_context(self._open_backend())
            # Called through the module: ESPHome proxies replace these names globally.
            options: dict[str, Any] = {"backend": self._backend.scanner} if self._backend.scanner else {}
            scanner = bleak.BleakScanner(self._on_advertisement, **options)
            try:
                await scanner.start()
            except BLEAK_ERRORS as error:
                raise NotFoundError(
                    f"Bluetooth cannot scan: {error}. Is there an adapter, is it on, and is bluetoothd running? "
                    "Without any, --virtual runs everything on virtual devices."
                ) from error
            stack.push_async_callback(_stop, scanner)
            self._stack = stack.pop_all()

    async def _close(self) -> None:
        with contextlib.suppress(*BLEAK_ERRORS):
            await self._stack.aclose()

    async def _keep_open(self) -> None:
        """When the adapter goes away, open it anew, as soon as it is back."""
        while self._backend.gone is not None:
            with contextlib.suppress(Exception):  # however it ended
                await asyncio.shield(self._backend.gone)
            _LOGGER.warning("the Bluetooth adapter is gone; waiting for it to come back")
            self.sightings.clear()
            await self._close()
            while True:
                try:
                    await self._open()
                except NotFoundError:
                    await asyncio.sleep(_REOPEN_SECONDS)  # real time: an adapter does not live on the simulated clock
                else:
                    _LOGGER.warning("the Bluetooth adapter is back")
                    break

    async def find(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float) -> Sighting:
        """Wait until a wanted device has advertised since `newer_than_seconds` of the clock; return its sighting."""
        with self._wake() as heard:
            while True:
                heard.clear()
                for sighting in self.sightings.values():
                    if sighting.seen_at_seconds >= newer_than_seconds and wanted(sighting):
                        return sighting
                await heard.wait()

    async def connect(self, sighting: Sighting, name: str, on_lost: Callable[[], None]) -> bleak.BleakClient:
        """Connect, retrying as bleak-retry-connector sees fit. Raise `NotFoundError` or `LinkLostError`."""
        options: dict[str, Any] = {}
        if self._backend.client:
            options["backend"] = self._backend.client
        try:
            if self._backend.client is None:
                await close_stale_connections(sighting.device)
            return await establish_connection(
                bleak.BleakClient,
                sighting.device,
                name,
                disconnected_callback=lambda _: on_lost(),
                **options,
            )
        except BleakNotFoundError as error:
            raise NotFoundError(f"{name} does not answer: {error}") from error
        except BLEAK_ERRORS as error:
            raise LinkLostError(f"{name} cannot be connected: {error}") from error

    @contextlib.contextmanager
    def _wake(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.append(event)
        try:
            yield event
        finally:
            self._waiting.remove(event)

    def _on_advertisement(self, device: BLEDevice, data: AdvertisementData) -> None:
        self.sightings[device.address] = Sighting(
            address=device.address,
            name=data.local_name or device.name,
            services=frozenset(uuid.lower() for uuid in data.service_uuids),
            manufacturers=dict(data.manufacturer_data),
            service_data=dict(data.service_data),
            rssi_dbm=data.rssi,
            tx_power_dbm=data.tx_power,
            seen_at_seconds=self._clock.now(),
            device=device,
        )
        for event in self._waiting:
            event.set()
