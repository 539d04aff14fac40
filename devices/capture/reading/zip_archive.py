"""Captures in a zip archive, such as an Android bug report: which of its files are Bluetooth logs, in order of time."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Self

from devices.capture.reading.btsnoop import first_record_at
from devices.capture.reading.btsnooz import SHORTENED, summary_in
from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.file_kinds import HEAD_BYTES, RECORDABLE, FileKind, kind_of
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError

_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,  # a kind of compression that Python lacks
    RuntimeError,  # a password
    ValueError,
)
_MOST_MEMBERS = 10_000  # a bug report has some thousand
_MOST_TEXTS = 5
_SHORTENED_NAME = "btsnooz"
_ANDROID_REMEDY = (
    "on the phone, set Developer options, Enable Bluetooth HCI snoop log to enabled (full); switch Bluetooth off and"
    " on; use the app; then make the bug report. Where that records nothing:"
    " `adb shell settings put global bluetooth_btsnoop_default_mode full`"
)


class ZipArchive:
    """The logs in an archive. Members that cannot be read are passed over."""

    def __init__(self, stream: IO[bytes], notes: ReadingNotes) -> None:
        self._notes = notes
        self._locked = False
        try:
            stream.seek(0)
            self._archive = zipfile.ZipFile(stream)
        except _ERRORS as error:
            raise UnreadableError(
                f"is a zip archive that is cut off or damaged ({error})", "copy it again from the phone or computer"
            ) from error
        self._members = [each for each in self._archive.infolist() if each.file_size and not each.is_dir()]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._archive.close()

    def logs(self) -> Iterator[IO[bytes]]:
        """Yield the logs, the oldest first; a copy of one, or its shortened form, is left out."""
        found: dict[tuple[int, int], tuple[int, zipfile.ZipInfo]] = {}
        texts: dict[tuple[int, int], tuple[int, zipfile.ZipInfo]] = {}
        for number, member in enumerate(self._members[:_MOST_MEMBERS]):
            head = self._head(member)
            kind = kind_of(head)
            if _is_log(kind, member.filename):
                at = first_record_at(head) if kind == "btsnoop" else number
                found.setdefault((member.file_size, member.CRC), (at, member))
            elif kind == "app log":
                texts.setdefault((member.file_size, member.CRC), (number, member))
        whole = {key: each for key, each in found.items() if _SHORTENED_NAME not in each[1].filename}
        if found and not whole:
            self._notes.add(SHORTENED)
        # A bug report is itself a long text, in which an app may have logged the same words.
        chosen = whole or found or (texts if not self._texts(report=True) else {})
        for _, member in sorted(chosen.values(), key=lambda each: each[0]):
            yield from self._opened(member)

    def summary(self) -> bytes | None:
        """Return the summary of the shortened log in the text of a bug report; `None` where there is none."""
        for member in sorted(self._texts(report=False), key=lambda each: -each.file_size)[:_MOST_TEXTS]:
            for stream in self._opened(member):
                summary = summary_in(ByteWindow(stream, self._notes).lines())
                if summary is not None:
                    return summary
        return None

    def nothing_in_it(self) -> UnreadableError:
        """Return what to say of an archive without a log."""
        if self._locked:
            return UnreadableError("is a zip archive with a password", "unpack it first")
        if self._texts(report=True):
            return UnreadableError("is a bug report without a Bluetooth log", _ANDROID_REMEDY)
        return UnreadableError("is a zip archive without a Bluetooth capture", RECORDABLE)

    def _texts(self, *, report: bool) -> list[zipfile.ZipInfo]:
        names = ("bugreport", "dumpstate") if report else ("",)
        return [
            each
            for each in self._members
            if each.filename.endswith(".txt") and each.filename.rpartition("/")[2].startswith(names)
        ]

    def _head(self, member: zipfile.ZipInfo) -> bytes:
        for stream in self._opened(member):
            try:
                return stream.read(HEAD_BYTES)
            except _ERRORS:
                pass
        return b""

    def _opened(self, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """Yield the stream of a member, or nothing where it cannot be opened."""
        try:
            stream = self._archive.open(member)
        except _ERRORS as error:
            self._locked = self._locked or "password" in str(error)
            return
        with stream:
            yield stream


def _is_log(kind: FileKind | None, name: str) -> bool:
    name = name.lower()
    match kind:
        case "btsnoop" | "pcap" | "pcapng":
            return True
        case "packetlogger":
            return name.endswith(".pklg")
        case "gzip":
            return "snoop" in name or "hci" in name
    return False
