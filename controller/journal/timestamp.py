"""Timestamps from which a later run of the controller can tell how long ago something was, even if the clock was set.

The wall clock can only make the elapsed time shorter, never longer: elapsed time decides whether somebody has rested.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # exists on Linux only


@dataclass(frozen=True)
class Timestamp:
    """A moment by three clocks. `monotonic_seconds`: since boot `boot_id`, which is empty where it is unknown."""

    boot_id: str
    monotonic_seconds: float
    wall: datetime


def now() -> Timestamp:
    """Return this moment."""
    return Timestamp(_boot_id(), time.monotonic(), datetime.now(UTC))


def seconds_since(then: Timestamp, now: Timestamp) -> float:
    """Return how many seconds have certainly passed: never below 0, never more than by the wall clock."""
    same_boot = then.boot_id == now.boot_id != ""
    passed = now.monotonic_seconds - then.monotonic_seconds if same_boot else now.monotonic_seconds
    return max(0.0, min(passed, (now.wall - then.wall).total_seconds()))


@cache
def _boot_id() -> str:
    """Return the id of this boot of the machine; empty where there is none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
