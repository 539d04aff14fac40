"""The radio: what its receivers hear, which device is meant, and the connection through the best of them.

Only `devices` knows bleak; nothing above knows which radio it is on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import bleak
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak_retry_connector import BleakNotFoundError, close_stale_connections, establish_connection

from devices.address_locks import AddressLocks
from devices.advertisements import FRESH_SECONDS, AdvertisementTable
from devices.backend import BLEAK_ERRORS, Held, OpenBackend, platform_backend
from devices.clock import Clock
from devices.errors import LinkLostError, NotFoundError
from devices.receiver import Receiver
from devices.sighting import ByAddress, ByName, Sighting, masked

_LOGGER = logging.getLogger(__name__)


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


async def _connected_devices(held: Callable[[], Awaitable[Sequence[Held]]]) -> Sequence[Held]:
    """Return what an adapter is connected to; nothing where it does not answer, for then nothing is found either."""
    try:
        return await held()
    except NotFoundError:
        return ()


class Radio:
    """Scans for as long as it is open, with one receiver for each backend; with the platform's own where none is named.

    Opening raises `NotFoundError` where no receiver can be opened. Those that cannot be are looked for meanwhile.
    `locks`: keep other controllers on this machine from the same devices; `None` for virtual ones, which nobody shares.
    """

    def __init__(self, clock: Clock, *backends: OpenBackend, locks: AddressLocks | None = None) -> None:
        self._clock = clock
        self._locks = locks
        self.receivers = tuple(
            Receiver(each, self._on_advertisement, self._on_gone) for each in backends or (platform_backend(),)
        )
        self._keeping: list[asyncio.Task[None]] = []
        self._reserved: dict[str, str] = {}  # by address: the name of the link that has it
        self._advertisements = AdvertisementTable()
        self._connecting: Counter[str] = Counter()  # by receiver: what it will say it holds in a moment

    async def __aenter__(self) -> Self:
        troubles = []
        for receiver in self.receivers:
            try:
                await receiver.open()
            except NotFoundError as error:
                troubles.append(error)
        if len(troubles) == len(self.receivers):
            raise NotFoundError(f"{troubles[0]}. Without Bluetooth, --virtual runs everything on virtual devices.")
        for trouble in troubles:
            _LOGGER.warning("%s", trouble)
        self._keeping = [asyncio.create_task(each.run(), name="receiver") for each in self.receivers]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for receiver in self.receivers:
            await receiver.close()

    @property
    def sightings(self) -> dict[str, Sighting]:
        """What was heard of each device by the receiver that hears it best, by address."""
        best: dict[str, Sighting] = {}
        for each in sorted(self._advertisements.all(), key=lambda each: each.rssi_dbm):
            best[each.address] = each
        return best

    @property
    def heard_at_seconds(self) -> float:
        """When anything advertised last, by the clock."""
        return max(each.heard_at_seconds for each in self.receivers)

    async def find(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float) -> Sighting:
        """Wait until a wanted device has advertised since `newer_than_seconds` of the clock; return its sighting.

        Unless it is wanted by its address, listen for as long as a second one may take to be heard. Raise
        `NotFoundError` if there is a second: nobody knows which is meant.
        """
        with self._advertisements.waiting(wanted) as heard:
            while True:
                heard.clear()
                sighting = self._latest(wanted, newer_than_seconds)
                if sighting is None:
                    await heard.wait()
                    continue
                listen_seconds = self._receiver(sighting).backend.listen_seconds
                missing_seconds = sighting.since_seconds + listen_seconds - self._clock.now()
                if missing_seconds <= 0 or isinstance(wanted, ByAddress):
                    return self._best(sighting, wanted)
                await self._clock.sleep(missing_seconds)

    def _latest(self, wanted: Callable[[Sighting], bool], newer_than_seconds: float) -> Sighting | None:
        """Return the one wanted device that was heard. Raise `NotFoundError` if two were, at about the same time."""
        by_time = self._advertisements.matching(wanted)
        fitting = sorted({each.address: each for each in by_time}.values(), key=lambda each: each.seen_at_seconds)
        if not fitting or fitting[-1].seen_at_seconds < newer_than_seconds:
            return None
        latest, before = fitting[-1], fitting[:-1]
        if before and latest.seen_at_seconds - before[-1].seen_at_seconds < FRESH_SECONDS:
            raise NotFoundError(
                f"two devices near are called {latest.name}: name yours by its address "
                "(letdown scan --addresses shows them)"
            )
        return latest

    def _best(self, sighting: Sighting, wanted: Callable[[Sighting], bool]) -> Sighting:
        """Return how the receiver hears the same device that hears it best, of those that can take one more.

        Raise `NotFoundError` where none can.
        """
        near = [
            each
            for each in self._advertisements.matching(wanted)
            if each.address == sighting.address and sighting.seen_at_seconds - each.seen_at_seconds < FRESH_SECONDS
        ]
        free = [each for each in near if self._can_take_one(self._receiver(each))]
        if not free:
            names = ", ".join(each.receiver for each in near)
            raise NotFoundError(f"{names} cannot be connected to one more device: add another, or use fewer devices")
        return max(free, key=lambda each: each.rssi_dbm)

    def _can_take_one(self, receiver: Receiver) -> bool:
        free = receiver.backend.free_connections()
        return free is None or free > self._connecting[receiver.name]

    def _receiver(self, sighting: Sighting) -> Receiver:
        for each in self.receivers:
            if each.name == sighting.receiver:
                return each
        raise NotFoundError(f"{sighting.receiver} is not there any more")  # it came back under another name

    @contextlib.contextmanager
    def reserved(self, address: str, name: str) -> Iterator[None]:
        """Keep a device for one link inside the block.

        Raise `NotFoundError` where another link has it, or a controller in another process of this machine. A second
        connection from the same process would share the first one, and two drivers would fight over it.
        """
        if address in self._reserved:
            raise NotFoundError(f"{name} is connected already, as {self._reserved[address]}")
        with self._locked(address):
            self._reserved[address] = name
            try:
                yield
            finally:
                del self._reserved[address]

    def _locked(self, address: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._locks is None else self._locks.hold(address)

    async def release(self, wanted: Callable[[Sighting], bool]) -> None:
        """End connections to a wanted device that nobody uses: a device that is connected does not advertise.

        BlueZ keeps the connections of a program that is gone (seen with 5.66), such as a controller that crashed. One
        that another controller on this machine uses is left alone: raise `HeldElsewhereError`.
        """
        if not isinstance(wanted, ByAddress | ByName):
            return
        if isinstance(wanted, ByAddress) and wanted.address not in map(str.lower, self._reserved):
            with self._locked(wanted.address):
                pass  # else it would be searched in vain
        for backend in [each.backend for each in self.receivers if each.is_open]:
            if backend.held is None or backend.let_go is None:
                continue
            for held in await _connected_devices(backend.held):
                if held.address in self._reserved or not wanted.means(held.address, held.name):
                    continue
                with self._locked(held.address):
                    _LOGGER.warning("%s is connected, and nobody here uses it: letting go", masked(held.address))
                    with contextlib.suppress(NotFoundError):  # then it cannot be found either
                        await backend.let_go(held)

    async def forget(self, sighting: Sighting) -> None:
        """Let a device's table of characteristics be read anew, when what is remembered of it did not fit."""
        for receiver in self.receivers:
            if receiver.name == sighting.receiver and receiver.backend.forget is not None:
                await receiver.backend.forget(sighting.device)

    async def connect(self, sighting: Sighting, name: str, on_lost: Callable[[], None]) -> bleak.BleakClient:
        """Connect, retrying as bleak-retry-connector sees fit. Raise `NotFoundError` or `LinkLostError`.

        `on_lost` is called when the connection ends, or the receiver that it goes through is gone: bleak does not
        notice when bluetoothd ends.
        """
        backend = self._receiver(sighting).backend
        options: dict[str, Any] = {"backend": backend.client} if backend.client else {}

        def gone(_: asyncio.Future[None]) -> None:
            on_lost()

        def disconnected(_: bleak.BleakClient) -> None:
            if backend.gone is not None:
                backend.gone.remove_done_callback(gone)
            on_lost()

        self._connecting[sighting.receiver] += 1
        try:
            if backend.let_go is not None:  # BlueZ, which keeps connections that nobody uses
                await close_stale_connections(sighting.device)
            async with _unless_gone(backend.gone):
                client = await establish_connection(
                    bleak.BleakClient, sighting.device, name, disconnected_callback=disconnected, **options
                )
        except BleakNotFoundError as error:
            raise NotFoundError(f"{name} does not answer: {error}") from error
        except BLEAK_ERRORS as error:
            raise LinkLostError(f"{name} cannot be connected: {str(error) or 'no answer'}") from error
        finally:
            self._connecting[sighting.receiver] -= 1
        if backend.gone is not None:
            backend.gone.add_done_callback(gone)
        return client

    def _on_gone(self, receiver: Receiver) -> None:
        self._advertisements.forget(receiver.name)

    def _on_advertisement(self, receiver: Receiver, device: BLEDevice, data: AdvertisementData) -> None:
        receiver.heard_at_seconds = now_seconds = self._clock.now()
        self._advertisements.receive(receiver.name, device, data, now_seconds)
