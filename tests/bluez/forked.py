"""`letdown` in a process of its own, begun by the forker, with what the system tests want of a process."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.helpers.mqtt_listener import TOPICS
from tests.helpers.patience import until


class Forked:
    """One process, known by the files beside its log. Looks like one of asyncio's."""

    def __init__(self, log: Path, name: str = "letdown") -> None:
        self.name = name
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def returncode(self) -> int | None:
        """How it ended; `None` while it runs."""
        return _number(self._log.with_suffix(".code"))

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        pid = _number(self._log.with_suffix(".pid"))
        if pid is not None and self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def began(self) -> None:
        """Wait until it has begun."""
        await self._until(lambda: _number(self._log.with_suffix(".pid")) is not None, "begun")

    async def wait(self, seconds: float = 60.0) -> int:
        """Wait for its end, and return its code."""
        await self._until(lambda: self.returncode is not None, "ended", seconds)
        return self.returncode or 0

    async def logged(self, words: str) -> None:
        """Wait until it has written these words."""
        await self._until(lambda: words in self.log or self.returncode is not None, f"written {words!r}")
        assert words in self.log, f"{self.name} ended before it wrote {words!r}"

    async def _until(self, done: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        await until(done, seconds, lambda: f"{self.name} has not {what}; the last it wrote: {self.log[-1000:]}")


class Forker:
    """Starts `letdown` in one folder."""

    def __init__(self, server: subprocess.Popen[bytes], folder: Path) -> None:
        self.folder = folder
        self._server = server
        self._numbers = itertools.count(1)

    def logs(self) -> list[str]:
        """Return all that was written, process by process."""
        return [f"--- {log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("letdown-*.log"))]

    async def begin(self, *arguments: str) -> Forked:
        """Begin, and return once it has begun."""
        assert self._server.stdin is not None
        log = self.folder / f"letdown-{next(self._numbers)}.log"
        env = {"LETDOWN_MQTT__NODE": TOPICS.node, "XDG_STATE_HOME": str(self.folder / "state")}
        line = json.dumps({"arguments": arguments, "log": str(log), "env": env})
        self._server.stdin.write(line.encode() + b"\n")
        self._server.stdin.flush()
        begun = Forked(log, f"letdown {' '.join(arguments)}")
        await begun.began()
        return begun

    async def run(self, *arguments: str, seconds: float = 60.0) -> tuple[int, str]:
        """Run it to its end; return its code and what it wrote."""
        begun = await self.begin(*arguments)
        return await begun.wait(seconds), begun.log


def _number(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() else None
