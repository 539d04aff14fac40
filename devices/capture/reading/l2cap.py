"""L2CAP on LE: frames put together from their fragments, in one direction of one connection."""

from __future__ import annotations

from devices.capture.reading.reading_notes import ReadingNotes

ATT_CHANNEL, SIGNALLING_CHANNEL, SECURITY_CHANNEL = 4, 5, 6

_HEADER_BYTES = 4  # length of the payload, channel


class FrameAssembler:
    """Puts the frames of one direction together. A frame that lacks a fragment is counted and left out."""

    def __init__(self, notes: ReadingNotes) -> None:
        self._notes = notes
        self._fragments = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether a frame is begun and not complete."""
        return bool(self._fragments)

    def feed(self, fragment: bytes, *, first: bool) -> tuple[int, bytes] | None:
        """Take a fragment. Return channel and payload of the frame that it completes, or None."""
        if first:
            self.lose()
            if len(fragment) >= _HEADER_BYTES and _frame_bytes(fragment) == len(fragment):
                return _channel(fragment), fragment[_HEADER_BYTES:]
        elif not self._fragments:
            return None  # of a frame that began before the recording, or was given up
        self._fragments += fragment
        there = len(self._fragments)
        if there < _HEADER_BYTES or there < _frame_bytes(self._fragments):
            return None
        frame, self._fragments = bytes(self._fragments), bytearray()
        if there > _frame_bytes(frame):
            self._notes.count("incomplete")
            return None
        return _channel(frame), frame[_HEADER_BYTES:]

    def lose(self) -> None:
        """Drop the incomplete frame: the rest of it will not come."""
        if self._fragments:
            self._notes.count("incomplete")
            self._fragments = bytearray()


def _frame_bytes(frame: bytes | bytearray) -> int:
    return _HEADER_BYTES + (frame[0] | frame[1] << 8)


def _channel(frame: bytes | bytearray) -> int:
    return frame[2] | frame[3] << 8
