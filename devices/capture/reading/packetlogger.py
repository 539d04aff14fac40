"""Files of Apple's PacketLogger, in either byte order, as Wireshark's `packetlogger.c` describes them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.captured_packet import ACL, COMMAND, EVENT, HciPacket
from devices.capture.reading.reading_notes import ReadingNotes

_KINDS = {0: (COMMAND, False), 1: (EVENT, True), 2: (ACL, False), 3: (ACL, True)}
_OTHERS = frozenset({0x08, 0x09, 0x0A, 0x0B, *range(0xF0, 0x100)})  # sound, link manager, messages of the system
_HEADER_BYTES = 13  # length of what follows, seconds, microseconds, kind
_SHORTEST, _LONGEST = 9, 0xFFFF + 13
_CHECKED_RECORDS = 3


def packetlogger_order(head: bytes) -> str | None:
    """Return the byte order (`>` or `<`) of a file that begins with these bytes; `None`: it is another format."""
    for order in (">", "<"):
        at, checked = 0, 0
        while checked < _CHECKED_RECORDS and at + _HEADER_BYTES <= len(head):
            if not _plausible(head[at : at + _HEADER_BYTES], order):
                break
            at += 4 + int(struct.unpack_from(order + "I", head, at)[0])
            checked += 1
        else:
            if checked:
                return order
    return None


def packetlogger_packets(window: ByteWindow, notes: ReadingNotes, order: str) -> Iterator[HciPacket]:
    """Yield the packets of a file; after a damaged place, from the next one that is whole."""
    header = struct.Struct(order + "IIIB")
    length = rb"\x00[\x00\x01].." if order == ">" else rb"..[\x00\x01]\x00"
    pattern = re.compile(length + rb".{8}[\x00-\x03\x08-\x0b\xf0-\xff]", re.DOTALL)
    while len(head := window.peek(_HEADER_BYTES)) == _HEADER_BYTES:
        if not _plausible(head, order):
            notes.count("damaged")
            window.find(pattern, _HEADER_BYTES, lambda: _begins_here(window, order))
            continue
        size, seconds, microseconds, kind = header.unpack(head)
        record = window.take(4 + size)
        if len(record) < 4 + size:
            break
        if kind in _KINDS:
            yield HciPacket(seconds + microseconds / 1e6, *_KINDS[kind], record[_HEADER_BYTES:])
    else:
        if not head:
            return
    notes.add("The file ends in the middle of a packet; all before it was read.")


def _plausible(head: bytes, order: str) -> bool:
    size, _, microseconds, kind = struct.unpack(order + "IIIB", head)
    return _SHORTEST <= size <= _LONGEST and microseconds < 1_000_000 and (kind in _KINDS or kind in _OTHERS)


def _begins_here(window: ByteWindow, order: str) -> bool:
    head = window.peek(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not _plausible(head, order):
        return False
    following = window.peek(_HEADER_BYTES, 4 + struct.unpack_from(order + "I", head)[0])
    return _plausible(following, order) if len(following) == _HEADER_BYTES else not following
