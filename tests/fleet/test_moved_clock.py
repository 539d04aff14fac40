"""The wall clock of a process moves at once, and its monotonic clocks and its sleeps do not notice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fleet.moved_clock import MovedClock, build

pytestmark = pytest.mark.system  # needs a compiler

_PROGRAM = """
import datetime, sys, time
for line in sys.stdin:
    began = time.monotonic()
    time.sleep(0.01)
    slept = time.monotonic() - began
    print(time.time(), datetime.datetime.now().timestamp(), time.clock_gettime(time.CLOCK_BOOTTIME), slept, flush=True)
"""


def test_only_the_wall_clock_jumps(tmp_path: Path) -> None:
    clock = MovedClock(tmp_path / "clock", build(tmp_path))
    process = subprocess.Popen(
        (sys.executable, "-c", _PROGRAM),
        env={**os.environ, **clock.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for jump, total in ((0, 0), (100_000, 100_000), (-250_000, -150_000)):
        clock.jump(jump)
        process.stdin.write("\n")
        process.stdin.flush()
        wall, date, boot, slept = map(float, process.stdout.readline().split())
        assert wall == pytest.approx(time.time() + total, abs=5)
        assert date == pytest.approx(wall, abs=1)
        assert boot == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
        assert 0.01 <= slept < 5
    process.kill()
    process.communicate()
