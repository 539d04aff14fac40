"""pcapng files: sections, interfaces and packets (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.capture.reading.byte_window import ByteWindow
from devices.capture.reading.captured_packet import CapturedPacket
from devices.capture.reading.link_types import Decoder
from devices.capture.reading.pcap import link_type_decoder
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError

MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _SIMPLE_PACKET, _PACKET, _OLD_PACKET = 0x0A0D0D0A, 1, 3, 6, 2
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_MOST_BLOCK_BYTES = 1 << 24
_RESOLUTION, _OFFSET = 9, 14  # options of an interface
_MOST_INTERFACES = 1000
_MOST_EXPONENT = 63


@dataclass
class _PcapngInterface:
    name: str
    decode: Decoder | None  # of another link type than Bluetooth: None
    per_second: int = 1_000_000
    offset_seconds: int = 0


@dataclass
class PcapngFile:
    """The state while a file is read: its byte order and interfaces, and for a description what these are."""

    window: ByteWindow
    notes: ReadingNotes
    order: str = "<"
    interfaces: list[_PcapngInterface] = field(default_factory=list)
    refused: UnreadableError | None = None

    @property
    def format_name(self) -> str:
        """What the file is, in words."""
        return ", ".join(["pcapng", *dict.fromkeys(each.name for each in self.interfaces if each.decode)])

    def packets(self) -> Iterator[CapturedPacket]:
        """Yield the packets; after a damaged place, from the next block that is whole. Raise `UnreadableError`."""
        while len(head := self.window.peek(12)) == 12:  # type, length, and the shortest body or length
            if head[:4] == MAGIC:
                self.order = _ORDERS.get(head[8:12], self.order)
                self.interfaces.clear()
            kind, length = struct.unpack_from(self.order + "II", head)
            if not self._is_block(kind, length):
                if len(self.window.peek(length)) < length <= _MOST_BLOCK_BYTES and length % 4 == 0:
                    break
                self.notes.count("damaged")
                self.window.find(self._pattern, 4, self._block_is_here)
                continue
            packet = self._packet(kind, self.window.take(length)[8:-4])
            if packet is not None:
                yield packet
        else:
            if not head:
                self._refuse_if_all_are_others()
                return
        self.notes.add("The file ends in the middle of a packet; all before it was read.")
        self._refuse_if_all_are_others()

    def _refuse_if_all_are_others(self) -> None:
        if self.refused is not None and not any(each.decode for each in self.interfaces):
            raise self.refused

    @property
    def _pattern(self) -> re.Pattern[bytes]:
        kinds = (struct.pack(self.order + "I", kind) for kind in (_SECTION, _INTERFACE, _SIMPLE_PACKET, _PACKET))
        return re.compile(b"|".join(map(re.escape, kinds)))

    def _is_block(self, kind: int, length: int) -> bool:
        """Return whether the block is whole: its length stands at both of its ends."""
        if kind == 0 or not 12 <= length <= _MOST_BLOCK_BYTES or length % 4:
            return False
        return self.window.peek(4, length - 4) == struct.pack(self.order + "I", length)

    def _block_is_here(self) -> bool:
        head = self.window.peek(8)
        return len(head) == 8 and self._is_block(*struct.unpack(self.order + "II", head))

    def _packet(self, kind: int, body: bytes) -> CapturedPacket | None:
        if kind == _INTERFACE and len(body) >= 8 and len(self.interfaces) < _MOST_INTERFACES:
            self.interfaces.append(self._interface(body))
        elif kind in (_PACKET, _OLD_PACKET) and len(body) >= 20:  # interface, time, both lengths
            # the obsolete block has two bytes of drops behind an interface of two bytes
            number = struct.unpack_from(self.order + ("I" if kind == _PACKET else "H"), body)[0]
            high, low, included, original = struct.unpack_from(self.order + "IIII", body, 4)
            if number < len(self.interfaces):
                return self._decoded(self.interfaces[number], high << 32 | low, body[20 : 20 + included], original)
        elif kind == _SIMPLE_PACKET and len(body) >= 4 and self.interfaces:
            original = struct.unpack_from(self.order + "I", body)[0]
            self.notes.add("Some packets have no time; they count as of 1970.")
            return self._decoded(self.interfaces[0], 0, body[4 : 4 + original], original)
        return None

    def _decoded(self, interface: _PcapngInterface, ticks: int, data: bytes, original: int) -> CapturedPacket | None:
        if interface.decode is None:
            return None
        if len(data) < original:
            self.notes.count("shortened")
            return None
        return interface.decode(interface.offset_seconds + ticks / interface.per_second, data, self.notes)

    def _interface(self, body: bytes) -> _PcapngInterface:
        number = struct.unpack_from(self.order + "H", body)[0]
        try:
            interface = _PcapngInterface(*link_type_decoder(number))
        except UnreadableError as error:
            self.refused = error
            return _PcapngInterface("", None)
        at = 8
        while at + 4 <= len(body):
            option, length = struct.unpack_from(self.order + "HH", body, at)
            value = body[at + 4 : at + 4 + length]
            if option == _RESOLUTION and len(value) == 1 and value[0] & 0x7F <= _MOST_EXPONENT:
                interface.per_second = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif option == _OFFSET and len(value) == 8:
                interface.offset_seconds = struct.unpack(self.order + "q", value)[0]
            at += 4 + (length + 3) // 4 * 4
        return interface
