"""When something was said, so that a later run of the controller can tell how long ago, whoever sets the clock.

The wall clock can make the time that passed shorter, and never longer: what passed decides whether somebody has rested.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux alone has it


@dataclass(frozen=True)
class Stamp:
    """A moment by three clocks. `monotonic_seconds` count from a boot; an empty `boot_id` stands for an unknown one."""

    boot_id: str
    monotonic_seconds: float
    wall: datetime


def now() -> Stamp:
    """Return this moment."""
    return Stamp(_boot_id(), time.monotonic(), datetime.now(UTC))


def seconds_since(stamp: Stamp, now: Stamp) -> float:
    """Return how many seconds have certainly passed since a stamp: never below 0, never more than by the wall clock."""
    same_boot = stamp.boot_id == now.boot_id != ""
    passed = now.monotonic_seconds - stamp.monotonic_seconds if same_boot else now.monotonic_seconds
    return max(0.0, min(passed, (now.wall - stamp.wall).total_seconds()))


@cache
def _boot_id() -> str:
    """Return what names this boot of the machine; empty where nobody knows."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
