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

# Advertising intervals are up to 1.285 s as a rule: in twice that, whoever is near was heard, even if missed once.
LISTEN_SECONDS = 2.5

# A round of a scan on Linux is 10 s of listening and 5 s of pause. Who was not heard for longer than that is gone, or
# has another address by now.
_FRESH_SECONDS = 20.0

# What bleak and its backends raise. EOFError and AttributeError come from a D-Bus connection that died (dbus-fast 5).
BLEAK_ERRORS = (BleakError, TimeoutError, OSError, EOFError, AttributeError)


@dataclass(frozen=True)
class Sighting:
    """The latest advertisement of one device. `seen_at_seconds` is the clock's time.

    `since_seconds`: since when it has been heard under this name without a long pause.
    """

    address: str
    name: str | None
    services: frozenset[str]
    manufacturers: dict[int, bytes]
    service_data: dict[str, bytes]
    rssi_dbm: int
    tx_power_dbm: int | None
    seen_at_seconds: float
    device: BLEDevice
    since_seconds: float = 0.0


@dataclass(frozen=True)
class ByAddress:
    """Wants the device of an address. Whatever else is wanted of a sighting, two devices may be it."""

    address: str

    def __call__(self, sighting: Sighting) -> bool:
        """Say whether it is this device."""
        return sighting.address.lower() == self.address.lower()


@dataclass(frozen=True)
class ByName:
    """Wants a device that advertises this very name."""

    name: str

    def __call__(self, sighting: Sighting) -> bool:
        """Say whether it is called that."""
        return sighting.name == self.name


async def _stop(scanner: bleak.BleakScanner) -> None:
    with contextlib.suppress(*BLEAK_ERRORS):
        await scanner.stop()


@contextlib.asynccontextmanager
async def _unless_gone(gone: asyncio.Future[None] | None) -> AsyncIterator[None]:
    """Bound the block: raise `TimeoutError` when the adapter goes away. What waits for it would wait in vain."""
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


def masked(address: str) -> str:
    """Return an address that tells devices apart without giving them away: its first and last two digits."""
    return f"{address[:2]}…{address[-2:]}" if len(address) > len("AA…BB") else "…"


@dataclass(frozen=True)
class Backend:
    """bleak's backend classes, `None` for the platform's own; `gone` is done when the adapter behind them went away.

    `listen_seconds`: how long it takes until everybody near was heard. On an air where nobody has to wait, it is 0.
    """

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    gone: asyncio.Future[None] | None = None
    listen_seconds: float = 0.0


@contextlib.asynccontextmanager
async def platform_backend() -> AsyncIterator[Backend]:
    """Yield the platform's own Bluetooth."""
    yield Backend(listen_seconds=LISTEN_SECONDS)


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
        self._reserved: dict[str, str] = {}  # by address: the name of the link that has it
        self.sightings: dict[str, Sighting] = {}
        self.heard_at_seconds = float("-inf")  # when anything advertised last, by the clock

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
        """Wait until a wanted device has advertised since `newer_than_seconds` of the clock; return its sighting.

        Unless it is wanted by its address, listen for as long as a second one may take to be heard. Raise
        `NotFoundError` if there is a second: nobody knows which is meant.
        """
        listen_seconds = 0.0 if isinstance(wanted, ByAddress) else self._backend.listen_seconds
        with self._wake() as heard:
            while True:
                heard.clear()
                sighting = self._heard(wanted, newer_than_seconds)
                if sighting is None:
                    await heard.wait()
                    continue
                missing_seconds = sighting.since_seconds + listen_seconds - self._clock.now()
                if missing_seconds <= 0:
                    return sighting
                await self._clock.sleep(missing_seconds)

    def _heard(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float) -> Sighting | None:
        """Return the one wanted device that was heard. Raise `NotFoundError` if two were, at about the same time."""
        fitting = sorted(filter(wanted, self.sightings.values()), key=lambda each: each.seen_at_seconds)
        if not fitting or fitting[-1].seen_at_seconds < newer_than_seconds:
            return None
        latest, before = fitting[-1], fitting[:-1]
        if before and latest.seen_at_seconds - before[-1].seen_at_seconds < _FRESH_SECONDS:
            raise NotFoundError(
                f"two devices near are called {latest.name}: name yours by its address "
                "(letdown scan --addresses shows them)"
            )
        return latest

    @contextlib.contextmanager
    def reserved(self, address: str, name: str) -> Iterator[None]:
        """Keep a device for one link inside the block. Raise `NotFoundError` where another link has it.

        A second connection from the same process would share the first one, and two drivers would fight over it.
        """
        if address in self._reserved:
            raise NotFoundError(f"{name} is connected already, as {self._reserved[address]}")
        self._reserved[address] = name
        try:
            yield
        finally:
            del self._reserved[address]

    async def connect(self, sighting: Sighting, name: str, on_lost: Callable[[], None]) -> bleak.BleakClient:
        """Connect, retrying as bleak-retry-connector sees fit. Raise `NotFoundError` or `LinkLostError`."""
        options: dict[str, Any] = {}
        if self._backend.client:
            options["backend"] = self._backend.client
        try:
            if self._backend.client is None:
                await close_stale_connections(sighting.device)
            async with _unless_gone(self._backend.gone):
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
            raise LinkLostError(f"{name} cannot be connected: {str(error) or 'no answer'}") from error

    @contextlib.contextmanager
    def _wake(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.append(event)
        try:
            yield event
        finally:
            self._waiting.remove(event)

    def _on_advertisement(self, device: BLEDevice, data: AdvertisementData) -> None:
        now_seconds, name = self._clock.now(), data.local_name or device.name
        self.heard_at_seconds = now_seconds
        before = self.sightings.get(device.address)
        if before is None or before.name != name or now_seconds - before.seen_at_seconds >= _FRESH_SECONDS:
            since_seconds = now_seconds
        else:
            since_seconds = before.since_seconds
        self.sightings[device.address] = Sighting(
            address=device.address,
            name=name,
            services=frozenset(uuid.lower() for uuid in data.service_uuids),
            manufacturers=dict(data.manufacturer_data),
            service_data=dict(data.service_data),
            rssi_dbm=data.rssi,
            tx_power_dbm=data.tx_power,
            seen_at_seconds=now_seconds,
            device=device,
            since_seconds=since_seconds,
        )
        for event in self._waiting:
            event.set()
