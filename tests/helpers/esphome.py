"""A small stand-in for an ESPHome Bluetooth proxy: the real messages, in plain text, over the virtual air."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aioesphomeapi import api_pb2 as api
from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO
from aioesphomeapi.model import BluetoothProxyFeature
from bumble import core, hci
from bumble.att import ATT_Error
from bumble.device import Advertisement, Connection, Peer
from bumble.gatt_client import CharacteristicProxy
from google.protobuf.message import Message

from devices.virtual.transports import Air
from devices.virtual.virtual_air import Central

_NUMBERS = {kind: number for number, kind in MESSAGE_TYPE_TO_PROTO.items()}
_TYPES = api.BluetoothDeviceRequestType
_FEATURES = (
    BluetoothProxyFeature.PASSIVE_SCAN
    | BluetoothProxyFeature.ACTIVE_CONNECTIONS
    | BluetoothProxyFeature.REMOTE_CACHING
    | BluetoothProxyFeature.RAW_ADVERTISEMENTS
)


class Proxy:
    """One proxy. `connections`: how many it can hold; `features`: what it says it can do."""

    def __init__(self, air: Air, *, connections: int = 3, features: int = _FEATURES, name: str = "nursery") -> None:
        self.connections = connections
        self.features = features
        self.name = name
        self.port = 0
        self.requests: list[str] = []
        self.mute = False  # it is on, and answers nothing
        self.turn = asyncio.Lock()  # Bumble connects to one device at a time
        self._air = air
        self._central: Central
        self._server: asyncio.Server
        self._hosts: set[_Host] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Be there for the block."""
        self._central = await self._air.add_central()
        await self.plug_in()
        try:
            yield self
        finally:
            await self.pull_out()

    async def plug_in(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pull_out(self) -> None:
        """Lose its power: everything it held is lost."""
        self._server.close()
        for host in list(self._hosts):
            await host.end()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = _Host(self, self._central, writer)
        self._hosts.add(host)
        try:
            while True:
                await host.take(*await _read(reader))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._hosts.discard(host)
            await host.end()


class _Host:
    """One controller that is connected to the proxy."""

    def __init__(self, proxy: Proxy, central: Central, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._central = central
        self._writer = writer
        self._peers: dict[int, Peer] = {}
        self._characteristics: dict[tuple[int, int], CharacteristicProxy[bytes]] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._answers: dict[type[Message], Callable[[Any], Awaitable[None]]] = {
            api.HelloRequest: self._hello,
            api.DeviceInfoRequest: self._info,
            api.PingRequest: self._ping,
            api.DisconnectRequest: self._bye,
            api.SubscribeBluetoothConnectionsFreeRequest: self._free,
            api.SubscribeBluetoothLEAdvertisementsRequest: self._scan,
            api.UnsubscribeBluetoothLEAdvertisementsRequest: self._hush,
            api.BluetoothDeviceRequest: self._device,
            api.BluetoothGATTGetServicesRequest: self._services,
            api.BluetoothGATTReadRequest: self._read,
            api.BluetoothGATTWriteRequest: self._write,
            api.BluetoothGATTNotifyRequest: self._notify,
            api.BluetoothGATTWriteDescriptorRequest: self._write_descriptor,
        }

    async def take(self, kind: type[Message], payload: bytes) -> None:
        """Begin to answer a request."""
        request = kind()
        request.ParseFromString(payload)
        self._proxy.requests.append(kind.__name__)
        if kind in self._answers and not self._proxy.mute:
            task = asyncio.create_task(self._answer(self._answers[kind], request))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _answer(self, answer: Callable[[Any], Awaitable[None]], request: Any) -> None:
        try:
            await answer(request)
        except ATT_Error as error:
            refused = api.BluetoothGATTErrorResponse(address=request.address, handle=request.handle)
            refused.error = error.error_code
            self._send(refused)
        except (TimeoutError, core.BaseBumbleError):
            self._send(api.BluetoothGATTErrorResponse(address=request.address, error=-1))

    async def end(self) -> None:
        """Close everything."""
        self._central.remove_all_listeners("advertisement")
        for task in list(self._work):
            task.cancel()
        for peer in list(self._peers.values()):
            with contextlib.suppress(core.BaseBumbleError):
                await peer.connection.disconnect()
        self._peers.clear()
        self._writer.close()

    def _send(self, message: Message) -> None:
        data = message.SerializeToString()
        self._writer.write(b"\0" + _varint(len(data)) + _varint(_NUMBERS[type(message)]) + data)

    # Itself

    async def _hello(self, _: Any) -> None:
        self._send(api.HelloResponse(api_version_major=1, api_version_minor=10, server_info="", name=self._proxy.name))

    async def _info(self, _: Any) -> None:
        self._send(
            api.DeviceInfoResponse(
                name=self._proxy.name,
                mac_address="AA:BB:CC:00:00:01",
                bluetooth_mac_address="AA:BB:CC:00:00:02",
                bluetooth_proxy_feature_flags=self._proxy.features,
            )
        )

    async def _ping(self, _: Any) -> None:
        self._send(api.PingResponse())

    async def _bye(self, _: Any) -> None:
        self._send(api.DisconnectResponse())

    async def _free(self, _: Any) -> None:
        free = self._proxy.connections - len(self._peers)
        self._send(
            api.BluetoothConnectionsFreeResponse(free=free, limit=self._proxy.connections, allocated=self._peers)
        )

    # What is near

    async def _scan(self, _: Any) -> None:
        def on_advertisement(advertisement: Advertisement) -> None:
            raw = api.BluetoothLERawAdvertisement(
                address=_number(advertisement.address),
                rssi=advertisement.rssi,
                address_type=int(advertisement.address.address_type),
                data=bytes(advertisement.data),
            )
            self._send(api.BluetoothLERawAdvertisementsResponse(advertisements=[raw]))

        self._central.on("advertisement", on_advertisement)
        if not self._central.is_scanning:
            await self._central.start_scanning(active=True, filter_duplicates=False)

    async def _hush(self, _: Any) -> None:
        self._central.remove_all_listeners("advertisement")

    # Connections

    async def _device(self, request: Any) -> None:
        if request.request_type == _TYPES.BLUETOOTH_DEVICE_REQUEST_TYPE_DISCONNECT:
            peer = self._peers.get(request.address)
            if peer is not None:
                await peer.connection.disconnect()
            else:
                self._send(api.BluetoothDeviceConnectionResponse(address=request.address, connected=False))
            return
        try:
            async with self._proxy.turn:
                self._check_that_one_is_free()
                connection = await self._central.connect(_address(request), timeout=5)
        except (core.BaseBumbleError, TimeoutError):
            self._send(api.BluetoothDeviceConnectionResponse(address=request.address, connected=False, error=133))
            return
        peer = self._peers[request.address] = Peer(connection)
        connection.once(Connection.EVENT_DISCONNECTION, lambda reason: self._lost(request.address, reason))
        mtu = await peer.request_mtu(247)
        await self._free(None)
        self._send(api.BluetoothDeviceConnectionResponse(address=request.address, connected=True, mtu=mtu))

    def _check_that_one_is_free(self) -> None:
        if len(self._peers) >= self._proxy.connections:
            raise TimeoutError

    def _lost(self, address: int, _reason: int) -> None:
        self._peers.pop(address, None)
        if not self._writer.is_closing():
            self._send(api.BluetoothDeviceConnectionResponse(address=address, connected=False))
            task = asyncio.create_task(self._free(None))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _services(self, request: Any) -> None:
        peer = self._peers[request.address]
        for service in await peer.discover_services():
            found = api.BluetoothGATTService(uuid=_words(service.uuid), handle=service.handle)
            for each in await peer.discover_characteristics(service=service):
                self._characteristics[request.address, each.handle] = each
                described = found.characteristics.add(
                    uuid=_words(each.uuid), handle=each.handle, properties=int(each.properties)
                )
                for descriptor in await peer.discover_descriptors(each):
                    described.descriptors.add(uuid=_words(descriptor.type), handle=descriptor.handle)
            self._send(api.BluetoothGATTGetServicesResponse(address=request.address, services=[found]))
        self._send(api.BluetoothGATTGetServicesDoneResponse(address=request.address))

    async def _read(self, request: Any) -> None:
        value = await self._peers[request.address].gatt_client.read_value(request.handle)
        self._send(api.BluetoothGATTReadResponse(address=request.address, handle=request.handle, data=bytes(value)))

    async def _write(self, request: Any) -> None:
        client = self._peers[request.address].gatt_client
        await client.write_value(request.handle, request.data, with_response=request.response)
        if request.response:
            self._send(api.BluetoothGATTWriteResponse(address=request.address, handle=request.handle))

    async def _notify(self, request: Any) -> None:
        """Pass on what comes: the host writes the descriptor that asks for it itself."""

        def pass_on(value: bytes) -> None:
            self._send(api.BluetoothGATTNotifyDataResponse(address=request.address, handle=request.handle, data=value))

        client = self._peers[request.address].gatt_client
        for subscribers in (client.notification_subscribers, client.indication_subscribers):
            subscribers[request.handle] = {pass_on} if request.enable else set()
        self._send(api.BluetoothGATTNotifyResponse(address=request.address, handle=request.handle))

    async def _write_descriptor(self, request: Any) -> None:
        await self._peers[request.address].gatt_client.write_value(request.handle, request.data, with_response=True)
        self._send(api.BluetoothGATTWriteResponse(address=request.address, handle=request.handle))


async def _read(reader: asyncio.StreamReader) -> tuple[type[Message], bytes]:
    assert await reader.readexactly(1) == b"\0"
    length, number = await _read_varint(reader), await _read_varint(reader)
    return MESSAGE_TYPE_TO_PROTO[number], await reader.readexactly(length)


async def _read_varint(reader: asyncio.StreamReader) -> int:
    number = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _number(address: hci.Address) -> int:
    return int.from_bytes(bytes(address), "little")


def _address(request: Any) -> hci.Address:
    return hci.Address(request.address.to_bytes(6, "little"), hci.AddressType(request.address_type))


def _words(uuid: core.UUID) -> list[int]:
    number = int.from_bytes(uuid.to_bytes(force_128=True), "little")
    return [number >> 64, number & (1 << 64) - 1]
