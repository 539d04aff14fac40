"""pcap files: both byte orders, microseconds and nanoseconds (https://www.ietf.org/archive/id/draft-gharris-opsawg-pcap-01.html)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.captured_packet import CapturedPacket
from devices.capture.reading.link_types import LINK_TYPES, OTHER_LINK_TYPES, Decoder
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError

MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
_FILE_HEADER_BYTES, _RECORD_HEADER_BYTES = 24, 16
_MOST_BYTES = 262_144  # the largest that libpcap writes


def link_type_decoder(number: int) -> tuple[str, Decoder]:
    """Return the name of a link type, and what decodes its packets. Raise `UnreadableError`."""
    if number in LINK_TYPES:
        return LINK_TYPES[number]
    name = OTHER_LINK_TYPES.get(number)
    raise UnreadableError(
        f"was recorded on {f'{name} (link type {number})' if name else f'link type {number}'}, not on Bluetooth LE",
        "record on the Bluetooth interface, or with Android's Bluetooth HCI snoop log",
    )


def pcap_format(head: bytes) -> str:
    """Return what a file that begins with these bytes is, in words. Raise `UnreadableError`."""
    return f"pcap, {_header(head)[2]}"


def _header(head: bytes) -> tuple[str, int, str, Decoder]:
    if len(head) < _FILE_HEADER_BYTES:
        raise UnreadableError("is a pcap file that ends in its header", "copy the file again, or record again")
    order, per_second = MAGICS[head[:4]]
    name, decode = link_type_decoder(struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF)
    return order, per_second, name, decode


def pcap_packets(window: ByteWindow, notes: ReadingNotes) -> Iterator[CapturedPacket]:
    """Yield the packets of a file; after a damaged place, from the next one that is whole."""
    order, per_second, _, decode = _header(window.take(_FILE_HEADER_BYTES))
    header = struct.Struct(order + "IIII")  # seconds, their fraction, included and original length
    latest_seconds: int | None = None
    while len(head := window.peek(_RECORD_HEADER_BYTES)) == _RECORD_HEADER_BYTES:
        seconds, fraction, included, original = header.unpack(head)
        if not _plausible(head, header, per_second):
            notes.count("damaged")
            _find(window, header, per_second, latest_seconds)
            continue
        record = window.take(_RECORD_HEADER_BYTES + included)
        if len(record) < _RECORD_HEADER_BYTES + included:
            break
        latest_seconds = seconds
        if included < original:
            notes.count("shortened")
            continue
        packet = decode(seconds + fraction / per_second, record[_RECORD_HEADER_BYTES:], notes)
        if packet is not None:
            yield packet
    else:
        if not head:
            return
    notes.add("The file ends in the middle of a packet; all before it was read.")


def _plausible(head: bytes, header: struct.Struct, per_second: int) -> bool:
    _, fraction, included, original = header.unpack(head)
    return bool(fraction < per_second and included <= original <= _MOST_BYTES and original)  # no packet is empty


def _find(window: ByteWindow, header: struct.Struct, per_second: int, latest_seconds: int | None) -> None:
    """Move on to the next record. Its time is near that of the last one, which is what makes it recognisable."""
    high = b"." if latest_seconds is None else re.escape(bytes([latest_seconds >> 24]))
    big = header.format.startswith(">")
    time, length = (high + b"...", rb"\x00[\x00-\x04]..") if big else (b"..." + high, rb"..[\x00-\x04]\x00")
    pattern = re.compile(time + b"...." + length + length, re.DOTALL)

    def begins_here() -> bool:
        head = window.peek(_RECORD_HEADER_BYTES)
        if len(head) < _RECORD_HEADER_BYTES or not _plausible(head, header, per_second):
            return False
        following = window.peek(_RECORD_HEADER_BYTES, _RECORD_HEADER_BYTES + header.unpack(head)[2])
        return _plausible(following, header, per_second) if len(following) == _RECORD_HEADER_BYTES else not following

    window.find(pattern, _RECORD_HEADER_BYTES, begins_here)
