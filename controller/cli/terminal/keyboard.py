"""Reads single keys from a terminal, and always gives the terminal back as it was. What a key does is in `keys`."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = tty = None  # type: ignore[assignment]

URGENT = frozenset("p ")  # pain and stop count however they arrive, also in the middle of a pasted text

_QUIET_SECONDS = 0.02  # no person presses two keys within this; a pasted text, or an escape sequence, comes faster
_MOST_BYTES = 4096
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-DFHM-S])")  # arrows and function keys


def split_keys(text: str) -> list[str]:
    """Return the keys in what a terminal sent, in small letters, without arrows and function keys.

    An escape that begins no sequence is dropped and what follows it is kept: Alt+p is pain.
    """
    return [key.lower() for key in _SEQUENCE.sub("\N{NULL}", text) if key != "\x1b"]


class KeyFilter:
    """Passes on a key that comes alone. Of several at once, a paste, it passes on pain and stop only.

    `call_later` is that of the event loop.
    """

    def __init__(self, on_key: Callable[[str], None], call_later: Callable[..., Any], now: Callable[[], float]) -> None:
        self._on_key = on_key
        self._call_later = call_later
        self._now = now
        self._last_seconds = -1.0
        self._pending: Any = None

    def feed(self, text: str) -> None:
        """Take what the terminal sent."""
        keys = split_keys(text)
        for key in URGENT.intersection(keys):
            self._on_key(key)
        now_seconds, last_seconds = self._now(), self._last_seconds
        self._last_seconds = now_seconds
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if len(keys) == 1 and keys[0] not in URGENT and now_seconds - last_seconds > _QUIET_SECONDS:
            self._pending = self._call_later(_QUIET_SECONDS, self._on_key, keys[0])


class Keyboard:
    """The keys of a terminal, without Enter and without echo. Ctrl+C and Ctrl+Z stay signals.

    `on_suspend`, `on_resume`: called around Ctrl+Z, to leave the screen and to draw it again.
    """

    def __init__(
        self,
        on_key: Callable[[str], None],
        *,
        on_suspend: Callable[[], None] = lambda: None,
        on_resume: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._filter = KeyFilter(on_key, self._loop.call_later, self._loop.time)
        self._on_suspend = on_suspend
        self._on_resume = on_resume
        self._fd = -1
        self._before: Any = None

    @staticmethod
    def available() -> bool:
        """Return whether keys can be read: from a terminal, in the foreground, and not on Windows."""
        if sys.platform == "win32":
            return False
        try:
            fd = sys.stdin.fileno()
            return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
        except (AttributeError, OSError, ValueError):  # no stdin at all
            return False

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read keys inside the block."""
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)
        atexit.register(self.restore)  # if all else is skipped
        self._begin()
        self._loop.add_reader(self._fd, self._on_readable)
        try:
            self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
            yield
        finally:
            self._loop.remove_signal_handler(signal.SIGTSTP)
            self._loop.remove_reader(self._fd)
            self.restore()
            atexit.unregister(self.restore)

    def restore(self) -> None:
        """Set the terminal back to what it was."""
        with contextlib.suppress(termios.error, OSError):  # the terminal may be gone
            # At once: after `TCSADRAIN`, a terminal that shows nothing (Ctrl+S) would block this for ever.
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def _begin(self) -> None:
        with contextlib.suppress(termios.error, OSError):
            tty.setcbreak(self._fd, termios.TCSANOW)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, _MOST_BYTES)
        except (InterruptedError, BlockingIOError):
            return
        except OSError:
            data = b""
        if not data:  # the terminal is gone
            self._loop.remove_reader(self._fd)
            return
        self._filter.feed(data.decode(errors="replace"))

    def _suspend(self) -> None:
        """Give the terminal back, stop this process as Ctrl+Z does, and go on here when it is continued."""
        self._on_suspend()
        self.restore()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._begin()
        self._on_resume()
