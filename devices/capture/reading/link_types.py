"""Packets of pcap files by their link type: each has a small header of its own around HCI, or around the link layer.

The numbers and headers are those of https://www.tcpdump.org/linktypes.html; nRF Sniffer's is that of Wireshark's
`packet-nordic_ble.c`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from devices.capture.reading.captured_packet import (
    ACL,
    COMMAND,
    EVENT,
    HCI_RESET,
    READ_ADDRESS_ANSWER,
    CapturedPacket,
    HciPacket,
    LinkPacket,
)
from devices.capture.reading.reading_notes import ReadingNotes

Decoder = Callable[[float, bytes, ReadingNotes], CapturedPacket | None]

_MONITOR: dict[int, tuple[int, bool]] = {2: (COMMAND, False), 3: (EVENT, True), 4: (ACL, False), 5: (ACL, True)}
_MONITOR_ADAPTER_GONE, _MONITOR_ADAPTER_INFO = (0, 1, 9), 10  # new, deleted, closed
_BY_BOUNDARY = {0: False, 2: True}
_CODED_PHY = 2


def monitor_packet(at_seconds: float, adapter: int, opcode: int, data: bytes) -> HciPacket | None:
    """Return a packet of the Linux monitor. An adapter that comes or goes is like one that is reset.

    The monitor's record of an adapter's address has the form of the controller's response to Read BD_ADDR.
    """
    if opcode in _MONITOR:
        return HciPacket(at_seconds, *_MONITOR[opcode], data, adapter)
    if opcode == _MONITOR_ADAPTER_INFO:
        return HciPacket(at_seconds, EVENT, True, READ_ADDRESS_ANSWER + data[:6], adapter)
    if opcode in _MONITOR_ADAPTER_GONE:
        return HciPacket(at_seconds, COMMAND, False, HCI_RESET, adapter)
    return None


def _monitor(at_seconds: float, data: bytes, _notes: ReadingNotes) -> HciPacket | None:
    if len(data) < 4:  # its header
        return None
    adapter, opcode = struct.unpack(">HH", data[:4])
    return monitor_packet(at_seconds, adapter, opcode, data[4:])


def _h4(at_seconds: float, data: bytes, _notes: ReadingNotes) -> HciPacket | None:
    """Decode H4 without a direction: the boundary flag shows it (Core 5.4, Vol 4, Part E, 5.4.2).

    On LE, hosts send a first fragment with 0, controllers with 2; a continuation does not show it.
    """
    if len(data) < 3:  # the packet type, and a header
        return None
    kind = data[0]
    received = _BY_BOUNDARY.get(data[2] >> 4 & 3) if kind == ACL else kind == EVENT
    return HciPacket(at_seconds, kind, received, data[1:])


def _h4_with_direction(at_seconds: float, data: bytes, _notes: ReadingNotes) -> HciPacket | None:
    if len(data) < 5:  # direction and packet type
        return None
    return HciPacket(at_seconds, data[4], bool(data[3] & 1), data[5:])


def _link_packet(
    at_seconds: float, data: bytes, from_central: bool | None, *, coded: bool = False, decrypted: bool = False
) -> LinkPacket | None:
    begin = 5 if coded else 4  # the coded PHY has an indicator behind the access address
    if len(data) < begin + 2:
        return None
    end = begin + 2 + data[begin + 1]
    if end > len(data):
        return None
    return LinkPacket(at_seconds, int.from_bytes(data[:4], "little"), data[begin:end], from_central, decrypted)


def _link_layer(at_seconds: float, data: bytes, _notes: ReadingNotes) -> LinkPacket | None:
    return _link_packet(at_seconds, data, None)


def _link_layer_with_header(at_seconds: float, data: bytes, notes: ReadingNotes) -> LinkPacket | None:
    if len(data) < 10:  # channel, signal, noise, errors, reference address, flags
        return None
    flags = int.from_bytes(data[8:10], "little")
    if flags & 0x0400 and not flags & 0x0800:
        notes.count("crc")
        return None
    from_central = {2: True, 3: False}.get(flags >> 7 & 7)
    coded = flags >> 14 == _CODED_PHY
    return _link_packet(at_seconds, data[10:], from_central, coded=coded, decrypted=bool(flags & 0x0008))


def _nrf_sniffer(at_seconds: float, data: bytes, notes: ReadingNotes) -> LinkPacket | None:
    """Decode a packet of nRF Sniffer: board, six bytes of header, and ten about the packet on the air."""
    if len(data) < 18 or data[6] not in (2, 6):  # 2 and 6: packets on advertising and data channels
        return None
    flags = data[8]
    if not flags & 1:
        notes.count("crc")
        return None
    decrypted = flags & 0x0C == 0x0C  # encrypted on the air, and the check of the decrypted packet is right
    coded = flags >> 4 & 7 == _CODED_PHY
    return _link_packet(at_seconds, data[7 + data[7] :], bool(flags & 2), coded=coded, decrypted=decrypted)


LINK_TYPES: dict[int, tuple[str, Decoder]] = {
    187: ("HCI (H4)", _h4),
    201: ("HCI (H4 with direction)", _h4_with_direction),
    254: ("Linux monitor", _monitor),
    251: ("link layer", _link_layer),
    256: ("link layer with radio header", _link_layer_with_header),
    272: ("nRF Sniffer", _nrf_sniffer),
    157: ("nRF Sniffer", _nrf_sniffer),
}

OTHER_LINK_TYPES = {
    1: "Ethernet",
    105: "Wi-Fi",
    113: "a Linux network",
    127: "Wi-Fi",
    189: "USB",
    192: "PPI",
    220: "USB",
    249: "USB",
    255: "Bluetooth Classic",
}
