"""The way in: reads a file into a `Capture`, or says why nothing can be read of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

from devices.capture.conversation import Capture
from devices.capture.reading.capture_reader import CaptureReader
from devices.capture.reading.reading_notes import ReadingNotes, UnreadableError
from devices.support.file_error import FileError, Problem

Progress = Callable[[int, int], None]
"""Called with the bytes that were read, and those of the whole file. What it raises ends the reading."""


def read_capture(path: Path, on_progress: Progress | None = None) -> Capture:
    """Read a capture of any format; a file of several GB takes minutes, and not much memory.

    What is damaged, encrypted or too much is left out and named in `problems`. Raise `FileError` where nothing can be
    read.
    """
    try:
        return _read(path, on_progress)
    except UnreadableError as error:
        raise FileError(path, [error.problem]) from error
    except OSError as error:
        remedy = "check its name, and whether you may read it"
        raise FileError(path, [Problem(0, "", f"cannot be read ({error.strerror or error})", remedy)]) from error


def _read(path: Path, on_progress: Progress | None) -> Capture:
    notes = ReadingNotes()
    with path.open("rb") as file:
        size, furthest = path.stat().st_size, 0

        def on_piece() -> None:
            nonlocal furthest
            furthest = min(size, max(furthest, file.tell()))
            if on_progress is not None:
                on_progress(furthest, size)

        reader = CaptureReader(notes, datetime.date.fromtimestamp(path.stat().st_mtime), on_piece)
        file_format = reader.read(file)
    devices = reader.finish()
    if not devices:
        if reader.packet_count == 0:
            raise UnreadableError(
                "has no Bluetooth packets in it",
                "check that the recording was on while you used the app: on Android, switch Bluetooth off and on after"
                " you have set the log to enabled",
            )
        count = reader.found.advertising_count
        notes.add(
            "No Bluetooth LE connection with readable data is in it;"
            f" {count or 'no'} device{'' if count == 1 else 's'} advertised. Begin the recording, then let the app"
            " connect to the device and use it."
        )
    return Capture(
        file_format,
        devices,
        reader.packet_count,
        notes.problems,
        private_addresses=tuple(reader.found.private_addresses),
        private_names=tuple(reader.found.private_names),
    )
