"""Transports of HCI: serve a controller on the virtual air to another process, or use one that is served or real.

The air itself and its devices in this process are in `virtual_air`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator
from typing import TypeVar

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import Device
from bumble.host import Host
from bumble.transport import open_transport
from bumble.transport.common import StreamPacketSink, StreamPacketSource, Transport

from devices.errors import AdapterUnavailableError, PortInUseError
from devices.virtual.air_controller import AirController
from devices.virtual.virtual_air import ADVERTISING_INTERVAL_MS, Air, Central, as_static

__all__ = ["Air", "Central", "open_central", "open_peripheral_host", "serve_controller"]

_LOGGER = logging.getLogger(__name__)

_ANSWER_SECONDS = 10.0  # how long a controller may take to answer a host that powers it on
_RESET_SECONDS = 1.0  # how long it may take to end connections when the host is done with it

_D = TypeVar("_D", bound=Device)


class _ServedHost(StreamPacketSource):
    """A host in another process, connected over TCP, and its controller."""

    def __init__(self, air: Air, served: set[asyncio.WriteTransport]) -> None:
        super().__init__()
        self._air = air
        self._served = served
        self._transport: asyncio.WriteTransport | None = None
        self._controller: AirController | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Put a new controller on the air."""
        if not isinstance(transport, asyncio.WriteTransport):
            raise TypeError("a host needs a connection that can be written to")
        self._transport = transport
        self._served.add(transport)
        self._controller = self._air.attach("served", self, StreamPacketSink(transport))
        _LOGGER.info("a host connected to the virtual radio")

    def connection_lost(self, exc: Exception | None) -> None:
        """Lose the controller's links, so that the devices see that its host is gone."""
        _LOGGER.info("a host disconnected from the virtual radio: %s", exc or "closed")
        if self._controller is not None and self._transport is not None:
            self._air.remove_controller(self._controller)
            self._served.discard(self._transport)
        self.on_transport_lost()


@contextlib.asynccontextmanager
async def serve_controller(air: Air, transport_name: str) -> AsyncIterator[str]:
    """Give hosts on `transport_name` a controller on `air`; yield the name by which a host reaches it.

    On `tcp-server:HOST:PORT` (port 0: any free one) every connection gets a new controller, and when it ends, the
    host's links are lost like those of a radio out of reach. Other transports of Bumble (such as `vhci`) carry one.
    """
    if transport_name.startswith("tcp-server:"):
        async with _serve_tcp(air, transport_name) as name:
            yield name
        return
    transport = await _open(transport_name)
    controller = air.attach("served", transport.source, transport.sink)
    transport.source.terminated.add_done_callback(lambda _: air.remove_controller(controller))
    try:
        yield transport_name
    finally:
        air.remove_controller(controller)
        await transport.close()


@contextlib.asynccontextmanager
async def _serve_tcp(air: Air, transport_name: str) -> AsyncIterator[str]:
    # Bumble's own tcp-server does not report the end of its client's connection (0.0.236).
    host, _, port = transport_name.removeprefix("tcp-server:").rpartition(":")
    served: set[asyncio.WriteTransport] = set()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: _ServedHost(air, served), None if host == "_" else host, int(port)
        )
    except (OSError, ValueError, OverflowError) as error:
        problem = f"cannot listen on {transport_name} ({error})"
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortInUseError(problem, "choose another port") from error
        raise AdapterUnavailableError(problem, "correct its host and port") from error
    try:
        yield f"tcp-client:{'127.0.0.1' if host == '_' else host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for transport in list(served):
            transport.abort()
        await asyncio.sleep(0)  # for the `connection_lost` of those just ended
        await server.wait_closed()


def open_central(transport_name: str) -> contextlib.AbstractAsyncContextManager[Central]:
    """Yield a central, powered on, whose controller is at `transport_name` (`tcp-client:HOST:PORT`, `usb:0`)."""
    return _open_device(Central, "central", transport_name)


@contextlib.asynccontextmanager
async def open_peripheral_host(transport_name: str, name: str = "peripheral") -> AsyncIterator[Device]:
    """Yield a peripheral, powered on and not advertising, whose controller is at `transport_name`."""
    async with _open_device(Device, name, transport_name) as device:
        device.advertising_interval_min = device.advertising_interval_max = ADVERTISING_INTERVAL_MS
        yield device


@contextlib.asynccontextmanager
async def _open_device(kind: type[_D], name: str, transport_name: str) -> AsyncIterator[_D]:
    transport = await _open(transport_name)
    try:
        host = Host(transport.source, transport.sink)
        device = kind(name=name, address=hci.Address.generate_static_address(), host=host)
        if isinstance(device, Central):
            device.gone = transport.source.terminated
        as_static(device)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await device.power_on()
        except (BaseBumbleError, TimeoutError) as error:
            raise AdapterUnavailableError(
                f"the Bluetooth controller at {transport_name} does not answer", "unplug it, or restart what serves it"
            ) from error
        try:
            yield device
        finally:
            if not transport.source.terminated.done():
                await _reset_controller(device)
    finally:
        await transport.close()


async def _reset_controller(device: Device) -> None:
    """Reset the controller: a real one would keep its connections and its advertising without a host."""
    with contextlib.suppress(BaseBumbleError, TimeoutError):
        async with asyncio.timeout(_RESET_SECONDS):
            await device.host.send_sync_command(hci.HCI_Reset_Command())
            await device.power_off()


async def _open(transport_name: str) -> Transport:
    try:
        return await open_transport(transport_name)
    except Exception as error:  # each transport has its own exceptions, some of them plain `Exception`
        scheme = transport_name.partition(":")[0]
        remedy = _REMEDIES.get(scheme, "name one such as usb:0, tcp-server:HOST:PORT or tcp-client:HOST:PORT")
        raise AdapterUnavailableError(
            f"cannot open the Bluetooth transport {transport_name} ({error})", remedy
        ) from error


_REMEDIES = {
    "tcp-client": "first start what serves the virtual devices there, or correct the address",
    "usb": "plug in an adapter that no other program uses, and make sure that you may write to it",
    "vhci": "load the kernel module hci_vhci, and make sure that you may write to /dev/vhci",
}
