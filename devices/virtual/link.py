"""The air itself: who hears whom, and the virtual devices and centrals of this process on it."""

from __future__ import annotations

import asyncio
import itertools

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.device import Device
from bumble.link import LocalLink
from bumble.transport.common import TransportSink, TransportSource

from devices.virtual.controller import AirController, AirHost

# Connecting does not wait for it (see `Air.solicit`), so it only bounds how soon a scanner hears a change.
ADVERTISING_INTERVAL_MS = 100.0


def as_static(device: Device) -> None:
    """Pair under the random static address that the device is seen with, not under its controller's public one."""
    device.config.identity_address_type = hci.AddressType.RANDOM_DEVICE


class Central(Device):
    """A Bumble device in the central role. `gone` is done when the controller behind it went away."""

    gone: asyncio.Future[None] | None = None

    async def find_peer_by_identity_address(self, identity_address: hci.Address) -> hci.Address:
        """Return the address as it is: the backend asks for an address that it has just heard.

        Bumble would scan once more for a bonded peer, without a limit, and stop the scan of others afterwards.
        """
        return identity_address


class Air(LocalLink):
    """Joins controllers, in the order in which they came, with each connection's own addresses.

    Bumble's link looks controllers up in a set (no order) and always answers with the sender's random address, which
    a host with a public address (the Linux kernel) does not know.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Bumble leaves it unannotated
        self._members: list[AirController] = []
        self._numbers = itertools.count(1)

    async def add_central(self, address: str | None = None) -> Central:
        """Return a central in this process, powered on. Its address is the same in every run unless one is given."""
        number = next(self._numbers)
        device = Central(name="central", address=_own_address(number, address), host=self._host("central", number))
        as_static(device)
        await device.power_on()
        return device

    async def add_peripheral(self, name: str, address: str | None = None) -> Device:
        """Return a peripheral in this process, powered on and silent. Its address is the same in every run, too."""
        number = next(self._numbers)
        device = Device(name=name, address=_own_address(number, address), host=self._host(name, number))
        device.advertising_interval_min = device.advertising_interval_max = ADVERTISING_INTERVAL_MS
        as_static(device)
        await device.power_on()
        return device

    def remove(self, device: Device) -> None:
        """Take a device of this process off the air, as if its battery died."""
        if isinstance(device.host, AirHost):
            self.remove_controller(device.host.air_controller)

    def lose_link(self, device: Device) -> None:
        """End the connections of a device of this process the way a lost radio does."""
        if isinstance(device.host, AirHost):
            device.host.air_controller.lose_links()

    def attach(self, name: str, source: TransportSource, sink: TransportSink) -> AirController:
        """Put a controller on the air for a host at the other end of a transport."""
        return AirController(name, self, _public_address(next(self._numbers)), source, sink)

    def _host(self, name: str, number: int) -> AirHost:
        return AirHost(AirController(name, self, _public_address(number)))

    # ---- what controllers ask of the air ----

    def add_controller(self, controller: Controller) -> None:
        """Let a controller hear and be heard."""
        if not isinstance(controller, AirController):
            raise TypeError("only an AirController can join this air")
        self._members.append(controller)

    def remove_controller(self, controller: Controller) -> None:
        """Drop its connections as lost, and forget it."""
        if isinstance(controller, AirController) and controller in self._members:
            controller.lose_links()
            controller.stop_advertising()
            self._members.remove(controller)

    def is_advertising(self, address: hci.Address) -> bool:
        """Say whether anything can be connected to at `address`."""
        return any(member.scan_response(address) is not None for member in self._members)

    def solicit(self) -> None:
        """Let every advertiser be heard at once.

        A radio would take an interval. Here a listener hears what is there without any timer, so that simulated time
        stands still while a device connects.
        """
        if any(member.listening for member in self._members):
            for member in self._members:
                member.advertise_now()

    def other_side(self, connection: Connection) -> Connection | None:
        """Return the peer's end of a connection."""
        for member in self._members:
            other = member.le_connections.get(connection.self_address)
            if other is not None and other.self_address == connection.peer_address:
                return other
        return None

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Spread an advertisement to those who listen, or ask an advertiser for a connection."""
        if sender_controller not in self._members:
            return  # taken off the air; its host may not know
        match packet:
            case ll.ConnectInd():
                # At once, so that two hosts cannot both believe to have it.
                for member in self._members:
                    if member is not sender_controller:
                        member.on_le_connect_ind(packet)
            case ll.AdvInd() | ll.AdvExtInd() if isinstance(sender_controller, AirController):
                answer = sender_controller.scan_response(packet.advertiser_address) or b""
                loop = asyncio.get_running_loop()
                for member in self._members:
                    if member is not sender_controller and member.listening:
                        loop.call_soon(member.hear, packet, answer)

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry data to the peer of a connection."""
        connection = sender_controller.le_connections.get(destination_address)
        other = self.other_side(connection) if connection is not None else None
        if connection is not None and other is not None:
            deliver = other.controller.on_link_acl_data
            asyncio.get_running_loop().call_soon(deliver, connection.self_address, transport, data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Carry a link-layer message to the peer of a connection, if it still has one."""
        for member in self._members:
            other = member.le_connections.get(sender_address)
            if other is not None and other.self_address == receiver_address:
                asyncio.get_running_loop().call_soon(member.on_ll_control_pdu, sender_address, packet)
                return


def _own_address(number: int, address: str | None) -> hci.Address:
    """Return a random static address."""
    return hci.Address(address or f"F0:F1:F2:F3:{number >> 8:02X}:{number & 0xFF:02X}")


def _public_address(number: int) -> hci.Address:
    return hci.Address(f"00:F1:F2:F3:{number >> 8:02X}:{number & 0xFF:02X}", hci.AddressType.PUBLIC_DEVICE)
