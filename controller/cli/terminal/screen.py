"""Writes to the terminal from a thread of its own: a terminal that takes nothing never holds up a stop."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

_MOST_LINES = 10_000
_LAST_SECONDS = 1.0  # for the last words, then a terminal that takes nothing is left as it is

ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
LEAVE = "\x1b[?25h\x1b[?1049l"


class TerminalWriter:
    """Writes texts in order to a file descriptor, and draws what `show` was given last.

    What `show` is given is a function, called in the thread: drawing takes time, too.
    """

    def __init__(self, fd: int, encoding: str = "utf-8") -> None:
        self._fd = fd
        self._encoding = encoding
        self._texts: deque[str] = deque(maxlen=_MOST_LINES)
        self._drawing: Callable[[], str] | None = None
        self._drawn = ""
        self._wake = threading.Condition()
        self._closing = False
        self._writing = False
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Write a text soon."""
        with self._wake:
            self._texts.append(text)
            self._drawn = ""  # what is on the screen may be gone
            self._wake.notify()

    def show(self, draw: Callable[[], str]) -> None:
        """Write what `draw` returns soon, if it differs from what was drawn last; the latest replaces those before."""
        with self._wake:
            self._drawing = draw
            self._wake.notify()

    def close(self) -> None:
        """Write what is left, but do not wait longer than a second for a terminal that takes nothing."""
        with self._wake:
            self._closing, self._drawing = True, None
            self._wake.notify()
        self._thread.join(_LAST_SECONDS)

    def flush(self) -> None:
        """Wait until what was given is written, a second at most."""
        with self._wake:
            self._drawing = None
            self._wake.wait_for(lambda: not self._texts and not self._writing, _LAST_SECONDS)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._texts or self._drawing or self._closing)
                texts, drawing = list(self._texts), self._drawing
                self._texts.clear()
                self._drawing, self._writing = None, True
                if not texts and drawing is None:
                    return
                drawn = self._drawn
            try:
                for text in texts:
                    self._send(text)
                if drawing is not None and (new := drawing()) != drawn:
                    self._send(new)
                    with self._wake:
                        self._drawn = new
            except OSError:
                return  # the terminal is gone
            finally:
                with self._wake:
                    self._writing = False
                    self._wake.notify_all()

    def _send(self, text: str) -> None:
        data = text.encode(self._encoding, errors="replace")
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # somebody set the terminal to non-blocking
                time.sleep(0.02)


def frame(drawn: str) -> str:
    """Return a drawn view as what to write: each line replaces what was there, without flicker."""
    return "\x1b[?2026h\x1b[H" + "\x1b[K\r\n".join(drawn.split("\n")) + "\x1b[K\x1b[J\x1b[?2026l"
