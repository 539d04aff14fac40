"""Packets between a host and its controller: events open and close connections, data goes to them.

Layouts are those of Bluetooth Core 5.4, Vol 4, Part E, 5.4 and 7.7.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.capture.reading.advertising_reports import address_of, text_of
from devices.capture.reading.captured_packet import ACL, COMMAND, EVENT, HCI_RESET, HciPacket
from devices.capture.reading.device_collection import DeviceCollection
from devices.capture.reading.l2cap import ATT_CHANNEL, SECURITY_CHANNEL
from devices.capture.reading.le_link import LeLink
from devices.capture.reading.reading_notes import ReadingNotes

_READ_ADDRESS, _READ_NAME = b"\x09\x10\0", b"\x14\x0c\0"  # answers: the command, and that it succeeded
_WRITE_NAME = b"\x13\x0c"
_CONTINUATION = 1
_CENTRAL = 0
_HANDLE_BITS = 12
_MORE_TO_COME = 1  # of an extended advertisement
_MOST_PARTS = 64
_MOST_OPEN = 1000  # connections at a time; a controller has some dozens
_MOST_NAMES = 100


class HciConnections:
    """Follows the connections of one or several controllers. What makes no sense is passed over."""

    def __init__(self, devices: DeviceCollection, notes: ReadingNotes) -> None:
        self._devices = devices
        self._notes = notes
        self._links: dict[int, LeLink] = {}  # by adapter and handle
        self._classic: set[int] = set()
        self._parts: dict[str, bytes] = {}
        self._events: dict[int, Callable[[HciPacket, bytes], None]] = {
            0x03: self._on_classic_connection,
            0x05: self._on_disconnection,
            0x08: self._on_encryption,
            0x0E: self._on_answer,
            0x59: self._on_encryption,
            0x3E: self._on_le_event,
        }
        self._le_events: dict[int, Callable[[HciPacket, bytes], None]] = {
            0x01: self._on_connection,
            0x02: self._on_reports,
            0x0A: self._on_connection,
            0x0D: self._on_extended_reports,
            0x29: self._on_connection,
        }

    def feed(self, packet: HciPacket) -> None:
        """Take a packet."""
        data = packet.data
        if packet.kind == ACL:
            if len(data) > 4:  # handle and length
                self._on_data(packet, data)
        elif packet.kind == EVENT:
            on_event = self._events.get(data[0]) if len(data) > 2 else None  # code and length
            if on_event is not None:
                on_event(packet, data[2:])
        elif packet.kind == COMMAND:
            self._on_command(packet, data)

    def _on_command(self, packet: HciPacket, data: bytes) -> None:
        if data[:3] == HCI_RESET:
            for key in [key for key in self._links if key >> _HANDLE_BITS == packet.adapter]:
                self._links.pop(key).ended_seconds = packet.at_seconds
            self._classic = {key for key in self._classic if key >> _HANDLE_BITS != packet.adapter}
        elif data[:2] == _WRITE_NAME:
            self._note_name(data[3:])

    def _note_name(self, raw: bytes) -> None:
        name = text_of(raw)
        if name is not None and len(self._devices.private_names) < _MOST_NAMES:
            self._devices.private_names[name] = None

    def _on_data(self, packet: HciPacket, data: bytes) -> None:
        key = packet.adapter << _HANDLE_BITS | (data[1] & 0x0F) << 8 | data[0]
        first = data[1] >> 4 & 3 != _CONTINUATION
        link = self._links.get(key)
        if link is None:
            if key in self._classic or not first or not _is_le(data):
                return
            link = self._open(key, f"handle 0x{key & 0xFFF:04X}", None)
        received = link.device_is_sending if packet.received is None else packet.received
        from_device = received is link.device_is_peripheral
        length = data[2] | data[3] << 8
        if len(data) - 4 < length:
            self._notes.count("shortened")
            link.lose(from_device=from_device)
            return
        link.feed(packet.at_seconds, data[4 : 4 + length], first=first, from_device=from_device)

    def _on_connection(self, packet: HciPacket, parameters: bytes) -> None:
        if len(parameters) < 12 or parameters[1]:  # up to the address; a status that is no success
            return
        key = _key(packet, parameters[2:])
        self._close(key, packet.at_seconds)
        link = self._open(key, address_of(parameters[6:12]), packet.at_seconds)
        link.device_is_peripheral = parameters[4] == _CENTRAL
        self._classic.discard(key)

    def _on_classic_connection(self, packet: HciPacket, parameters: bytes) -> None:
        if len(parameters) >= 3 and not parameters[0]:
            key = _key(packet, parameters[1:])
            self._close(key, packet.at_seconds)
            if len(self._classic) < _MOST_OPEN:
                self._classic.add(key)

    def _on_disconnection(self, packet: HciPacket, parameters: bytes) -> None:
        if len(parameters) >= 3 and not parameters[0]:
            key = _key(packet, parameters[1:])
            self._classic.discard(key)
            self._close(key, packet.at_seconds)

    def _on_encryption(self, packet: HciPacket, parameters: bytes) -> None:
        if len(parameters) >= 4 and not parameters[0]:
            link = self._links.get(_key(packet, parameters[1:]))
            if link is not None and parameters[3]:
                link.encrypted = True

    def _on_answer(self, _: HciPacket, parameters: bytes) -> None:
        """Note the address and the name of the recording host, from the responses to these commands."""
        if parameters[1:4] == _READ_ADDRESS and len(parameters) >= 10:
            self._devices.private_addresses[address_of(parameters[4:10])] = None
        elif parameters[1:4] == _READ_NAME:
            self._note_name(parameters[4:])

    def _on_le_event(self, packet: HciPacket, parameters: bytes) -> None:
        on_event = self._le_events.get(parameters[0])
        if on_event is not None:
            on_event(packet, parameters)

    def _on_reports(self, _: HciPacket, parameters: bytes) -> None:
        at = 2
        for _number in range(parameters[1] if len(parameters) > 1 else 0):
            if at + 9 > len(parameters):
                return
            data = parameters[at + 9 : at + 9 + parameters[at + 8]]
            self._devices.advertise(address_of(parameters[at + 2 : at + 8]), data)
            at += 10 + parameters[at + 8]  # behind the data is the signal strength

    def _on_extended_reports(self, _: HciPacket, parameters: bytes) -> None:
        at = 2
        for _number in range(parameters[1] if len(parameters) > 1 else 0):
            if at + 24 > len(parameters):
                return
            address = address_of(parameters[at + 3 : at + 9])
            end = at + 24 + parameters[at + 23]
            data = self._parts.pop(address, b"") + parameters[at + 24 : end]
            if parameters[at] >> 5 & 3 == _MORE_TO_COME and len(self._parts) < _MOST_PARTS:
                self._parts[address] = data[:1650]  # the most that one may advertise
            else:
                self._devices.advertise(address, data)
            at = end

    def _open(self, key: int, address: str, at_seconds: float | None) -> LeLink:
        link = self._links[key] = self._devices.connect(address, at_seconds)
        if len(self._links) > _MOST_OPEN:
            del self._links[next(iter(self._links))]
        return link

    def _close(self, key: int, at_seconds: float) -> None:
        link = self._links.pop(key, None)
        if link is not None:
            link.ended_seconds = at_seconds


def _key(packet: HciPacket, handle: bytes) -> int:
    return packet.adapter << _HANDLE_BITS | (handle[1] & 0x0F) << 8 | handle[0]


def _is_le(data: bytes) -> bool:
    """Return whether data of an unknown connection, which began before the recording, is on a channel of LE."""
    return len(data) >= 8 and ATT_CHANNEL <= int.from_bytes(data[6:8], "little") <= SECURITY_CHANNEL
