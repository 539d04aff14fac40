"""Lines that are typed, without blocking the event loop: Ctrl+C works, and links are kept, while one is awaited."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

_MOST_BYTES = 4096


class EndOfInputError(Exception):
    """Standard input has ended: there is no more answer."""


class LineReader:
    """Reads lines of a terminal, a pipe or a file."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        self._read = b""
        self._ended = False

    async def line(self) -> str:
        """Return the next line, without spaces around it. Raise `EndOfInputError`."""
        while b"\n" not in self._read:
            if self._ended:
                last, self._read = self._read, b""
                if last.strip():
                    return last.decode(errors="replace").strip()
                raise EndOfInputError
            data = await self._more()
            self._read += data
            self._ended = not data
        line, _, self._read = self._read.partition(b"\n")
        return line.decode(errors="replace").strip()

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Let a terminal not show what is typed inside the block: it begins before the question is seen."""
        if not os.isatty(self._descriptor) or sys.platform == "win32":
            yield
            return
        import termios

        before = termios.tcgetattr(self._descriptor)
        silent = termios.tcgetattr(self._descriptor)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)

    async def _more(self) -> bytes:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        try:
            loop.add_reader(self._descriptor, ready.set)
        except (OSError, NotImplementedError):  # a file, which never blocks, or Windows, which cannot wait for input
            return os.read(self._descriptor, _MOST_BYTES)
        try:
            await ready.wait()
            return os.read(self._descriptor, _MOST_BYTES)
        except OSError:  # the terminal was closed
            return b""
        finally:
            loop.remove_reader(self._descriptor)
