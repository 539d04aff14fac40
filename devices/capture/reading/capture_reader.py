"""Reads one capture, whatever it is wrapped in, into devices."""

from __future__ import annotations

import datetime
import gzip
from collections.abc import Callable, Iterable, Iterator
from typing import IO, cast

from devices.capture.conversation import CapturedDevice
from devices.capture.reading.app_log import AppLog
from devices.capture.reading.app_log_lines import has_date, log_lines
from devices.capture.reading.btsnoop import btsnoop_format, btsnoop_packets
from devices.capture.reading.btsnooz import btsnooz_packets, summary_in
from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.captured_packet import CapturedPacket, HciPacket
from devices.capture.reading.device_collection import DeviceCollection
from devices.capture.reading.file_kinds import HEAD_BYTES, FileKind, kind_of, unknown_file
from devices.capture.reading.hci_connections import HciConnections
from devices.capture.reading.link_layer import LinkLayerConnections
from devices.capture.reading.packetlogger import packetlogger_order, packetlogger_packets
from devices.capture.reading.pcap import pcap_format, pcap_packets
from devices.capture.reading.pcapng import PcapngFile
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError
from devices.capture.reading.zip_archive import ZipArchive

_MOST_WRAPPINGS = 2  # a gzip file in a zip archive


class CaptureReader:
    """Collects devices from one file, or from the several logs of an archive.

    `day`: the date of a text log that does not say it. `on_piece`: called after each piece of a file.
    """

    def __init__(self, notes: ReadingNotes, day: datetime.date, on_piece: Callable[[], None]) -> None:
        self.packet_count = 0
        self._notes = notes
        self._day = day
        self._on_piece = on_piece
        self._devices = DeviceCollection(notes)
        self._hci = HciConnections(self._devices, notes)
        self._link_layer = LinkLayerConnections(self._devices, notes)
        self._logged: tuple[CapturedDevice, ...] = ()

    @property
    def found(self) -> DeviceCollection:
        """What was found in packets, devices without a connection, too."""
        return self._devices

    def finish(self) -> tuple[CapturedDevice, ...]:
        """Return the devices."""
        return self._devices.finish() + self._logged

    def read(self, stream: IO[bytes], wrappings: int = 0) -> str:
        """Read a stream to its end. Return its format in words. Raise `UnreadableError`."""
        window = ByteWindow(stream, self._notes, self._on_piece)
        head = window.peek(HEAD_BYTES)
        if not head and window.is_damaged:
            raise UnreadableError("is cut off or damaged", "copy it again from the phone or computer")
        kind = kind_of(head)
        if kind in ("gzip", "zip") and wrappings >= _MOST_WRAPPINGS:
            raise UnreadableError("is packed several times", "unpack it first")
        if kind == "zip":
            return self._read_archive(stream, wrappings)
        if kind == "gzip":
            unpacked = gzip.GzipFile(fileobj=cast("IO[bytes]", window))
            return f"{self.read(cast('IO[bytes]', unpacked), wrappings + 1)}, compressed with gzip"
        if kind == "app log":
            return self._read_app_log(window, head)
        if kind == "text":
            return self._read_summary(window.lines(), head)
        return self._read_packets(window, head, kind)

    def _read_packets(self, window: ByteWindow, head: bytes, kind: FileKind | None) -> str:
        match kind:
            case "btsnoop":
                self._take(btsnoop_packets(window, self._notes))
                return btsnoop_format(head)
            case "pcap":
                self._take(pcap_packets(window, self._notes))
                return pcap_format(head)
            case "pcapng":
                file = PcapngFile(window, self._notes)
                self._take(file.packets())
                return file.format_name
            case "packetlogger":
                self._take(packetlogger_packets(window, self._notes, packetlogger_order(head) or ">"))
                return "PacketLogger"
        raise unknown_file(head)

    def _take(self, packets: Iterable[CapturedPacket]) -> None:
        for packet in packets:
            self.packet_count += 1
            if isinstance(packet, HciPacket):
                self._hci.feed(packet)
            else:
                self._link_layer.feed(packet)

    def _read_archive(self, stream: IO[bytes], wrappings: int) -> str:
        with ZipArchive(stream, self._notes) as archive:
            refused: UnreadableError | None = None
            formats: dict[str, None] = {}
            for member in archive.logs():
                try:
                    formats[self.read(member, wrappings + 1)] = None
                except UnreadableError as error:
                    refused = error
            if not formats and (summary := archive.summary()) is not None:
                self._take(btsnooz_packets(summary, self._notes))
                formats["btsnooz"] = None
            if not formats:
                raise refused or archive.nothing_in_it()
        return f"{', '.join(formats)}, in a zip archive"

    def _read_app_log(self, window: ByteWindow, head: bytes) -> str:
        if not has_date(head):
            self._notes.add("The log does not say its date; that of the file was taken.")
        log = AppLog(self._notes)
        log.read(log_lines(window.lines(), self._day))
        self._logged += log.finish()
        self.packet_count += log.line_count
        return "nRF Connect log"

    def _read_summary(self, lines: Iterator[bytes], head: bytes) -> str:
        summary = summary_in(lines)
        if summary is None:
            raise unknown_file(head)
        self._take(btsnooz_packets(summary, self._notes))
        return "btsnooz"
