"""A GATT server on a Bumble device, from a typed description; virtual devices are built on it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import operator
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence, Set
from dataclasses import dataclass

from bleak.exc import BleakGATTProtocolErrorCode as ErrorCode
from bleak.uuids import normalize_uuid_str
from bumble import att, core, gatt
from bumble.device import Connection, Device

from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.uncancelled import in_background, undisturbed

_LOGGER = logging.getLogger(__name__)

_QUEUED_INDICATIONS = 32  # for a client that does not acknowledge, the oldest is dropped
_NOTIFICATION, _INDICATION = b"\x1b", b"\x1d"
_NOTIFICATIONS, _INDICATIONS = 0x01, 0x02  # bits of a subscription
_PDU_OVERHEAD = 3  # operation and handle
_NO_SUBSCRIPTIONS: dict[int, bytes] = {}

_PROPERTIES = {
    name: gatt.Characteristic.Properties[name.upper().replace("-", "_")]
    for name in ("read", "write", "write-without-response", "notify", "indicate")
}


class GattError(Exception):
    """Raised by a read or write callback to answer with this ATT error code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"ATT error 0x{code:02X}")
        self.code = code


@dataclass(frozen=True)
class GattCharacteristic:
    """A characteristic with its properties as bleak names them, and its read and write callbacks.

    A write is acknowledged when `write` has returned; `GattError` sets the error code, any other exception is logged
    and answered with "unlikely error". `encrypted`: reading, writing and subscribing need a paired link.
    """

    uuid: str
    properties: Set[str]
    read: Callable[[], bytes] | None = None
    write: Callable[[bytes], Awaitable[None]] | None = None
    encrypted: bool = False

    def __post_init__(self) -> None:
        if unknown := self.properties - _PROPERTIES.keys():
            raise ValueError(f"{self.uuid}: unknown properties {sorted(unknown)}")


@dataclass(frozen=True)
class GattService:
    """A service and its characteristics."""

    uuid: str
    characteristics: Sequence[GattCharacteristic]


class GattServer:
    """Serves `services` on a powered-on device; from `start` to `stop` it advertises while no central is connected."""

    def __init__(self, device: Device, services: Sequence[GattService], advertisement: AdvertisingPacket) -> None:
        self.advertisement = advertisement
        self.on_connection: Callable[[], None] | None = None
        self.on_disconnection: Callable[[], None] | None = None
        self._device = device
        self._server = device.gatt_server
        self._running = False
        self._advertising_switch = asyncio.Lock()
        self._connection: Connection | None = None
        self._attributes: dict[str, gatt.Characteristic[bytes]] = {}
        self._indications: deque[bytes] = deque(maxlen=_QUEUED_INDICATIONS)
        for service in services:
            attributes = [self._add(characteristic) for characteristic in service.characteristics]
            device.add_service(gatt.Service(service.uuid, attributes))
        for attribute in self._server.attributes:
            if not attribute.permissions & att.Attribute.WRITEABLE:
                attribute.write_value = _refuse  # type: ignore[method-assign]  # Bumble has no other hook
        device.on(device.EVENT_CONNECTION, self._on_connection)

    @property
    def connected(self) -> bool:
        """Whether a central is connected."""
        return self._connection is not None

    async def start(self) -> None:
        """Advertise; call it again after changing `advertisement`."""
        self._running = True
        await undisturbed(self._switch_advertising())

    async def stop(self) -> None:
        """Stop advertising and disconnect."""
        self._running = False
        await undisturbed(self._switch_advertising())
        await self.drop_link()

    async def drop_link(self) -> None:
        """Disconnect from this side, if connected."""
        if self._connection is not None:
            with contextlib.suppress(core.BaseBumbleError):
                await undisturbed(self._connection.disconnect())

    def subscribed(self, characteristic_uuid: str) -> bool:
        """Whether the central wants notifications or indications of this characteristic."""
        return self._subscription(self._attributes[characteristic_uuid]) is not None

    def notify(self, characteristic_uuid: str, data: bytes) -> None:
        """Notify or indicate, as subscribed; without a subscription do nothing. Data beyond the MTU is cut off.

        Indications wait for the acknowledgement of the last one; of more than 32 the oldest is dropped.
        """
        connection = self._connection
        attribute = self._attributes[characteristic_uuid]
        subscription = self._subscription(attribute)
        if connection is None or subscription is None:
            return
        value = struct.pack("<H", attribute.handle) + data[: connection.att_mtu - _PDU_OVERHEAD]
        if subscription[0] & _NOTIFICATIONS:
            self._server.send_gatt_pdu(connection, _NOTIFICATION + value)
        elif subscription[0] & _INDICATIONS:
            self._indications.append(_INDICATION + value)
            self._indicate_next(connection)

    def _subscription(self, attribute: gatt.Characteristic[bytes]) -> bytes | None:
        if self._connection is None:
            return None
        return self._server.subscribers.get(self._connection, _NO_SUBSCRIPTIONS).get(attribute.handle) or None

    def _indicate_next(self, connection: Connection) -> None:
        pending = self._server.pending_confirmations
        if connection is not self._connection or not self._indications or pending.get(connection) is not None:
            return

        def on_acknowledgement(_: asyncio.Future[None]) -> None:
            if connection is self._connection:
                pending[connection] = None
                self._indicate_next(connection)

        acknowledgement: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        acknowledgement.add_done_callback(on_acknowledgement)
        pending[connection] = acknowledgement
        self._server.send_gatt_pdu(connection, self._indications.popleft())

    # ---- the link ----

    async def _switch_advertising(self) -> None:
        async with self._advertising_switch:
            await self._device.stop_advertising()
            if self._running and self._connection is None:
                data, response = self.advertisement.encode()
                await self._device.start_advertising(advertising_data=data, scan_response_data=response)

    def _on_connection(self, connection: Connection) -> None:
        self._connection = connection
        self._indications.clear()
        connection.once(connection.EVENT_DISCONNECTION, self._on_link_end)
        if self.on_connection is not None:
            self.on_connection()

    def _on_link_end(self, reason: int) -> None:
        _LOGGER.debug("disconnected: %s", reason)
        self._connection = None
        if self._running:
            in_background(self._advertise_again())
        if self.on_disconnection is not None:
            self.on_disconnection()

    async def _advertise_again(self) -> None:
        try:
            await self._switch_advertising()
        except (core.BaseBumbleError, TimeoutError) as error:
            _LOGGER.warning("cannot advertise again: %s", error)

    # ---- from the description to Bumble's attributes ----

    def _add(self, described: GattCharacteristic) -> gatt.Characteristic[bytes]:
        permissions = gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE
        if described.encrypted:
            permissions |= gatt.Characteristic.READ_REQUIRES_ENCRYPTION
            permissions |= gatt.Characteristic.WRITE_REQUIRES_ENCRYPTION
        attribute: gatt.Characteristic[bytes] = gatt.Characteristic(
            described.uuid,
            functools.reduce(operator.or_, (_PROPERTIES[name] for name in described.properties)),
            permissions,
            gatt.CharacteristicValue(read=_reader(described), write=_writer(described)),
        )
        if described.encrypted and described.properties & {"notify", "indicate"}:
            # Bumble would add this descriptor itself, writable without encryption.
            cccd = gatt.GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR
            attribute.descriptors = [gatt.Descriptor(cccd, permissions, self._server.make_descriptor_value(attribute))]
        # By both spellings, so that `notify` need not convert.
        self._attributes[described.uuid] = self._attributes[normalize_uuid_str(described.uuid)] = attribute
        return attribute


async def _refuse(bearer: att.Bearer, value: bytes) -> None:  # noqa: ARG001 - as Bumble calls it
    """Refuse writes to declarations: Bumble (0.0.236) lets a central overwrite its attribute table."""
    raise att.ATT_Error(ErrorCode.WRITE_NOT_PERMITTED)


def _reader(described: GattCharacteristic) -> Callable[[Connection], bytes]:
    def read(_: Connection) -> bytes:
        if "read" not in described.properties:
            raise att.ATT_Error(ErrorCode.READ_NOT_PERMITTED)
        with _as_att_errors(described.uuid):
            return described.read() if described.read is not None else b""

    return read


def _writer(described: GattCharacteristic) -> Callable[[Connection, bytes], Awaitable[None]]:
    async def write(_: Connection, value: bytes) -> None:
        # Bumble checks no write property, and never answers when a callback raises anything but its own error.
        if described.write is None or not described.properties & {"write", "write-without-response"}:
            raise att.ATT_Error(ErrorCode.WRITE_NOT_PERMITTED)
        with _as_att_errors(described.uuid):
            await described.write(value)

    return write


@contextlib.contextmanager
def _as_att_errors(uuid: str) -> Iterator[None]:
    try:
        yield
    except GattError as error:
        raise att.ATT_Error(error.code) from error
    except Exception as error:
        _LOGGER.exception("the callback of %s failed", uuid)
        raise att.ATT_Error(ErrorCode.UNLIKELY_ERROR) from error
