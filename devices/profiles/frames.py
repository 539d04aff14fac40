"""Binary frames around payloads, and the joining of frames that come split. Pure: bytes in, parts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.driver.checksums import checksum, checksum_size
from devices.driver.vocabulary import ByteOrder
from devices.errors import ProtocolError
from devices.profiles.frame_spec import Frame, Part

_LONGEST_FRAME_BYTES = 1024


@dataclass(frozen=True)
class Parts:
    """What a frame carried."""

    opcode: bytes
    payload: bytes
    counter: int | None


def wrap(frame: Frame, order: ByteOrder, opcode: bytes, payload: bytes, counter: int) -> bytes:
    """Return the frame around a payload."""
    sizes = _sizes(frame, len(payload))
    parts: dict[Part, bytes] = {
        "head": frame.head,
        "tail": frame.tail,
        "opcode": opcode,
        "counter": (counter % (1 << 8 * frame.counter_bytes)).to_bytes(frame.counter_bytes, order),
        "payload": payload,
    }
    if frame.length:
        counted = _counted(frame, sizes)
        parts["length"] = counted.to_bytes(frame.length.width, frame.length.order or order)
    if frame.checksum:
        parts["checksum"] = _sum(frame, parts, order)
    return b"".join(parts[part] for part in frame.layout)


def unwrap(frame: Frame, order: ByteOrder, data: bytes) -> Parts:
    """Return what a whole frame carries. Raise `ProtocolError` where it is not one."""
    sizes = _sizes(frame, 0)
    payload_size = len(data) - sum(sizes.values())
    if payload_size < 0:
        raise ProtocolError(f"a frame has at least {sum(sizes.values())} bytes, not {len(data)}")
    sizes["payload"] = payload_size
    parts: dict[Part, bytes] = {}
    at = 0
    for part in frame.layout:
        parts[part] = data[at : at + sizes[part]]
        at += sizes[part]
    fixed_parts: tuple[tuple[Part, bytes], ...] = (("head", frame.head), ("tail", frame.tail))
    for part, fixed in fixed_parts:
        if fixed and parts[part] != fixed:
            raise ProtocolError(f"the {part} of a frame is {fixed.hex(' ')}, not {parts[part].hex(' ')}")
    if frame.length:
        length = int.from_bytes(parts["length"], frame.length.order or order)
        if length != _counted(frame, sizes):
            raise ProtocolError(f"the length says {length}, the frame has {_counted(frame, sizes)}")
    if frame.checksum and parts["checksum"] != (expected := _sum(frame, parts, order)):
        raise ProtocolError(f"the checksum is {parts['checksum'].hex(' ')}, {expected.hex(' ')} was expected")
    counter = int.from_bytes(parts["counter"], order) if "counter" in parts else None
    return Parts(parts.get("opcode", b""), parts["payload"], counter)


class FrameJoiner:
    """Makes whole frames of what comes in pieces, or several at once, and finds the next one after garbage."""

    def __init__(self, frame: Frame, order: ByteOrder) -> None:
        self._frame = frame
        self._order: ByteOrder = order
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take in a piece; return the whole frames that are there now."""
        self._buffer += data
        found: list[bytes] = []
        while self._buffer:
            if self._frame.head:
                begin = _find_head(self._buffer, self._frame.head)
                self._buffer = self._buffer[begin:]
            size = self._size()
            if size is None or size > len(self._buffer):
                break
            candidate = self._buffer[:size]
            try:
                unwrap(self._frame, self._order, candidate)
            except ProtocolError:
                self._buffer = self._buffer[1:]  # what looked like a beginning was none
            else:
                found.append(candidate)
                self._buffer = self._buffer[size:]
        self._buffer = self._buffer[-_LONGEST_FRAME_BYTES:]
        return found

    def _size(self) -> int | None:
        """Return how long the frame at the beginning is; `None` while too little of it is there."""
        frame = self._frame
        if frame.length is None:
            end = self._buffer.find(frame.tail, len(frame.head))
            return None if end < 0 else end + len(frame.tail)
        sizes = _sizes(frame, 0)
        before = frame.layout[: frame.layout.index("length")]
        at = sum(sizes[part] for part in before)
        width = sizes["length"]
        if len(self._buffer) < at + width:
            return None
        length = int.from_bytes(self._buffer[at : at + width], frame.length.order or self._order)
        overhead = sum(sizes.values())
        size = overhead + length - _counted(frame, sizes)  # what is counted beside the payload is in both
        return max(size, overhead) if size <= _LONGEST_FRAME_BYTES else overhead


def _find_head(buffer: bytes, head: bytes) -> int:
    """Return where a head begins, or may begin with what is there of it; the end where none does."""
    begin = buffer.find(head)
    if begin >= 0:
        return begin
    for size in range(min(len(head) - 1, len(buffer)), 0, -1):
        if buffer.endswith(head[:size]):
            return len(buffer) - size
    return len(buffer)


def _sizes(frame: Frame, payload: int) -> dict[Part, int]:
    sizes: dict[Part, int] = {
        "head": len(frame.head),
        "tail": len(frame.tail),
        "length": frame.length.width if frame.length else 0,
        "opcode": frame.opcode_bytes,
        "counter": frame.counter_bytes,
        "payload": payload,
        "checksum": checksum_size(frame.checksum.kind) if frame.checksum else 0,
    }
    return {part: sizes[part] for part in frame.layout}


def _counted(frame: Frame, sizes: Mapping[Part, int]) -> int:
    counts = frame.length.counts if frame.length else "frame"
    if counts == "payload":
        return sizes["payload"]
    if counts == "rest":
        after = frame.layout[frame.layout.index("length") + 1 :]
        return sum(sizes[part] for part in after)
    return sum(sizes.values())


def _sum(frame: Frame, parts: Mapping[Part, bytes], order: ByteOrder) -> bytes:
    if frame.checksum is None:
        return b""
    over = frame.checksum.over
    if over == "payload":
        spanned: tuple[Part, ...] = ("payload",)
    elif over == "frame":
        spanned = frame.layout[: frame.layout.index("checksum")]
    else:
        first, last = (frame.layout.index(part) for part in over)
        spanned = frame.layout[first : last + 1]
    data = b"".join(parts[part] for part in spanned)
    kind = frame.checksum.kind
    return checksum(kind, data).to_bytes(checksum_size(kind), frame.checksum.order or order)
