"""A command at a terminal of its own, as a person sees it: wait for words, type, press Ctrl+C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.helpers.command_line import LETDOWN, environment

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")

_OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"  # so that Ctrl+C reaches it


class PseudoTerminal:
    """`letdown` at a terminal of 80 by 24, inside a `with` block."""

    def __init__(self, *arguments: str, cwd: Path, **env: str) -> None:
        self._terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [LETDOWN[0], LETDOWN[1], f"{_OWN_TERMINAL}; {LETDOWN[2]}", *arguments],
            cwd=cwd,
            env=environment(**{"TERM": "xterm", "LANG": "C.UTF-8", **env}),
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        self._read = ""
        self._passed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    @property
    def said(self) -> str:
        """All that was shown so far, in one line."""
        return " ".join(_ESCAPES.sub("", self._read).split())

    def until(self, words: str, seconds: float = 60.0) -> None:
        """Wait until these words are shown, after those that were waited for before."""
        end = time.monotonic() + seconds
        while words not in self.said[self._passed :]:
            assert time.monotonic() < end, f"{words!r} did not come: {self.said[self._passed :]}"
            assert self._more(0.5) or self.process.poll() is None, f"{words!r} did not come: {self.said}"
        self._passed = self.said.index(words, self._passed) + len(words)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and type an answer."""
        self.until(question)
        self.until(">")
        self.type(f"{text}\n")

    def type(self, text: str) -> None:
        """Type something; `\\x03` is Ctrl+C."""
        os.write(self._terminal, text.encode())

    def ended(self, seconds: float = 30.0) -> int:
        """Wait for its end; return the exit code."""
        end = time.monotonic() + seconds
        while self._more(0.2) or self.process.poll() is None:
            assert time.monotonic() < end, self.said
        return self.process.wait()

    def _more(self, seconds: float) -> bool:
        """Read what is shown within some time; return whether there was anything."""
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # its end was closed
            return False
        self._read += data.decode(errors="replace")
        return bool(data)
