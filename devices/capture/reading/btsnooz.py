"""The shortened log inside the text of an Android bug report: base64 of a small header and of deflated records.

The format is that of AOSP's `tools/scripts/btsnooz.py`. Of most data, only the first bytes of each packet are in it.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterable, Iterator

from devices.capture.reading.captured_packet import ACL, COMMAND, EVENT, HciPacket
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError

BEGIN, END = b"--- BEGIN:BTSNOOP_LOG_SUMMARY", b"--- END:BTSNOOP_LOG_SUMMARY"
SHORTENED = (
    "The bug report has only Android's shortened log, in which most values are missing. Set the log to `full`"
    " (Developer options, Enable Bluetooth HCI snoop log; or `adb shell settings put global"
    " bluetooth_btsnoop_default_mode full`), switch Bluetooth off and on, and record again."
)

_HEADER = struct.Struct("<bQ")  # version, time of the last packet in microseconds since 1970
_RECORDS = {1: struct.Struct("<HIb"), 2: struct.Struct("<HHIb")}
_KINDS = {0x10: (EVENT, True), 0x11: (ACL, True), 0x20: (COMMAND, False), 0x21: (ACL, False)}
_MOST_TEXT_BYTES, _MOST_BYTES = 1 << 26, 1 << 28


def summary_in(lines: Iterable[bytes]) -> bytes | None:
    """Return the summary in the lines of a bug report, decoded from base64; `None` where there is none."""
    text: list[bytes] = []
    size, found = 0, False
    for line in lines:
        if found:
            if END in line or size > _MOST_TEXT_BYTES:
                break
            text.append(line.strip())
            size += len(line)
        elif BEGIN in line:
            found = True
    if not found:
        return None
    try:
        joined = b"".join(text)
        return binascii.a2b_base64(joined[: len(joined) // 4 * 4])
    except binascii.Error:
        return b""


def btsnooz_packets(summary: bytes, notes: ReadingNotes) -> Iterator[HciPacket]:
    """Yield the packets of a summary, the shortened ones, too. Raise `UnreadableError`."""
    version, last_microseconds = _HEADER.unpack(summary[: _HEADER.size].ljust(_HEADER.size, b"\0"))
    record = _RECORDS.get(version)
    if record is None:
        raise UnreadableError("has a shortened Bluetooth log that cannot be decoded", _remedy())
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(summary[_HEADER.size :], _MOST_BYTES)
    except zlib.error as error:
        raise UnreadableError(f"has a shortened Bluetooth log that is damaged ({error})", _remedy()) from error
    notes.add(SHORTENED)
    records = list(_records(data, record))
    # The times are distances, and the last packet is the one with a date.
    at_microseconds = last_microseconds - sum(distance for distance, _, _ in records)
    for distance, kind, packet in records:
        at_microseconds += distance
        if kind in _KINDS:
            yield HciPacket(at_microseconds / 1e6, *_KINDS[kind], packet)


def _records(data: bytes, record: struct.Struct) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at + record.size <= len(data):
        length, *_, distance, kind = record.unpack_from(data, at)
        end = at + record.size + max(0, length - 1)  # the length counts the packet type, which is in the header
        yield distance, kind, data[at + record.size : end]
        at = end


def _remedy() -> str:
    return "set the log to `full` in the developer options, switch Bluetooth off and on, and record again"
