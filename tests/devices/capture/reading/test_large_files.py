"""A capture of hours is read piece by piece: the memory that it takes does not grow with the file."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.capture_bytes import Record, Recording, btsnoop
from tests.helpers.command_line import ROOT, environment

MOST_MB = 64  # above what Python and the modules take
READ = """
import pathlib, resource, sys
from devices.capture.reading.capture_file import read_capture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
capture = read_capture(pathlib.Path(sys.argv[1]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(capture.packet_count, len(capture.devices[0].messages), (after - before) // 1024)
"""


def traffic(begin: float) -> list[Record]:
    """Return some seconds of a phone that plays music, hears others advertise, and gets a report now and then."""
    it = Recording(at=begin, cut=1000)
    for number in range(300):
        it.handle = 0x000B
        it.frame(0x0041, bytes(900), False)
        it.advertise(f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}", b"\x1e\xff" + bytes(29))
        if number % 10 == 0:
            it.handle = 0x0040
            it.device(f"1b 1000 aa {number // 10:02x}")
    return it.records


@pytest.mark.system
def test_a_file_of_a_hundred_megabytes_takes_little_memory(tmp_path: Path) -> None:
    file, it = tmp_path / "large.log", Recording()
    it.connect()
    pieces = 350
    with file.open("wb") as out:
        out.write(btsnoop(it.records))
        piece = bytearray(btsnoop(traffic(it.at))[16:])
        for _ in range(pieces):
            out.write(piece)
        out.write(struct.pack(">IIII", 3, 3, 1, 0))  # and it is cut off
    assert file.stat().st_size > 100 << 20
    done = subprocess.run(
        [sys.executable, "-c", READ, str(file)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    packets, values, megabytes = map(int, done.stdout.split())
    assert packets == 1 + pieces * 630
    assert values == pieces * 30
    assert megabytes < MOST_MB
