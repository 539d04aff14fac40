"""The client side of the attribute protocol (ATT): one request at a time, each ended at once when the link is lost.

And what a server has, as bleak's collection of services, characteristics and descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError
from bumble import att
from bumble.device import Connection
from bumble.gatt import GATT_REQUEST_TIMEOUT
from bumble.gatt_client import Client

from devices.virtual.advertising_data import long_uuid
from devices.virtual.uncancelled import in_background

_LOGGER = logging.getLogger(__name__)

_WRITE_OVERHEAD = 3  # of the MTU: operation and handle


class AttClient(Client):
    """Bumble's GATT client with three differences that device control depends on (Bumble 0.0.236).

    A lost link ends every request at once with `BleakError`; Bumble cancels the waiting task or lets it wait 30 s.
    A cancelled request keeps its turn until its answer arrives, so that the answer is never taken for that of the next
    request. And notifications go to one listener per characteristic, without Bumble's cache and subscriber sets.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.listeners: dict[int, Callable[[bytearray], None]] = {}
        self._turn = asyncio.Lock()
        self._long_write = asyncio.Lock()
        self._lost = False

    async def send_request(self, request: att.ATT_PDU) -> att.ATT_PDU:
        """Send a request when it is its turn, and return the answer.

        A task that is cancelled while waiting for its turn has sent nothing.
        """
        await self._turn.acquire()
        if self._lost:
            self._turn.release()
            raise BleakError("Not connected")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[att.ATT_PDU] = loop.create_future()
        self.pending_request, self.pending_response = request, answer
        expiry = loop.call_later(GATT_REQUEST_TIMEOUT, self._expire)

        def end_turn(_: asyncio.Future[att.ATT_PDU]) -> None:
            expiry.cancel()
            self.pending_request = self.pending_response = None
            self._turn.release()

        answer.add_done_callback(end_turn)
        self.send_gatt_pdu(bytes(request))
        return await asyncio.shield(answer)

    def send_write_command(self, handle: int, value: bytes) -> None:
        """Send a write without response at once, ahead of the requests that wait for their turn."""
        if self._lost:
            raise BleakError("Not connected")
        self.send_gatt_pdu(bytes(att.ATT_Write_Command(attribute_handle=handle, attribute_value=value)))

    async def write_long_value(self, attribute_handle: int, value: bytes) -> None:
        """Write in several parts, which the server collects; cancelled, discard the parts. One such write at a time."""
        async with self._long_write:
            try:
                await super().write_long_value(attribute_handle, value)
            except asyncio.CancelledError:
                in_background(self._discard_parts())
                raise

    async def _discard_parts(self) -> None:
        with contextlib.suppress(BleakError):
            await self.send_request(att.ATT_Execute_Write_Request(flags=0))

    def on_disconnection(self, *_args: Any) -> None:
        """Fail the request in flight."""
        self._lost = True
        self.listeners.clear()
        self._fail(BleakError("The connection was lost while waiting for an answer"))

    def on_gatt_pdu(self, att_pdu: att.ATT_PDU) -> None:
        """Dispatch a PDU from the server."""
        match att_pdu:
            case att.ATT_Handle_Value_Notification():
                self._on_notification(att_pdu.attribute_handle, att_pdu.attribute_value)
            case att.ATT_Handle_Value_Indication():
                self.send_confirmation(att.ATT_Handle_Value_Confirmation())
                self._on_notification(att_pdu.attribute_handle, att_pdu.attribute_value)
            case _ if self.pending_response is not None and self.pending_response.done():
                _LOGGER.warning("dropped a second answer to one request")
            case _:
                super().on_gatt_pdu(att_pdu)

    def _on_notification(self, handle: int, value: bytes) -> None:
        listener = self.listeners.get(handle)
        if listener is None:
            _LOGGER.debug("no listener for handle %d", handle)
            return
        try:
            listener(bytearray(value))
        except Exception:
            _LOGGER.exception("a notification callback failed")

    def _expire(self) -> None:
        """Disconnect from a server that does not answer: no more may be sent to it (Core 6.0, Vol 3, Part F, 3.3.3)."""
        self._lost = True
        self._fail(BleakError(f"No answer within {GATT_REQUEST_TIMEOUT:.0f} s"))
        in_background(self.connection.disconnect())

    def _fail(self, error: BleakError) -> None:
        if self.pending_response is not None and not self.pending_response.done():
            self.pending_response.set_exception(error)
            self.pending_response.exception()  # marks it as retrieved: a cancelled caller does not


async def discover(client: AttClient, wanted_services: set[str] | None) -> BleakGATTServiceCollection:
    """Return all services of the server, or the wanted ones (long UUIDs)."""
    services = BleakGATTServiceCollection()
    for found in await client.discover_services():
        uuid = long_uuid(found.uuid)
        if wanted_services is None or uuid in wanted_services:
            service = BleakGATTService(found, found.handle, uuid)
            services.add_service(service)
            for each in await client.discover_characteristics((), found):
                properties = sorted(gatt_char_props_to_strs(int(each.properties)))
                characteristic = BleakGATTCharacteristic(
                    each, each.handle, long_uuid(each.uuid), properties, lambda: client.mtu - _WRITE_OVERHEAD, service
                )
                services.add_characteristic(characteristic)
                for one in await client.discover_descriptors(each):
                    services.add_descriptor(BleakGATTDescriptor(one, one.handle, long_uuid(one.type), characteristic))
    return services
