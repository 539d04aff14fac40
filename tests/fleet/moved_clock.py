"""A wall clock that a test moves, for one process: a small library to preload, and the file that says how far."""

from __future__ import annotations

import mmap
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("wall_clock.c")


def build(folder: Path) -> Path:
    """Compile the library into a folder, once; return its path."""
    library = folder / "wall_clock.so"
    if not library.exists():
        subprocess.run(("cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"), check=True)
    return library


class MovedClock:
    """The wall clock of the processes that run with `environment`; at first it is right."""

    def __init__(self, file: Path, library: Path) -> None:
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._added = mmap.mmap(opened.fileno(), 8)
        self.seconds = 0
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_FILE": str(file)}

    def jump(self, seconds: int) -> None:
        """Move it, from wherever it is; the monotonic clocks go on as they were."""
        self.seconds += seconds
        self._added[:] = struct.pack("=q", self.seconds)
