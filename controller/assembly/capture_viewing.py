"""Makes the page of an uploaded capture in a process of its own: reading one takes time and memory of a service."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from controller.contract.capture_pages import CaptureRefusedError

MOST_BYTES = 32 << 20
_MOST_SECONDS = 120.0
_MOST_MEMORY_BYTES = 1 << 30  # of addresses; a capture of 32 MB took 400 MB
# What a system does not have of these, it goes without.
_MODEST = '{ ulimit -v "$0"; echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec nice -n 10 "$@"'
_LAST_WORDS = 300  # characters
_CRASHES = {-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS}
_SAID = b"letdown: "  # how each error begins that the command itself explains
# What Python, its threads, its libraries and the loader report when memory runs out.
_OUT_OF_MEMORY = (
    b"MemoryError",
    b"annot allocate memory",
    b"can't start new thread",
    b"failed to map segment",
    b"Fatal Python error",
)


class CaptureViewing:
    """Makes one page at a time. The file is gone when the page is made."""

    def __init__(
        self,
        most_bytes: int = MOST_BYTES,
        most_seconds: float = _MOST_SECONDS,
        most_memory_bytes: int = _MOST_MEMORY_BYTES,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._most_memory_bytes = most_memory_bytes
        self._busy = False

    async def page(self, content: AsyncIterator[bytes], language: str) -> str:
        """Return an HTML document for the content of a file. Raise `CaptureRefusedError`."""
        if self._busy:
            raise CaptureRefusedError("busy")
        self._busy = True
        try:
            with tempfile.TemporaryDirectory(prefix="letdown-") as folder:
                file = Path(folder) / "capture"
                async with asyncio.timeout(self._most_seconds):
                    await self._save(content, file)
                    return await _page_of(file, language, self._most_memory_bytes)
        except TimeoutError:
            raise CaptureRefusedError("slow") from None
        finally:
            self._busy = False

    async def _save(self, content: AsyncIterator[bytes], file: Path) -> None:
        size = 0
        with file.open("wb") as opened:
            async for part in content:
                size += len(part)
                if size > self._most_bytes:
                    raise CaptureRefusedError("large")
                opened.write(part)


async def _page_of(file: Path, language: str, most_memory_bytes: int) -> str:
    page = file.with_name("frames.html")
    command = (sys.executable, "-m", "controller.cli.entry", "capture", "show", str(file), "--html", str(page))
    process = await asyncio.create_subprocess_exec(
        *_modest(most_memory_bytes),
        *command,
        "--language",
        language,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # its caller was cancelled
    if process.returncode != 0 and _has_too_little_memory(process.returncode, errors):
        raise CaptureRefusedError("large")
    if process.returncode != 0 or not page.exists():
        words = errors.decode(errors="replace").strip().replace(str(file), "")
        raise CaptureRefusedError("unreadable", words.removeprefix("letdown: ").lstrip(": ")[:_LAST_WORDS])
    return page.read_text(encoding="utf-8")


def _has_too_little_memory(returncode: int | None, errors: bytes) -> bool:
    """Return whether a process that failed had too little memory: it reported that, or could report nothing."""
    return returncode in _CRASHES or any(words in errors for words in _OUT_OF_MEMORY) or _SAID not in errors


def _modest(most_memory_bytes: int) -> tuple[str, ...]:
    """Return what to put before a command, so that it takes neither the time nor the memory of a running session.

    Where memory runs out all the same, Linux ends this process, and not the service.
    """
    if not (shell := shutil.which("sh")):
        return ()
    return shell, "-c", _MODEST, str(most_memory_bytes // 1024)
