"""Reading what the service sends to systemd's notification socket."""

from __future__ import annotations

import contextlib
import socket


def heard(door: socket.socket) -> list[str]:
    """Return the messages since it was asked last."""
    messages = []
    with contextlib.suppress(BlockingIOError):
        while True:
            messages.append(door.recv(4096).decode())
    return messages
