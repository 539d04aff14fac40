"""What a process costs: memory and processor time, as Linux counts them."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SETTLED_SECONDS = 6.0
_SETTLED_MB = 0.3
_LONGEST_SECONDS = 90.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"process {pid} has no memory")


def settled_rss_mb(pid: int) -> float:
    """Return the memory of a process once it has not changed for some seconds: a busy machine starts it late."""
    end, last_mb, since = time.monotonic() + _LONGEST_SECONDS, 0.0, time.monotonic()
    while time.monotonic() - since < _SETTLED_SECONDS and time.monotonic() < end:
        time.sleep(0.5)
        if abs((now_mb := rss_mb(pid)) - last_mb) > _SETTLED_MB:
            last_mb, since = now_mb, time.monotonic()
    return rss_mb(pid)
