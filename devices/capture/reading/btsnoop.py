"""btsnoop files, as Android and `btmon -w` write them: un-encapsulated (H1), H4 and the Linux monitor.

The format is that of RFC 1761 with Bluetooth's datalinks. All numbers are big-endian.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.captured_packet import ACL, COMMAND, EVENT, HciPacket
from devices.capture.reading.link_types import monitor_packet
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError

MAGIC = b"btsnoop\0"
EPOCH_MICROSECONDS = 0x00DCDDB30F2F8000
"""1970 in microseconds since the year 0."""

RECORD = struct.Struct(">IIIIq")  # original and included length, flags, drops, microseconds since the year 0
_MOST_BYTES = 70_000  # an ACL packet has 65,540 at most
_LATEST_MICROSECONDS = EPOCH_MICROSECONDS + 130 * 31_556_952 * 1_000_000
_RECORD_PATTERN = re.compile(rb"\x00[\x00\x01]..\x00[\x00\x01].{10}\x00[\xdc-\xef]", re.DOTALL)
_PATTERN_BYTES = 18
_RECEIVED, _COMMAND_OR_EVENT = 1, 2


def _h1(at_seconds: float, flags: int, data: bytes) -> HciPacket:
    received = bool(flags & _RECEIVED)
    kind = (EVENT if received else COMMAND) if flags & _COMMAND_OR_EVENT else ACL
    return HciPacket(at_seconds, kind, received, data)


def _h4(at_seconds: float, flags: int, data: bytes) -> HciPacket | None:
    return HciPacket(at_seconds, data[0], bool(flags & _RECEIVED), data[1:]) if data else None


def _monitor(at_seconds: float, flags: int, data: bytes) -> HciPacket | None:
    return monitor_packet(at_seconds, flags >> 16, flags & 0xFFFF, data)


_DATALINKS: dict[int, tuple[str, Callable[[float, int, bytes], HciPacket | None]]] = {
    1001: ("btsnoop (H1)", _h1),
    1002: ("btsnoop (H4)", _h4),
    2001: ("btsnoop (Linux monitor)", _monitor),
}


def btsnoop_format(head: bytes) -> str:
    """Return what a file that begins with these 16 bytes is, in words. Raise `UnreadableError`."""
    return _datalink(head)[0]


def _datalink(head: bytes) -> tuple[str, Callable[[float, int, bytes], HciPacket | None]]:
    version, datalink = struct.unpack(">II", head[8:16].ljust(8, b"\0"))
    if version != 1 or datalink not in _DATALINKS:
        raise UnreadableError(
            f"is a btsnoop file of version {version} and datalink {datalink}, which Letdown cannot read",
            "record with Android's Bluetooth HCI snoop log or `btmon -w`",
        )
    return _DATALINKS[datalink]


def first_record_at(head: bytes) -> int:
    """Return the time of the first record, in microseconds since the year 0, of a file that begins with these bytes."""
    return RECORD.unpack(head[16:40])[4] if len(head) >= 40 else _LATEST_MICROSECONDS  # both headers


def btsnoop_packets(window: ByteWindow, notes: ReadingNotes) -> Iterator[HciPacket]:
    """Yield the packets of a file; after a damaged place, from the next one that is whole."""
    decode = _datalink(window.take(16))[1]
    while len(header := window.peek(RECORD.size)) == RECORD.size:
        _, included, flags, _, microseconds = RECORD.unpack(header)
        if not _plausible(header):
            notes.count("damaged")
            window.find(_RECORD_PATTERN, _PATTERN_BYTES, lambda: _begins_here(window))
            continue
        record = window.take(RECORD.size + included)
        if len(record) < RECORD.size + included:
            notes.add("The file ends in the middle of a packet; all before it was read.")
            return
        packet = decode((microseconds - EPOCH_MICROSECONDS) / 1e6, flags, record[RECORD.size :])
        if packet is not None:
            yield packet
    if header:
        notes.add("The file ends in the middle of a packet; all before it was read.")


def _plausible(header: bytes) -> bool:
    original, included, _, _, microseconds = RECORD.unpack(header)
    in_time = EPOCH_MICROSECONDS <= microseconds < _LATEST_MICROSECONDS
    return bool(included <= original <= _MOST_BYTES and in_time)


def _begins_here(window: ByteWindow) -> bool:
    """Return whether a record begins here: it looks like one, and so does what follows it."""
    header = window.peek(RECORD.size)
    if len(header) < RECORD.size or not _plausible(header):
        return False
    following = window.peek(RECORD.size, RECORD.size + RECORD.unpack(header)[1])
    return _plausible(following) if len(following) == RECORD.size else not following
