"""Tells systemd how the service is: ready, reloading, stopping, alive. See sd_notify(3) and config/letdown.service.

It is one datagram, so it is written here; the small library for it (sdnotify) is no longer looked after.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import socket
import time
from collections.abc import AsyncIterator

_LOGGER = logging.getLogger(__name__)

_SEND_SECONDS = 0.2  # the event loop waits for it, but systemd reads at once


def notify(*lines: str) -> None:
    """Send lines such as `READY=1`, `STOPPING=1` or `STATUS=...`, if systemd started this process. Never raises."""
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    address = "\0" + name[1:] if name.startswith("@") else name  # `@` is how an abstract name is written
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.settimeout(_SEND_SECONDS)
            door.sendto("\n".join(lines).encode(errors="replace"), address)
    except OSError as error:
        _complain(name, str(error))


def reloading() -> None:
    """Say that new settings are being taken over; `READY=1` says that it is done."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


@contextlib.asynccontextmanager
async def watchdog() -> AsyncIterator[None]:
    """Tell systemd for the block that the event loop turns, three times as often as its unit's `WatchdogSec` needs.

    It is told from the loop itself: a call that keeps Python's lock lets no thread run that could notice.
    """
    seconds = _watchdog_seconds()
    if seconds is None:
        yield
        return
    telling = asyncio.create_task(_tell(seconds / 3), name="watchdog")
    try:
        yield
    finally:
        telling.cancel()


async def _tell(every_seconds: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_seconds)


def _watchdog_seconds() -> float | None:
    """Return how long systemd waits for a sign of life, or `None` if it waits for none from this process."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if pid not in (None, "", str(os.getpid())) or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6


@functools.cache  # once: it would be said again every few seconds
def _complain(name: str, reason: str) -> None:
    _LOGGER.warning("systemd does not hear this service at NOTIFY_SOCKET=%s: %s", name, reason)
