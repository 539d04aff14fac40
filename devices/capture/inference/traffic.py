"""The traffic of one device, by characteristic and direction, in whole frames where the pieces can be joined."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from devices.capture.conversation import CapturedDevice
from devices.driver.vocabulary import ByteOrder

_SIG = "-0000-1000-8000-00805f9b34fb"
_STANDARD_SERVICES = {f"0000{short}{_SIG}" for short in ("1800", "1801", "180a", "180f")}
_NOT_VALUES = {f"0000{short}{_SIG}" for short in ("2900", "2901", "2902", "2903", "2904")}
BATTERY_LEVEL = f"00002a19{_SIG}"
_SWITCHES = {b"\0\0", b"\1\0", b"\2\0"}

_LONGEST_HEAD = 2
_DEEPEST_LENGTH = 5  # where in a frame a length is looked for
_MOST_UNCOUNTED = 10  # bytes of a frame that its length leaves out
_SAMPLE_BYTES = 3000
_FEWEST_FRAMES = 3
_LONGEST_FRAME_BYTES = 1024
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One frame. `connection`: the number of the connection. `was_read`: the app read it; else it was sent."""

    at_seconds: float
    connection: int
    handle: int
    from_device: bool
    data: bytes
    was_read: bool = False


@dataclass(frozen=True)
class Traffic:
    """All frames of one device in the order of time, without those of standard services.

    `split`: the handles on which frames came in pieces, or several at once. `piece_bytes`: by handle, the longest
    piece of a frame that was split.
    """

    frames: tuple[WireFrame, ...]
    split: frozenset[int] = frozenset()
    piece_bytes: dict[int, int] | None = None

    def on(self, handle: int) -> list[WireFrame]:
        """Return the frames of one characteristic."""
        return [frame for frame in self.frames if frame.handle == handle]

    @property
    def from_app(self) -> list[WireFrame]:
        """The frames that the app wrote."""
        return [frame for frame in self.frames if not frame.from_device]

    @property
    def from_device(self) -> list[WireFrame]:
        """The frames that the device sent, or that the app read."""
        return [frame for frame in self.frames if frame.from_device]


def traffic_of(device: CapturedDevice) -> Traffic:
    """Return the traffic of a device. What the device refused, and empty values, are left out."""
    pieces: dict[tuple[int, bool, bool], list[WireFrame]] = defaultdict(list)
    own = {handle for handle in device.characteristics if _is_own(device, handle)}
    for connection in device.connections:
        for message in connection.messages:
            if message.error is not None or not message.value or message.handle not in own:
                continue
            piece = WireFrame(
                message.at_seconds,
                connection.number,
                message.handle,
                message.from_device,
                message.value,
                message.kind == "read",
            )
            pieces[piece.handle, piece.from_device, piece.was_read].append(piece)
    frames: list[WireFrame] = []
    split: set[int] = set()
    piece_bytes: dict[int, int] = {}
    for (handle, _, was_read), each in pieces.items():
        joined = each if was_read else join_pieces(each)
        frames += joined
        if [frame.data for frame in joined] != [piece.data for piece in each]:
            split.add(handle)
            piece_bytes[handle] = max(len(piece.data) for piece in each)
    frames.sort(key=lambda frame: frame.at_seconds)
    return Traffic(tuple(frames), frozenset(split), piece_bytes)


def _is_own(device: CapturedDevice, handle: int) -> bool:
    """Return whether a handle is of the maker's own protocol: no standard service, and no descriptor."""
    found = device.characteristics[handle]
    if found.uuid is None:
        # Without a discovery, a descriptor that switches notifications on is known by its values alone.
        values = {message.value for message in device.messages if message.handle == handle}
        return not values <= _SWITCHES
    return found.service not in _STANDARD_SERVICES and found.uuid not in _NOT_VALUES


# Frames that come in pieces


class StreamShape(NamedTuple):
    """How frames follow each other in a stream: they begin with `head`, and have their length at `at`.

    `uncounted`: the bytes of a frame that its length leaves out.
    """

    head: bytes
    at: int
    width: int
    order: ByteOrder
    uncounted: int

    def frame_at(self, stream: bytes, begin: int) -> int | None:
        """Return where the frame that begins here ends; `None` where none does, or it is cut off."""
        if not stream.startswith(self.head, begin):
            return None
        field = stream[begin + self.at : begin + self.at + self.width]
        end = begin + int.from_bytes(field, self.order) + self.uncounted
        return end if len(field) == self.width and begin + self.at + self.width <= end <= len(stream) else None


def join_pieces(pieces: Sequence[WireFrame]) -> list[WireFrame]:
    """Return whole frames; as they came, where nothing shows that they are pieces."""
    if _are_text(pieces):
        return list(pieces)
    streams = _streams(pieces)
    shape = _stream_shape(pieces, streams)
    if shape is None:
        return _joined_by_size(pieces)
    found: list[WireFrame] = []
    for stream in streams:
        found += _cut(stream, shape) or ()
    return sorted(found, key=lambda frame: frame.at_seconds)


def _are_text(pieces: Iterable[WireFrame]) -> bool:
    return all(is_text(piece.data) for piece in pieces)


def is_text(data: bytes) -> bool:
    """Return whether bytes are printable ASCII and ends of lines."""
    return all(32 <= byte < 127 or byte in b"\r\n\t\0" for byte in data)  # noqa: PLR2004 - printable ASCII


def _streams(pieces: Sequence[WireFrame]) -> list[list[WireFrame]]:
    by_connection: dict[int, list[WireFrame]] = defaultdict(list)
    for piece in pieces:
        by_connection[piece.connection].append(piece)
    return list(by_connection.values())


def _stream_shape(pieces: Sequence[WireFrame], streams: Sequence[Sequence[WireFrame]]) -> StreamShape | None:
    """Return the shape in which all bytes are frames of several lengths; `None` where each piece is a frame itself.

    Of several shapes, that with most frames: the others take several frames for one.
    """
    if len({len(piece.data) for piece in pieces}) == len({piece.data[:1] for piece in pieces}) == 1:
        return None  # all begin alike, and are of one length: nothing is split
    samples = [b"".join(piece.data for piece in stream)[:_SAMPLE_BYTES] for stream in streams[:4]]
    distinct = {piece.data for piece in pieces}
    candidates = [shape for shape in _shapes_of(pieces, streams) if _covers(samples, shape)]
    if any(all(shape.frame_at(data, 0) == len(data) for data in distinct) for shape in candidates):
        return None
    found: list[tuple[int, StreamShape]] = []
    for shape in candidates:
        cut = [_cut(stream, shape) for stream in streams]
        if all(frames is not None for frames in cut):
            found.append((sum(len(frames or ()) for frames in cut), shape))
    return max(found, key=lambda each: each[0])[1] if found else None


def _shapes_of(pieces: Sequence[WireFrame], streams: Sequence[Sequence[WireFrame]]) -> Iterable[StreamShape]:
    """Yield the shapes whose head is how a stream begins, or most of the pieces do."""
    for size in range(_LONGEST_HEAD, 0, -1):
        often, _ = Counter(piece.data[:size] for piece in pieces).most_common(1)[0]
        heads = dict.fromkeys((often, *(stream[0].data[:size] for stream in streams)))
        for head in heads:
            if len(head) == size:
                yield from _shapes(head)


def _shapes(head: bytes) -> Iterable[StreamShape]:
    for at in range(len(head), _DEEPEST_LENGTH):
        for width, order in ((1, "big"), (2, "big"), (2, "little")):
            for uncounted in range(_MOST_UNCOUNTED):
                yield StreamShape(head, at, width, order, uncounted)  # type: ignore[arg-type]  # the two orders


def _covers(samples: Sequence[bytes], shape: StreamShape) -> bool:
    lengths = []
    for stream in samples:
        begin = 0
        while (end := shape.frame_at(stream, begin)) is not None:
            lengths.append(end - begin)
            begin = end
        if len(stream) < _SAMPLE_BYTES and begin < len(stream):
            return False  # what is left is no frame
        if begin == 0:
            return False
    return len(set(lengths)) > 1 and len(lengths) >= _FEWEST_FRAMES


def _cut(stream: Sequence[WireFrame], shape: StreamShape) -> list[WireFrame] | None:
    """Return the frames of a stream, each with the time of the piece that completed it; `None` where bytes are left."""
    found: list[WireFrame] = []
    buffer = b""
    last_seconds = 0.0
    for piece in stream:
        if buffer and piece.at_seconds - last_seconds > _LONGEST_PAUSE_SECONDS:
            return None  # the pieces of one frame follow each other at once
        last_seconds = piece.at_seconds
        buffer += piece.data
        begin = 0
        while (end := shape.frame_at(buffer, begin)) is not None:
            found.append(replace(piece, data=buffer[begin:end]))
            begin = end
        buffer = buffer[begin:]
        if len(buffer) > _LONGEST_FRAME_BYTES:
            return None
    return None if buffer else found


def _joined_by_size(pieces: Sequence[WireFrame]) -> list[WireFrame]:
    """Join what follows a piece of the largest size, and does not begin like the others, to it."""
    largest = max(len(piece.data) for piece in pieces)
    begins = Counter(piece.data[:1] for piece in pieces)
    head, count = begins.most_common(1)[0]
    if count == len(pieces) or count * 2 < len(pieces) or largest < 8:  # noqa: PLR2004 - no app sends smaller pieces
        return list(pieces)
    found: list[WireFrame] = []
    last: WireFrame | None = None
    for piece in pieces:
        goes_on = last is not None and len(last.data) == largest and piece.connection == last.connection
        if goes_on and not piece.data.startswith(head):
            found[-1] = replace(piece, data=found[-1].data + piece.data)
        else:
            found.append(piece)
        last = piece
    return found if all(frame.data.startswith(head) for frame in found) else list(pieces)
