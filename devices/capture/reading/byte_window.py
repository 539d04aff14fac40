"""A window on a long file: looks ahead and moves on, and keeps no more than a piece of it in memory."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from devices.capture.reading.reading_notes import ReadingNotes

_PIECE_BYTES = 1 << 15  # of a damaged archive, at most so much before the damage is lost
_LONGEST_LINE_BYTES = 1 << 16
_MOST_BYTES = 1 << 34  # of what a small compressed file may claim to hold


class ByteWindow:
    """Reads a stream piece by piece. A stream that ends in an error, such as a cut gzip file, ends here with a note.

    `on_piece`: called after each piece. `is_damaged`: the stream ended in an error.
    """

    def __init__(self, stream: IO[bytes], notes: ReadingNotes, on_piece: Callable[[], None] = lambda: None) -> None:
        # A compressed stream that is cut off loses in `read` what it has unpacked of the piece; in `read1` it does not.
        self._read_some: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._notes = notes
        self._on_piece = on_piece
        self._buffer = b""
        self._at = 0
        self._total_bytes = 0
        self._ended = False
        self.is_damaged = False

    def peek(self, count: int, ahead: int = 0) -> bytes:
        """Return the next bytes, from `ahead` on, and stay; fewer at the end of the file."""
        if len(self._buffer) - self._at < ahead + count and not self._ended:
            self._fill(ahead + count)
        return self._buffer[self._at + ahead : self._at + ahead + count]

    def skip(self, count: int) -> None:
        """Move on."""
        if len(self._buffer) - self._at < count:
            self._fill(count)
        self._at = min(self._at + count, len(self._buffer))

    def take(self, count: int) -> bytes:
        """Return the next bytes, and move on; fewer at the end of the file."""
        taken = self.peek(count)
        self._at += len(taken)
        return taken

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes as a stream does; with -1, about a piece of them."""
        return self.take(_PIECE_BYTES if count < 0 else count)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, with their ends. What is longer than 64 KiB comes in several parts."""
        while self.peek(_LONGEST_LINE_BYTES):
            end = self._buffer.find(b"\n", self._at, self._at + _LONGEST_LINE_BYTES) + 1
            yield self.take(end - self._at if end else _LONGEST_LINE_BYTES)

    def find(self, pattern: re.Pattern[bytes], length: int, fits: Callable[[], bool]) -> bool:
        """Move on by at least a byte, to where `pattern`, of `length` bytes, matches and `fits` agrees.

        Return False, and be at the end of the file, where that is nowhere.
        """
        self.skip(1)
        while self.peek(length):
            found = pattern.search(self._buffer, self._at)
            if found is not None:
                self._at = found.start()
                if fits():
                    return True
                self._at += 1
            elif self._ended:
                break
            else:  # the last bytes may be the beginning of a match
                self._at = max(self._at, len(self._buffer) - length + 1)
                self._fill(length)
        self._at = len(self._buffer)
        return False

    def _fill(self, wanted: int) -> None:
        pieces = [self._buffer[self._at :]]
        there = len(pieces[0])
        while there < wanted and not self._ended:
            piece = self._read()
            pieces.append(piece)
            there += len(piece)
        self._buffer, self._at = b"".join(pieces), 0

    def _read(self) -> bytes:
        piece = b""
        try:
            piece = self._read_some(_PIECE_BYTES)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            self.is_damaged = True
            self._notes.add(f"The file is cut off or damaged ({error}); it was read up to there. Copy it again.")
        self._total_bytes += len(piece)
        if self._total_bytes > _MOST_BYTES:
            self._notes.add("The file holds more than 16 GiB; the rest was not read. Record less at a time.")
            piece = b""
        self._ended = not piece
        self._on_piece()
        return piece
