"""Closes a connection whose server hangs: it keeps no promise about timeouts, and a driver would wait for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self


class ResponseDeadline:
    """While it is entered, shuts a socket down once `touch` has not been called for so long: what waits there raises.

    `fileno`: that of the connection.
    """

    def __init__(self, fileno: int, seconds: float) -> None:
        # One of its own: the number may belong to another connection by the time it is shut down.
        self._socket = socket.fromfd(fileno, socket.AF_INET, socket.SOCK_STREAM)
        self._seconds = seconds
        self._changed = threading.Condition()
        self._ended = False
        self._deadline = time.monotonic() + seconds

    def touch(self, seconds: float | None = None) -> None:
        """Begin to count again. `seconds`: allow so many from now on."""
        if seconds is not None:
            self._seconds = seconds
        self._deadline = time.monotonic() + self._seconds

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="response deadline", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        with self._changed, self._socket:
            while not self._ended:
                left_seconds = self._deadline - time.monotonic()
                if left_seconds <= 0:
                    with contextlib.suppress(OSError):
                        self._socket.shutdown(socket.SHUT_RDWR)
                    return
                self._changed.wait(left_seconds)
