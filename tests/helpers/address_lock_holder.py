"""Another process that holds the lock of a Bluetooth address, as a second controller would."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HOLDER = """
import sys, pathlib
from devices.bluetooth.address_locks import AddressLocks
with AddressLocks(pathlib.Path(sys.argv[1])).hold(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_controller(folder: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock of an address for the block."""
    command = (sys.executable, "-c", HOLDER, str(folder), address)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()
