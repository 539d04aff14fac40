"""A virtual Bluetooth controller, and the host that uses it inside this process.

It adds what hosts rely on and Bumble's `Controller` (0.0.236) lacks: cancelling a connection attempt, reset, separate
scan responses, no connection to an advertiser that has stopped, and enhanced connection events.
"""

from __future__ import annotations

import asyncio

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, TransportSink, TransportSource

from devices.virtual.hci_log import HciLog

_Reports = hci.HCI_LE_Extended_Advertising_Report_Event
_ADVERTISEMENT = (
    _Reports.EventType.CONNECTABLE_ADVERTISING
    | _Reports.EventType.SCANNABLE_ADVERTISING
    | _Reports.EventType.LEGACY_ADVERTISING_PDU_USED
)
_SCAN_RESPONSE = _ADVERTISEMENT | _Reports.EventType.SCAN_RESPONSE
_RSSI_DBM = -50  # every virtual device is about a metre away


# The bit of the LE event mask for the enhanced connection complete event. Linux (6.1) sets it, and waits 4 s for that
# event; until then it regards the connection as failed.
_WANTS_ENHANCED = 1 << 9


def _enhanced(event: hci.HCI_LE_Connection_Complete_Event) -> hci.HCI_LE_Enhanced_Connection_Complete_Event:
    """Return the enhanced event of the same connection; there are no private addresses here."""
    return hci.HCI_LE_Enhanced_Connection_Complete_Event(
        status=event.status,
        connection_handle=event.connection_handle,
        role=event.role,
        peer_address_type=event.peer_address_type,
        peer_address=event.peer_address,
        local_resolvable_private_address=hci.Address.ANY,
        peer_resolvable_private_address=hci.Address.ANY,
        connection_interval=event.connection_interval,
        peripheral_latency=event.peripheral_latency,
        supervision_timeout=event.supervision_timeout,
        central_clock_accuracy=event.central_clock_accuracy,
    )


class AirLink(LocalLink):
    """What a controller asks of the air that it is on."""

    def is_advertising(self, address: hci.Address) -> bool:
        """Return whether anything can be connected to at `address`."""
        raise NotImplementedError

    def solicit(self, scanner: AirController | None = None, address: hci.Address | None = None) -> None:
        """Make every advertiser advertise at once, or only the one at `address`. `scanner`: who began to scan."""
        raise NotImplementedError

    def other_side(self, connection: Connection) -> Connection | None:
        """Return the peer's end of a connection."""
        raise NotImplementedError


class AirController(Controller):
    """A controller on the air. Only what Bluetooth LE devices of this project need."""

    # A whole ATT packet in one fragment; Bumble's 27 octets would need ten.
    le_acl_data_packet_length = 251

    def __init__(
        self,
        name: str,
        air: AirLink,
        public_address: hci.Address,
        source: TransportSource | None = None,
        sink: TransportSink | None = None,
    ) -> None:
        super().__init__(name, host_source=source, host_sink=sink, link=air, public_address=public_address)
        self._air = air
        self._active_scan = True

    @property
    def listening(self) -> bool:
        """Whether this controller scans, or waits to connect."""
        return self.le_scan_enable or self.pending_le_connection is not None

    def scan_response(self, address: hci.Address) -> bytes | None:
        """Return the scan response of `address`; `None` when it does not advertise."""
        for advertising_set in self.advertising_sets.values():
            if advertising_set.enabled and advertising_set.address == address:
                return bytes(advertising_set.scan_response_data)
        legacy = self.le_legacy_advertiser
        return legacy.scan_response_data if legacy.enabled and legacy.address == address else None

    def advertise_now(self) -> None:
        """Advertise once at once, in addition to the interval."""
        for advertising_set in self.advertising_sets.values():
            if advertising_set.enabled:
                advertising_set.send_extended_advertising_data()
        self.le_legacy_advertiser.send_advertising_data()

    def receive_advertisement(self, pdu: ll.AdvInd | ll.AdvExtInd, scan_response: bytes) -> None:
        """Report an advertisement and its scan response to a scanning host, and open a pending connection."""
        if self.le_scan_enable:
            self._report(_ADVERTISEMENT, pdu.advertiser_address, pdu.data)
            if self._active_scan:  # even an empty one: hosts wait for it
                self._report(_SCAN_RESPONSE, pdu.advertiser_address, scan_response)
        pending = self.pending_le_connection
        if pending is not None and pending.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)

    def _report(self, event_type: int, address: hci.Address, data: bytes) -> None:
        report = _Reports.Report(
            event_type=event_type,
            address_type=address.address_type,
            address=address,
            primary_phy=hci.Phy.LE_1M,
            secondary_phy=0,
            advertising_sid=_Reports.NO_ADI_FIELD_PROVIDED,
            tx_power=_Reports.TX_POWER_INFORMATION_NOT_AVAILABLE,
            rssi=_RSSI_DBM,
            periodic_advertising_interval=0,
            direct_address_type=0,
            direct_address=hci.Address.ANY,
            data=data,
        )
        if isinstance(self.host, AirHost):
            asyncio.get_running_loop().call_soon(self.host.on_report, report)
        else:
            self.send_hci_packet(_Reports([report]))

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect, unless the advertiser has stopped or connected to another host since its advertisement."""
        if self._air.is_advertising(peer_address):
            super().create_le_connection(peer_address)

    def solicit(self, address: hci.Address) -> None:
        """Make the advertiser at an address advertise at once."""
        self._air.solicit(self, address)

    def lose_links(self) -> None:
        """End every connection as out of range: each side gets a supervision timeout."""
        reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        for connection in list(self.le_connections.values()):
            if other_side := self._air.other_side(connection):
                other_side.controller.on_le_disconnected(other_side, reason)
            self.on_le_disconnected(connection, reason)

    def stop_advertising(self) -> None:
        """Go silent."""
        for advertising_set in self.advertising_sets.values():
            advertising_set.stop()
        self.le_legacy_advertiser.stop()

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Send to the host. (Bumble's method formats every packet for a debug log line, enabled or not.)"""
        if isinstance(packet, hci.HCI_LE_Connection_Complete_Event) and self.le_event_mask & _WANTS_ENHANCED:
            packet = _enhanced(packet)
        if self.host:
            asyncio.get_running_loop().call_soon(self.host.on_packet, bytes(packet))

    def on_link_acl_data(self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes) -> None:
        """Hand data from the air to the host; data for a connection that ended meanwhile is lost, as on air."""
        connection = self.le_connections.get(sender_address)
        if connection is None:
            return
        if isinstance(self.host, AirHost):
            self.host.on_sdu(connection.handle, data)
        else:
            super().on_link_acl_data(sender_address, transport, data)

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None:
        """Handle a link-layer message, unless both sides ended the connection at once."""
        if sender_address in self.le_connections:
            super().on_ll_control_pdu(sender_address, packet)

    # ---- HCI commands that Bumble answers without carrying them out ----

    def on_hci_reset_command(self, _command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        """Forget everything."""
        self.lose_links()
        self.stop_advertising()
        self.advertising_sets.clear()
        self.le_scan_enable = False
        self.pending_le_connection = None
        return super().on_hci_reset_command(_command)

    def on_hci_le_set_scan_parameters_command(
        self, command: hci.HCI_LE_Set_Scan_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Store whether the scan is active."""
        self._active_scan = command.le_scan_type == command.ACTIVE_SCANNING
        return super().on_hci_le_set_scan_parameters_command(command)

    def on_hci_le_set_extended_scan_parameters_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Store whether the scan is active."""
        self._active_scan = command.ACTIVE_SCANNING in command.scan_types
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    def on_hci_le_set_scan_enable_command(
        self, command: hci.HCI_LE_Set_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Start or stop listening."""
        result = super().on_hci_le_set_scan_enable_command(command)
        if self.le_scan_enable:
            self._air.solicit(self)
        return result

    def on_hci_le_set_extended_scan_enable_command(
        self, command: hci.HCI_LE_Set_Extended_Scan_Enable_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Start or stop listening."""
        result = super().on_hci_le_set_extended_scan_enable_command(command)
        if self.le_scan_enable:
            self._air.solicit(self)
        return result

    def on_hci_le_create_connection_command(self, command: hci.HCI_LE_Create_Connection_Command) -> None:
        """Connect at the next advertisement of the peer."""
        super().on_hci_le_create_connection_command(command)
        self._air.solicit(self, command.peer_address)

    def on_hci_le_extended_create_connection_command(
        self, command: hci.HCI_LE_Extended_Create_Connection_Command
    ) -> None:
        """Connect at the next advertisement of the peer."""
        super().on_hci_le_extended_create_connection_command(command)
        self._air.solicit(self, command.peer_address)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Cancel the pending connection, and send its connection complete event: hosts wait for that."""
        pending = self.pending_le_connection
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        cancelled = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=pending.peer_address.address_type,
            peer_address=pending.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, cancelled)  # after the answer to the command
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)


class AirHost(Host):
    """A host in this process. Data and advertisements are not sent as HCI packets: much faster, in the same order.

    `hci_log` records what a host with a real controller would have exchanged with it.
    """

    def __init__(self, controller: AirController, hci_log: HciLog | None = None) -> None:
        super().__init__(controller, AsyncPipeSink(controller))
        self.air_controller = controller
        self.snooper = self.hci_log = hci_log

    def send_acl_sdu(self, connection_handle: int, sdu: bytes) -> None:
        """Put data on the air."""
        connection: Connection | None = self.air_controller.find_le_connection_by_handle(connection_handle)
        if connection is not None:
            if self.hci_log is not None:
                self.hci_log.sent(connection_handle, sdu)
            connection.on_acl_pdu(sdu)

    def solicit(self, address: hci.Address) -> None:
        """Make the advertiser at an address advertise at once."""
        self.air_controller.solicit(address)

    def on_report(self, report: _Reports.Report) -> None:
        """Take an advertisement from the air."""
        if self.ready:
            if self.hci_log is not None:
                self.hci_log.reported(report)
            self.emit("advertising_report", report)

    def on_sdu(self, connection_handle: int, sdu: bytes) -> None:
        """Take data from the air."""
        if connection := self.connections.get(connection_handle):
            if self.hci_log is not None:
                self.hci_log.received(connection_handle, sdu)
            connection.on_acl_pdu(sdu)
