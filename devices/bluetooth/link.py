"""The connection to one device: found, connected, lost, reconnected. Carries bytes; the driver knows what they mean."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import bleak
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakGATTProtocolError

from devices.bluetooth.advertisement import Advertisement, Wanted, masked
from devices.bluetooth.backend import BLEAK_ERRORS
from devices.bluetooth.lane import Lane
from devices.bluetooth.radio import Radio
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.roles import LinkState
from devices.support.clock import Clock
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

_ANSWER_SECONDS = 2.0  # the ATT protocol allows 30 s, which is too long for a pump on a breast
# bluetoothd (5.66) waits 2 s before it ends a connection. When this process ends, bluetoothd does it by itself.
_DISCONNECT_SECONDS = 5.0
_LAST_DISCONNECT_SECONDS = 0.5
_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 30.0


@dataclass(frozen=True)
class CharacteristicRef:
    """Identifies a characteristic by the UUIDs of its service and itself, or by its handle."""

    service: str | None = None
    characteristic: str | None = None
    handle: int | None = None

    def __str__(self) -> str:
        return self.characteristic or f"{self.handle or 0:#06x}"


class Link:
    """Keeps one device connected while `run` runs.

    `on_connected` is awaited after each connection and before commands are accepted; if it raises, the device is
    disconnected, and connected again later. `on_change` is called whenever `state` changes. `problem`: why there is no
    connection. `lane` executes commands one at a time; a stop bypasses it.
    """

    def __init__(
        self,
        radio: Radio,
        clock: Clock,
        name: str,
        wanted: Wanted,
        on_connected: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.state = LinkState.SEARCHING
        self.problem: str | None = None
        self.lane = Lane()
        self.advertisement: Advertisement | None = None
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
        """Whether commands are accepted now."""
        return self.state is LinkState.CONNECTED

    @property
    def has_link(self) -> bool:
        """Whether there is a connection, even if its setup is not finished."""
        return self._client is not None and not self._lost.is_set()

    def characteristics(self) -> list[tuple[str, str]]:
        """Return all characteristics of the device, as (service, characteristic)."""
        if self._client is None:
            return []
        try:
            characteristics = list(self._client.services.characteristics.values())
        except BLEAK_ERRORS:  # the services were dropped with the connection
            return []
        return [(each.service_uuid.lower(), each.uuid.lower()) for each in characteristics]

    def drop(self) -> None:
        """End the connection as if it were lost; `run` connects again. Without one, nothing happens."""
        self._lost.set()

    async def run(self) -> None:
        """Keep the device connected, until cancelled. Reconnect after 1 s, and later after up to 30 s."""
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        seen_since_seconds = self._clock.now() - 10
        mismatches = 0  # consecutive connections whose characteristics did not match the profile
        try:
            while True:
                try:
                    await self._connect(seen_since_seconds)
                    backoff_seconds = _FIRST_BACKOFF_SECONDS
                    await self._lost.wait()
                    self.problem, mismatches = "the link was lost", 0
                except DeviceError as error:
                    self.problem = str(error)
                    mismatches = mismatches + 1 if isinstance(error, ProtocolError) else 0
                _LOGGER.info("%s: %s; reconnecting in %g s", self.name, self.problem, backoff_seconds)
                await self._drop(LinkState.LOST)
                if mismatches % 2 == 0 < mismatches and self.advertisement is not None:
                    # Only after disconnecting, and every other time: BlueZ (5.66) may notice by itself that the
                    # services have changed, and then has the new ones at the next connection.
                    await self._radio.forget_services(self.advertisement)
                seen_since_seconds = self._clock.now()
                await self._clock.sleep(backoff_seconds)
                backoff_seconds = min(backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)
        finally:
            await self._drop(LinkState.CLOSED)

    async def write(self, ref: CharacteristicRef, data: bytes, *, response: bool) -> None:
        """Write at once, bypassing the lane. With `response`, return when the device has acknowledged.

        Raise `LinkLostError` (nothing was sent), `RefusedError` (the device rejected it) or `UncertainError`.
        """
        client, target = self._target(ref)
        try:
            with span("write", device=self.name, acknowledged=str(response).lower()):
                async with self._clock.timeout(_ANSWER_SECONDS):
                    await client.write_gatt_char(target, data, response=response)
        except BleakGATTProtocolError as error:
            raise RefusedError(f"{self.name} rejected the write: {error.args[-1]}") from error
        except BLEAK_ERRORS as error:
            raise UncertainError(f"{self.name} did not acknowledge a write: {_words(error)}") from error

    async def read(self, ref: CharacteristicRef) -> bytes:
        """Read a characteristic. Raise `LinkLostError` or `ProtocolError`."""
        client, target = self._target(ref)
        try:
            async with self._clock.timeout(_ANSWER_SECONDS):
                return bytes(await client.read_gatt_char(target))
        except BLEAK_ERRORS as error:
            self._raise_read(error)

    async def subscribe(
        self, ref: CharacteristicRef, callback: Callable[[bytes], None], *, acquire_notify: bool = False
    ) -> None:
        """Call `callback` with every notification or indication of a characteristic during this connection.

        `acquire_notify`: use BlueZ's AcquireNotify, with which some devices fail; bleak (3.0.2) prefers StartNotify.
        Raise `LinkLostError` or `ProtocolError`.
        """
        client, target = self._target(ref)
        lost = self._lost

        def on_notification(_: BleakGATTCharacteristic, data: bytearray) -> None:
            if not lost.is_set():  # nothing counts that arrives after the connection was given up
                callback(bytes(data))

        options: dict[str, Any] = {"bluez": {"use_start_notify": not acquire_notify}}
        try:
            async with self._clock.timeout(_ANSWER_SECONDS):
                await client.start_notify(target, on_notification, **options)
        except BLEAK_ERRORS as error:
            self._raise_read(error)

    def properties(self, ref: CharacteristicRef) -> frozenset[str]:
        """Return bleak's properties of a characteristic, such as `notify`; an empty set if the device lacks it."""
        with contextlib.suppress(DeviceError):
            return frozenset(self._target(ref)[1].properties)
        return frozenset()

    def _raise_read(self, error: Exception) -> NoReturn:
        if self._lost.is_set():
            raise LinkLostError(f"{self.name}: the link was lost") from error
        if isinstance(error, BleakGATTProtocolError):
            raise ProtocolError(f"{self.name} rejected the read: {error.args[-1]}") from error
        raise ProtocolError(f"{self.name} did not answer: {_words(error)}") from error

    def _target(self, ref: CharacteristicRef) -> tuple[bleak.BleakClient, BleakGATTCharacteristic]:
        if self._client is None or self._lost.is_set():
            raise LinkLostError(f"{self.name} is not connected")
        try:
            characteristics = list(self._client.services.characteristics.values())
        except BLEAK_ERRORS as error:  # the services were dropped with the connection
            raise LinkLostError(f"{self.name} is not connected") from error
        # The value handle is one above the declaration handle, and bleak (3.1) reports the latter on BlueZ.
        handles = () if ref.handle is None else (ref.handle, ref.handle - 1)
        for wanted in ((ref.service, ref.characteristic), *handles):
            for each in characteristics:
                if wanted in ((each.service_uuid.lower(), each.uuid.lower()), each.handle):
                    return self._client, each
        raise ProtocolError(f"{self.name} has no characteristic {ref}; is it another model?")

    async def _connect(self, seen_since_seconds: float) -> None:
        self._set(LinkState.SEARCHING)
        await self._radio.disconnect_unused(self._wanted)
        self.advertisement = advertisement = await self._radio.find(self._wanted, seen_since_seconds)
        self._reservation.enter_context(self._radio.reserved(advertisement.address, self.name))
        self._set(LinkState.CONNECTING)
        self._lost = lost = asyncio.Event()
        self._client = await self._radio.connect(advertisement, self.name, lambda: self._on_lost(lost))
        try:
            await self._on_connected()
        except ProtocolError:
            if not lost.is_set():
                raise
            # Otherwise the characteristics were missing because the link was lost.
        if lost.is_set():
            raise LinkLostError(f"{self.name}: the link was lost while it was set up")
        self.problem = None
        _LOGGER.info("%s is connected (%s, %d dBm)", self.name, masked(advertisement.address), advertisement.rssi_dbm)
        self._set(LinkState.CONNECTED)

    def _on_lost(self, lost: asyncio.Event) -> None:
        lost.set()
        if lost is self._lost and self.state is LinkState.CONNECTED:
            self._set(LinkState.LOST)

    async def _drop(self, state: LinkState) -> None:
        client, self._client = self._client, None
        self._lost.set()
        with self._reservation:  # released whatever happens
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
