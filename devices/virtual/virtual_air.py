"""The virtual radio medium: delivers PDUs between controllers, and creates the peripherals and centrals on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.device import Device
from bumble.transport.common import TransportSink, TransportSource

from devices.virtual.air_controller import AirController, AirHost, AirLink
from devices.virtual.hci_log import HciLog

# Connecting does not wait for it (see `Air.solicit`), so it only bounds how soon a scanner receives a change.
ADVERTISING_INTERVAL_MS = 100.0


def as_static(device: Device) -> None:
    """Pair with the random static address that the device advertises, not with its controller's public one."""
    device.config.identity_address_type = hci.AddressType.RANDOM_DEVICE


class Central(Device):
    """A Bumble device in the central role. `gone` is done when the controller behind it went away."""

    gone: asyncio.Future[None] | None = None

    async def find_peer_by_identity_address(self, identity_address: hci.Address) -> hci.Address:
        """Return the address as it is: the backend connects to addresses that have just advertised.

        Bumble would scan once more for a bonded peer, without a limit, and stop the scan of others afterwards.
        """
        return identity_address

    def on_advertising_report(self, report: Any) -> None:
        """Combine advertisements and scan responses, if anyone wants that. Scanners have the reports themselves."""
        if self.listeners(self.EVENT_ADVERTISEMENT):
            super().on_advertising_report(report)


class Air(AirLink):
    """Joins controllers, in the order in which they came, with each connection's own addresses.

    Bumble's link looks controllers up in a set (no order) and always answers with the sender's random address, which
    a host with a public address (the Linux kernel) does not know.

    `hci_log`: what records the packets between a central of this process and its controller, as a phone does.
    """

    def __init__(self, hci_log: HciLog | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Bumble leaves it unannotated
        self.hci_log = hci_log
        self._members: list[AirController] = []
        self._scanners: list[AirController] = []  # those members that have ever scanned, or connected to others
        self._last_found: dict[hci.Address, AirController] = {}  # by address; checked whenever it is used
        self._numbers = itertools.count(1)

    async def add_central(self, address: str | None = None) -> Central:
        """Return a central in this process, powered on. Its address is the same in every run unless one is given."""
        number = next(self._numbers)
        host = AirHost(AirController("central", self, _public_address(number)), self.hci_log)
        device = Central(name="central", address=_own_address(number, address), host=host)
        as_static(device)
        await device.power_on()
        return device

    async def add_peripheral(self, name: str, address: str | None = None) -> Device:
        """Return a peripheral in this process, powered on, not advertising. Its address is fixed, too."""
        number = next(self._numbers)
        host = AirHost(AirController(name, self, _public_address(number)))
        device = Device(name=name, address=_own_address(number, address), host=host)
        device.advertising_interval_min = device.advertising_interval_max = ADVERTISING_INTERVAL_MS
        as_static(device)
        await device.power_on()
        return device

    def attach(self, name: str, source: TransportSource, sink: TransportSink) -> AirController:
        """Put a controller on the air for a host at the other end of a transport."""
        return AirController(name, self, _public_address(next(self._numbers)), source, sink)

    # ---- what controllers ask of the air ----

    def add_controller(self, controller: Controller) -> None:
        """Put a controller on the air."""
        if not isinstance(controller, AirController):
            raise TypeError("only an AirController can join this air")
        self._members.append(controller)
        if controller.listening:
            self._add_scanner(controller)

    def remove_controller(self, controller: Controller) -> None:
        """Drop its connections as lost, and forget it."""
        if isinstance(controller, AirController) and controller in self._members:
            controller.lose_links()
            controller.stop_advertising()
            self._members.remove(controller)
            self._scanners = [each for each in self._scanners if each is not controller]
            self._last_found = {key: each for key, each in self._last_found.items() if each is not controller}

    def _add_scanner(self, controller: AirController) -> None:
        if controller not in self._scanners:
            self._scanners = [each for each in self._members if each is controller or each in self._scanners]

    def is_advertising(self, address: hci.Address) -> bool:
        """Return whether anything can be connected to at `address`."""
        return self._advertiser(address) is not None

    def solicit(self, scanner: AirController | None = None, address: hci.Address | None = None) -> None:
        """Make every advertiser advertise at once, or only the one at `address`. `scanner`: who began to scan.

        A real radio waits for the advertising interval. Here no timer is involved, so that simulated time stands still
        while a device connects.
        """
        if scanner in self._members:
            self._add_scanner(scanner)
        if not any(each.listening for each in self._scanners):
            return
        if address is None:
            for member in self._members:
                member.advertise_now()
        elif advertiser := self._advertiser(address):
            advertiser.advertise_now()

    def _advertiser(self, address: hci.Address) -> AirController | None:
        return self._find(address, lambda member: member.scan_response(address) is not None)

    def other_side(self, connection: Connection) -> Connection | None:
        """Return the peer's end of a connection."""
        member = self._end_at(connection.peer_address, connection.self_address)
        return None if member is None else member.le_connections[connection.self_address]

    def _end_at(self, address: hci.Address, peer_address: hci.Address) -> AirController | None:
        """Return who is connected to `peer_address` with `address` as its own."""

        def has_it(member: AirController) -> bool:
            connection = member.le_connections.get(peer_address)
            return connection is not None and connection.self_address == address

        return self._find(address, has_it)

    def _find(self, address: hci.Address, fits: Callable[[AirController], bool]) -> AirController | None:
        """Return the member at an address that fits. Only an address that has moved is searched among all."""
        member = self._last_found.get(address)
        if member is None or not fits(member):
            member = next(filter(fits, self._members), None)
            if member is not None:
                self._last_found[address] = member
        return member

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Spread an advertisement to those who listen, or ask an advertiser for a connection."""
        if sender_controller not in self._members:
            return  # taken off the air; its host may not know
        match packet:
            case ll.ConnectInd():
                # At once, so that two hosts cannot both believe to have it.
                advertiser = self._advertiser(packet.advertiser_address)
                if advertiser is not None and advertiser is not sender_controller:
                    advertiser.on_le_connect_ind(packet)
            case ll.AdvInd() | ll.AdvExtInd() if isinstance(sender_controller, AirController):
                answer = sender_controller.scan_response(packet.advertiser_address) or b""
                loop = asyncio.get_running_loop()
                for member in self._scanners:
                    if member is not sender_controller and member.listening:
                        loop.call_soon(member.receive_advertisement, packet, answer)

    def send_acl_data(
        self, sender_controller: Controller, destination_address: hci.Address, transport: PhysicalTransport, data: bytes
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
        member = self._end_at(receiver_address, sender_address)
        if member is not None:
            asyncio.get_running_loop().call_soon(member.on_ll_control_pdu, sender_address, packet)


def _own_address(number: int, address: str | None) -> hci.Address:
    """Return a random static address."""
    return hci.Address(address or f"F0:F1:F2:F3:{number >> 8:02X}:{number & 0xFF:02X}")


def _public_address(number: int) -> hci.Address:
    return hci.Address(f"00:F1:F2:F3:{number >> 8:02X}:{number & 0xFF:02X}", hci.AddressType.PUBLIC_DEVICE)
