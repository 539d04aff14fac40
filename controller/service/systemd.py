"""Notifies systemd: ready, reloading, stopping, alive. See sd_notify(3) and config/letdown.service.

A notification is one datagram, so it is sent here; the library for it (sdnotify) is unmaintained.
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

_SEND_SECONDS = 0.2  # the event loop waits for it; systemd reads at once


def notify(*lines: str) -> None:
    """Send lines such as `READY=1`, `STOPPING=1` or `STATUS=...`, if systemd started this process. Never raises."""
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    address = "\0" + name[1:] if name.startswith("@") else name  # `@` stands for an abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.settimeout(_SEND_SECONDS)
            client.sendto("\n".join(lines).encode(errors="replace"), address)
    except OSError as error:
        _warn(name, str(error))


def supervises() -> bool:
    """Return whether systemd started this process as a service that notifies it, and so is what sends it SIGHUP."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def reloading() -> None:
    """Report that new settings are being applied; `READY=1` reports that it is done."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


@contextlib.asynccontextmanager
async def watchdog() -> AsyncIterator[None]:
    """Send keep-alives for the block, three times as often as the unit's `WatchdogSec` requires.

    They are sent from the event loop: no thread could detect a call that holds the GIL.
    """
    seconds = _watchdog_seconds()
    if seconds is None:
        yield
        return
    sending = asyncio.create_task(_send_keep_alives(seconds / 3), name="watchdog")
    try:
        yield
    finally:
        sending.cancel()


async def _send_keep_alives(every_seconds: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_seconds)


def _watchdog_seconds() -> float | None:
    """Return how long systemd waits for a keep-alive in seconds, or `None` if it expects none from this process."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if pid not in (None, "", str(os.getpid())) or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1e6


@functools.cache  # once, not every few seconds
def _warn(name: str, reason: str) -> None:
    _LOGGER.warning("systemd cannot be notified at NOTIFY_SOCKET=%s: %s", name, reason)
