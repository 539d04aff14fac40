"""Packets on the air, as sniffers record them: advertisements, connections and their data, up to encryption.

Layouts are those of Bluetooth Core 5.4, Vol 6, Part B, 2.3 and 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.capture.reading.advertising_reports import address_of
from devices.capture.reading.captured_packet import LinkPacket
from devices.capture.reading.device_collection import DeviceCollection
from devices.capture.reading.l2cap import ATT_CHANNEL, SECURITY_CHANNEL
from devices.capture.reading.le_link import LeLink
from devices.capture.reading.reading_notes import ReadingNotes

_ADVERTISING = 0x8E89BED6
_CONNECT, _EXTENDED = 5, 7
_WITH_DATA = (0, 2, 4, 6)  # connectable, not connectable, scan response, scannable
_ADDRESS_BYTES = 6
_START, _CONTROL = 2, 3
_ENC_RSP, _START_ENC_REQ, _TERMINATE, _REJECT, _REJECT_EXTENDED = 0x04, 0x05, 0x02, 0x0D, 0x11
_EXTENDED_FIELD_BYTES = ((0x01, 6), (0x02, 6), (0x04, 1), (0x08, 2), (0x10, 3), (0x20, 18), (0x40, 1))
_CHECK_BYTES = 4  # what is encrypted has a check behind it; what is not longer than that cannot be encrypted
_MOST_FOLLOWED = 256

# Of one connection event, the central sends first; each answer begins 150 us after the end of what it answers.
_BETWEEN_SECONDS = 150e-6
_TOLERANCE_SECONDS = 100e-6
_SECONDS_PER_BYTE = 8e-6
_OVERHEAD_BYTES = 8  # preamble, access address, checksum


@dataclass
class _FollowedConnection:
    """A connection that a sniffer follows. `link`: `None` until it is known to be one that can be read."""

    link: LeLink | None
    encrypted: bool = False
    last_ended_seconds: float = 0.0
    last_from_central: bool = False
    last_pdus: dict[bool, tuple[int, bytes]] = field(default_factory=dict)  # by direction: sequence number, the rest

    def direction(self, packet: LinkPacket) -> bool:
        """Return whether the central sent a packet; where the file does not say, by its time."""
        from_central = packet.from_central
        if from_central is None:
            answers = packet.at_seconds - self.last_ended_seconds < _BETWEEN_SECONDS + _TOLERANCE_SECONDS
            from_central = not (answers and self.last_from_central)
        length = (len(packet.pdu) + _OVERHEAD_BYTES) * _SECONDS_PER_BYTE
        self.last_ended_seconds, self.last_from_central = packet.at_seconds + length, from_central
        return from_central

    def is_repeated(self, pdu: bytes, *, from_central: bool) -> bool:
        """Return whether a packet is sent again because it was not acknowledged."""
        last, this = self.last_pdus.get(from_central), (pdu[0] >> 3 & 1, bytes([pdu[0] & 3]) + pdu[2:])
        self.last_pdus[from_central] = this
        return last == this


class LinkLayerConnections:
    """Follows connections from where they begin. What makes no sense is passed over."""

    def __init__(self, devices: DeviceCollection, notes: ReadingNotes) -> None:
        self._devices = devices
        self._notes = notes
        self._followed: dict[int, _FollowedConnection] = {}  # by access address
        self._latest: dict[str, _FollowedConnection] = {}  # by address of the device

    def feed(self, packet: LinkPacket) -> None:
        """Take a packet."""
        if packet.access_address == _ADVERTISING:
            self._on_advertising(packet.at_seconds, packet.pdu)
        else:
            self._on_data(packet)

    def _on_advertising(self, at_seconds: float, pdu: bytes) -> None:
        kind, payload = pdu[0] & 0x0F, pdu[2:]
        if kind in _WITH_DATA and len(payload) >= _ADDRESS_BYTES:
            self._devices.advertise(address_of(payload[:6]), payload[6:])
        elif kind == _EXTENDED:
            self._on_extended(payload)
        elif kind == _CONNECT and len(payload) >= 16:  # both addresses, and the access address
            self._on_connect(at_seconds, address_of(payload[6:12]), int.from_bytes(payload[12:16], "little"))

    def _on_connect(self, at_seconds: float, address: str, access_address: int) -> None:
        """Begin a connection. The last one of the device, if its end was not captured, ended with its last packet."""
        before = self._latest.pop(address, None)
        if before is not None and before.link is not None and before.link.ended_seconds is None:
            before.link.ended_seconds = before.last_ended_seconds or at_seconds
        followed = self._follow(access_address, self._devices.connect(address, at_seconds))
        if len(self._latest) < _MOST_FOLLOWED:
            self._latest[address] = followed

    def _on_extended(self, payload: bytes) -> None:
        length = payload[0] & 0x3F if payload else 0
        if length < 1 + _ADDRESS_BYTES or len(payload) <= length or not payload[1] & 1:
            return
        header = 1 + sum(size for bit, size in _EXTENDED_FIELD_BYTES if payload[1] & bit)
        if header <= length:
            self._devices.advertise(address_of(payload[2:8]), payload[1 + length :])

    def _follow(self, access_address: int, link: LeLink | None) -> _FollowedConnection:
        if len(self._followed) >= _MOST_FOLLOWED:
            del self._followed[next(iter(self._followed))]
        followed = self._followed[access_address] = _FollowedConnection(link)
        return followed

    def _on_data(self, packet: LinkPacket) -> None:
        pdu = packet.pdu
        followed = self._followed.get(packet.access_address)
        if followed is None:
            followed = self._follow(packet.access_address, None)
        from_central = followed.direction(packet)
        kind, payload = pdu[0] & 3, pdu[2:]
        if not payload or followed.is_repeated(pdu, from_central=from_central):
            return
        if followed.encrypted and not packet.decrypted and not (kind == _CONTROL and len(payload) <= _CHECK_BYTES):
            return
        if kind == _CONTROL:
            self._on_control(packet, followed, payload)
            return
        if followed.link is None:
            if kind != _START or not _is_readable(payload):
                return
            followed.link = self._devices.connect(f"access address 0x{packet.access_address:08X}", None)
        followed.link.feed(packet.at_seconds, payload, first=kind == _START, from_device=not from_central)

    def _on_control(self, packet: LinkPacket, followed: _FollowedConnection, payload: bytes) -> None:
        if payload[0] in (_ENC_RSP, _START_ENC_REQ):
            followed.encrypted = True
            if followed.link is not None:
                followed.link.encrypted = True
            self._notes.add(
                "A connection on the air is encrypted from some point on; it was read up to there. Record on the phone"
                " instead (Android's Bluetooth HCI snoop log, or PacketLogger for an iPhone), where it is readable."
            )
        elif payload[0] in (_REJECT, _REJECT_EXTENDED):
            followed.encrypted = False
            if followed.link is not None:
                followed.link.encrypted = False
        elif payload[0] == _TERMINATE:
            if followed.link is not None:
                followed.link.ended_seconds = packet.at_seconds
            self._followed.pop(packet.access_address, None)


def _is_readable(payload: bytes) -> bool:
    """Return whether data of a connection that began before the recording is a frame on a channel of LE."""
    length, channel = int.from_bytes(payload[:2], "little"), int.from_bytes(payload[2:4], "little")
    return ATT_CHANNEL <= channel <= SECURITY_CHANNEL and len(payload) - 4 <= length
