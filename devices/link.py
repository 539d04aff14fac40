"""One device's connection: found, kept, lost, found again. Bytes in and out; the driver knows what they mean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

import bleak
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from devices.backend import BLEAK_ERRORS
from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.lane import Lane
from devices.radio import Radio
from devices.sighting import Sighting, masked

_LOGGER = logging.getLogger(__name__)

_ANSWER_SECONDS = 2.0  # the ATT protocol allows 30 s; a body does not
# bluetoothd waits 2 s of its own before it ends a connection (5.66). When this process ends, it does so without us.
_DISCONNECT_SECONDS = 5.0
_LAST_DISCONNECT_SECONDS = 0.5
_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 30.0


class LinkState(StrEnum):
    """Where the connection stands."""

    SEARCHING = "searching"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    CLOSED = "closed"


@dataclass(frozen=True)
class Place:
    """Where a characteristic is: by its UUIDs, or by its handle. Printed as a person would say it."""

    service: str | None = None
    characteristic: str | None = None
    handle: int | None = None

    def __str__(self) -> str:
        return self.characteristic or f"{self.handle or 0:#06x}"


class Link:
    """Keeps one device connected while `run` runs.

    `on_connected` is awaited after each connection and before commands may pass; if it raises, the connection is given
    up and tried again later. `on_change` is called whenever `state` changes. `lane` is the serial lane for commands;
    a stop writes past it.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        name: str,
        wanted: Callable[[Sighting], bool],
        on_connected: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.state = LinkState.SEARCHING
        self.trouble: str | None = None
        self.lane = Lane()
        self.sighting: Sighting | None = None
        self._radio = radio
        self._clock = clock
        self._wanted = wanted
        self._on_connected = on_connected
        self._on_change = on_change
        self._client: bleak.BleakClient | None = None
        self._reservation = contextlib.ExitStack()
        self._lost = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether commands may pass now."""
        return self.state is LinkState.CONNECTED

    @property
    def has_link(self) -> bool:
        """Whether there is a connection, though it may still be being set up."""
        return self._client is not None and not self._lost.is_set()

    def offered(self) -> list[tuple[str, str]]:
        """Return all characteristics of the device, as (service, characteristic)."""
        if self._client is None:
            return []
        try:
            characteristics = list(self._client.services.characteristics.values())
        except BLEAK_ERRORS:  # the table of services is gone
            return []
        return [(each.service_uuid.lower(), each.uuid.lower()) for each in characteristics]

    async def run(self) -> None:
        """Keep the device connected, until cancelled. A lost link is searched again, with growing pauses."""
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        seen_since_seconds = self._clock.now() - 10
        unfit = 0  # how often in a row its table of characteristics did not fit
        try:
            while True:
                try:
                    await self._connect(seen_since_seconds)
                    backoff_seconds = _FIRST_BACKOFF_SECONDS
                    await self._lost.wait()
                    self.trouble, unfit = "the link was lost", 0
                except DeviceError as error:
                    self.trouble, unfit = str(error), unfit + 1 if isinstance(error, ProtocolError) else 0
                _LOGGER.info("%s: %s; searching again in %g s", self.name, self.trouble, backoff_seconds)
                await self._drop(LinkState.LOST)
                if unfit % 2 == 0 < unfit and self.sighting is not None:
                    # Only after the connection has ended, and at every other time: BlueZ (5.66) may notice by itself
                    # that the table is another, and then has the new one at the next connection.
                    await self._radio.forget(self.sighting)
                seen_since_seconds = self._clock.now()
                await self._clock.sleep(backoff_seconds)
                backoff_seconds = min(backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)
        finally:
            await self._drop(LinkState.CLOSED)

    async def write(self, place: Place, data: bytes, *, response: bool) -> None:
        """Write at once, past the lane. With `response`, return when the device has acknowledged.

        Raise `LinkLostError` (nothing was sent), `RefusedError` (the device turned it down) or `UncertainError`.
        """
        client, target = self._target(place)
        try:
            async with self._clock.timeout(_ANSWER_SECONDS):
                await client.write_gatt_char(target, data, response=response)
        except BleakGATTProtocolError as error:
            raise RefusedError(f"{self.name} turned the write down: {error.args[-1]}") from error
        except BLEAK_ERRORS as error:
            raise UncertainError(f"{self.name} did not acknowledge a write: {_words(error)}") from error

    async def read(self, place: Place) -> bytes:
        """Read a characteristic. Raise `LinkLostError` or `ProtocolError`."""
        client, target = self._target(place)
        try:
            async with self._clock.timeout(_ANSWER_SECONDS):
                return bytes(await client.read_gatt_char(target))
        except BLEAK_ERRORS as error:
            self._raise_read(error)

    async def subscribe(self, place: Place, callback: Callable[[bytes], None], *, acquire_notify: bool = False) -> None:
        """Call `callback` with every notification or indication of a characteristic, while this connection lasts.

        `acquire_notify`: use BlueZ's AcquireNotify. It breaks some devices; StartNotify is what bleak prefers (3.0.2).
        """
        client, target = self._target(place)
        lost = self._lost

        def hear(_: BleakGATTCharacteristic, data: bytearray) -> None:
            if not lost.is_set():  # a dropped connection may still have something to say; nobody believes it
                callback(bytes(data))

        options: dict[str, Any] = {"bluez": {"use_start_notify": not acquire_notify}}
        try:
            async with self._clock.timeout(_ANSWER_SECONDS):
                await client.start_notify(target, hear, **options)
        except BLEAK_ERRORS as error:
            self._raise_read(error)

    def has(self, place: Place) -> frozenset[str]:
        """Return the properties of a characteristic in bleak's words; an empty set where the device has none such."""
        with contextlib.suppress(DeviceError):
            return frozenset(self._target(place)[1].properties)
        return frozenset()

    def _raise_read(self, error: Exception) -> NoReturn:
        if self._lost.is_set():
            raise LinkLostError(f"{self.name}: the link was lost") from error
        if isinstance(error, BleakGATTProtocolError):
            raise ProtocolError(f"{self.name} does not let it be read: {error.args[-1]}") from error
        raise ProtocolError(f"{self.name} did not answer: {_words(error)}") from error

    def _target(self, place: Place) -> tuple[bleak.BleakClient, BleakGATTCharacteristic]:
        if self._client is None or self._lost.is_set():
            raise LinkLostError(f"{self.name} is not connected")
        try:
            characteristics = list(self._client.services.characteristics.values())
        except BLEAK_ERRORS as error:  # the table of services is gone
            raise LinkLostError(f"{self.name} is not connected") from error
        # A value's handle is one above its declaration's, and bleak on BlueZ gives the declaration's (bleak 3.1).
        handles = () if place.handle is None else (place.handle, place.handle - 1)
        for wanted in ((place.service, place.characteristic), *handles):
            for each in characteristics:
                if wanted in ((each.service_uuid.lower(), each.uuid.lower()), each.handle):
                    return self._client, each
        raise ProtocolError(f"{self.name} has no characteristic {place}; is it another model?")

    async def _connect(self, seen_since_seconds: float) -> None:
        self._set(LinkState.SEARCHING)
        await self._radio.release(self._wanted)
        self.sighting = sighting = await self._radio.find(self._wanted, seen_since_seconds)
        self._reservation.enter_context(self._radio.reserved(sighting.address, self.name))
        self._set(LinkState.CONNECTING)
        self._lost = lost = asyncio.Event()
        self._client = await self._radio.connect(sighting, self.name, lambda: self._on_lost(lost))
        try:
            await self._on_connected()
        except ProtocolError:
            if not lost.is_set():
                raise
            # Else it only seemed to be another model.
        if lost.is_set():
            raise LinkLostError(f"{self.name}: the link was lost while it was set up")
        self.trouble = None
        _LOGGER.info("%s is connected (%s, %d dBm)", self.name, masked(sighting.address), sighting.rssi_dbm)
        self._set(LinkState.CONNECTED)

    def _on_lost(self, lost: asyncio.Event) -> None:
        lost.set()
        if lost is self._lost and self.state is LinkState.CONNECTED:
            self._set(LinkState.LOST)

    async def _drop(self, state: LinkState) -> None:
        client, self._client = self._client, None
        self._lost.set()
        with self._reservation:  # given back at the end, whatever it is
            self._set(state)
            if client is not None:
                last = state is LinkState.CLOSED
                try:
                    async with asyncio.timeout(_LAST_DISCONNECT_SECONDS if last else _DISCONNECT_SECONDS):
                        await client.disconnect()
                except BLEAK_ERRORS as error:
                    level = logging.DEBUG if last else logging.WARNING
                    _LOGGER.log(level, "%s did not disconnect cleanly: %s", self.name, _words(error))

    def _set(self, state: LinkState) -> None:
        if state is not self.state:
            self.state = state
            self._on_change()


def _words(error: Exception) -> str:
    return str(error) or "no answer"
