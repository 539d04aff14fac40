"""A bleak client over a Bumble central."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bleak.uuids import normalize_uuid_16
from bumble.device import Connection

from devices.virtual.att_client import AttClient, discover
from devices.virtual.central import CentralRadio, as_bleak_errors
from devices.virtual.uncancelled import in_background

_LOGGER = logging.getLogger(__name__)

_MTU = 247  # what most devices settle on; it fills one link-layer packet
_DISCONNECT_SECONDS = 10.0
_CCCD = normalize_uuid_16(0x2902)
_NO_SUBSCRIPTION, _NOTIFICATIONS, _INDICATIONS = b"\x00\x00", b"\x01\x00", b"\x02\x00"


class BumbleClient(BaseBleakClient):
    """One device's connection. Subclasses give it a `radio`.

    The disconnected callback is called once for a connection that `connect` has made, whichever side ends it.
    """

    radio: ClassVar[CentralRadio]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None = None,
        services: set[str] | None = None,
        timeout: float = 30.0,
        **_options: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self.address = self.address.upper()
        self._seen_before = isinstance(address_or_ble_device, BLEDevice)
        self._name = address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        self._wanted_services = services
        self._connection: Connection | None = None
        self._att: AttClient | None = None
        self._lost: asyncio.Future[None] | None = None
        self._ready = False

    @property
    def name(self) -> str:
        """The advertised name, or the address."""
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The negotiated MTU; the default of 23 while not connected."""
        return self._att.mtu if self._att is not None else 23

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """Wait for the device to advertise, connect, pair if asked to, and discover its services."""
        if self.is_connected:
            raise BleakError("Client is already connected")
        timeout = kwargs.get("timeout", self._timeout)
        try:
            async with asyncio.timeout(timeout):
                connection = await self.radio.connect(self.address)
        except TimeoutError:
            message = f"Device with address {self.address} was not found within {timeout:g} s."
            if self._seen_before:
                # Not `BleakDeviceNotFoundError`: bleak-retry-connector (4.7) then suspects a lack of connection slots,
                # and tries nine times with pauses of 4 s.
                raise BleakError(message) from None
            raise BleakDeviceNotFoundError(self.address, message) from None
        self._adopt_connection(connection)
        try:
            async with asyncio.timeout(timeout):
                await self._prepare(pair)
        except BaseException:
            await self.disconnect()
            raise
        self._require_connection()  # it may be lost already
        self._ready = True

    def _adopt_connection(self, connection: Connection) -> None:
        self._connection = connection
        self._att = connection.gatt_client = AttClient(connection)
        self._lost = asyncio.get_running_loop().create_future()
        connection.once(connection.EVENT_DISCONNECTION, self._on_disconnection)
        if self.radio.central.connections.get(connection.handle) is not connection:
            self._on_disconnection(0)  # it was lost before the callback was registered
            raise BleakError("The connection was lost")

    async def _prepare(self, pair: bool) -> None:
        att_client = self._require_att()
        with as_bleak_errors():
            await att_client.request_mtu(_MTU)
        connection, keystore = self._require_connection(), self.radio.central.keystore
        if keystore is not None and await keystore.get(str(connection.peer_address)) is not None:
            await self._await_unless_lost(connection.encrypt())  # bonded
        elif pair:
            await self.pair()
        with as_bleak_errors():
            self.services = await discover(att_client, self._wanted_services)

    def _on_disconnection(self, reason: int) -> None:
        _LOGGER.debug("disconnected: %s", reason)
        self._connection = self._att = self.services = None
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)
        was_ready, self._ready = self._ready, False  # a connection that was never ready has no callback
        if was_ready and self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """Disconnect. Afterwards there is no connection, even after an error."""
        connection = self._connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(_DISCONNECT_SECONDS):
                await self._await_unless_lost(connection.disconnect())
        except (BleakError, TimeoutError) as error:
            _LOGGER.debug("disconnecting ended with %r", error)
        finally:
            if self._connection is connection:
                self._on_disconnection(0)

    async def _await_unless_lost(self, operation: Coroutine[Any, Any, object]) -> None:
        """Await a Bumble operation; raise `BleakError` when the link is lost, where Bumble hangs or cancels it."""
        task = in_background(operation)
        waiting: set[asyncio.Future[Any]] = {task} if self._lost is None else {task, self._lost}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() or task.cancelled():
            raise BleakError("The connection was lost")
        with as_bleak_errors():
            task.result()

    def _require_connection(self) -> Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    def _require_att(self) -> AttClient:
        if self._att is None:
            raise BleakError("Not connected")
        return self._att

    # ---- pairing ----

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        """Pair and bond, unless the link is encrypted already."""
        connection = self._require_connection()
        if not connection.is_encrypted:
            await self._await_unless_lost(connection.pair())

    async def unpair(self) -> None:
        """Forget the bond, if there is one, and disconnect."""
        await self.disconnect()
        keystore = self.radio.central.keystore
        for name in (self.address, f"{self.address}/P"):  # Bumble marks public addresses
            if keystore is not None and await keystore.get(name) is not None:
                await keystore.delete(name)

    # ---- values ----

    async def read_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        *,
        use_cached: bool = False,  # noqa: ARG002 (there is no cache)
        **_kwargs: Any,
    ) -> bytearray:
        """Read a characteristic."""
        return await self._read(characteristic.handle)

    async def read_gatt_descriptor(
        self,
        descriptor: BleakGATTDescriptor,
        *,
        use_cached: bool = False,  # noqa: ARG002 (there is no cache)
        **_kwargs: Any,
    ) -> bytearray:
        """Read a descriptor."""
        return await self._read(descriptor.handle)

    async def _read(self, handle: int) -> bytearray:
        with as_bleak_errors():
            return bytearray(await self._require_att().read_value(handle))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        """Write a characteristic. Without response it is sent at once, ahead of requests that wait for their turn."""
        if response:
            await self._write(characteristic.handle, data)
            return
        limit = characteristic.max_write_without_response_size
        if len(data) > limit:
            raise BleakError(f"{len(data)} bytes are too many to write without response; {limit} are the most")
        self._require_att().send_write_command(characteristic.handle, bytes(data))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """Write a descriptor."""
        await self._write(descriptor.handle, data)

    async def _write(self, handle: int, data: SizedBuffer) -> None:
        with as_bleak_errors():
            await self._require_att().write_value(handle, bytes(data), with_response=True)

    # ---- notifications ----

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_kwargs: Any
    ) -> None:
        """Subscribe to notifications, or to indications if there are no notifications."""
        if "notify" in characteristic.properties:
            subscription = _NOTIFICATIONS
        elif "indicate" in characteristic.properties:
            subscription = _INDICATIONS
        else:
            raise BleakError(f"{characteristic.uuid} neither notifies nor indicates")
        att_client = self._require_att()
        att_client.listeners[characteristic.handle] = callback
        try:
            await self._write(_cccd(characteristic).handle, subscription)
        except BaseException:
            att_client.listeners.pop(characteristic.handle, None)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        att_client = self._require_att()
        await self._write(_cccd(characteristic).handle, _NO_SUBSCRIPTION)
        att_client.listeners.pop(characteristic.handle, None)


def _cccd(characteristic: BleakGATTCharacteristic) -> BleakGATTDescriptor:
    descriptor = characteristic.get_descriptor(_CCCD)
    if descriptor is None:
        raise BleakError(f"{characteristic.uuid} has no descriptor to subscribe with")
    return descriptor
