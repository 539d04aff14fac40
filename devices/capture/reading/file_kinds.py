"""What kind of file a capture is, by its first bytes: never by its name, which phones and people choose freely."""

from __future__ import annotations

from typing import Literal

from devices.capture.reading import btsnoop, pcap, pcapng
from devices.capture.reading.app_log_lines import is_app_log
from devices.capture.reading.packetlogger import packetlogger_order
from devices.capture.reading.reading_notes import UnreadableError

FileKind = Literal["btsnoop", "pcap", "pcapng", "packetlogger", "gzip", "zip", "app log", "text"]

HEAD_BYTES = 4096
"""How many bytes identify the kind."""

RECORDABLE = (
    "use an Android bug report or btsnoop log, a PacketLogger file, a pcap or pcapng file, or a log of nRF Connect"
)
_MAGICS: dict[bytes, FileKind] = {
    btsnoop.MAGIC: "btsnoop",
    pcapng.MAGIC: "pcapng",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    **dict.fromkeys(pcap.MAGICS, "pcap"),
}
_OTHERS = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a database",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
}


def kind_of(head: bytes) -> FileKind | None:
    """Return the kind of a file that begins with these bytes; `None`: no capture."""
    for magic, kind in _MAGICS.items():
        if head.startswith(magic):
            return kind
    if is_app_log(head):
        return "app log"
    if packetlogger_order(head):
        return "packetlogger"
    return "text" if _is_text(head) else None


def unknown_file(head: bytes) -> UnreadableError:
    """Return what to say about a file that is no capture."""
    if not head:
        return UnreadableError("is empty", "record again, and copy the file once the recording has ended")
    what = next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None)
    if what is not None and ("compressed" in what or "archive" in what):
        return UnreadableError(f"is {what}", "unpack it first")
    return UnreadableError(f"is {what or 'not a Bluetooth capture'}", RECORDABLE)


def _is_text(head: bytes) -> bool:
    return bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head[:HEAD_BYTES])
