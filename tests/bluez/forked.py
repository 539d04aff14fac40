"""`letdown` in a process of its own, begun by the fork server, with what the system tests want of a process."""

from __future__ import annotations

import asyncio
import itertools
import signal
from pathlib import Path

from tests.helpers.command_line import environment
from tests.helpers.forked import ForkedProcess, ForkServer
from tests.helpers.mqtt_listener import TOPICS
from tests.helpers.patience import until


class Forked:
    """One process and its log; or none yet."""

    def __init__(self, log: Path, process: ForkedProcess | None = None, name: str = "letdown") -> None:
        self.name = name
        self._log = log
        self._process = process

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def returncode(self) -> int | None:
        """How it ended; `None` while it runs."""
        return None if self._process is None else self._process.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    async def wait(self, seconds: float = 60.0) -> int:
        """Wait for its end, and return its code."""
        await until(lambda: self.returncode is not None, seconds, lambda: self._has_not("ended"))
        return self.returncode or 0

    async def logged(self, words: str) -> None:
        """Wait until it has written these words."""
        written = f"written {words!r}"
        await until(lambda: words in self.log or self.returncode is not None, 60.0, lambda: self._has_not(written))
        assert words in self.log, f"{self.name} ended before it wrote {words!r}"

    def _has_not(self, what: str) -> str:
        return f"{self.name} has not {what}; the last it wrote: {self.log[-1000:]}"


class Forker:
    """Starts `letdown` in one folder."""

    def __init__(self, server: ForkServer, folder: Path) -> None:
        self.folder = folder
        self._server = server
        self._numbers = itertools.count(1)

    def logs(self) -> list[str]:
        """Return all that was written, process by process."""
        return [f"--- {log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("letdown-*.log"))]

    async def begin(self, *arguments: str) -> Forked:
        """Begin, and return once it has begun."""
        log = self.folder / f"letdown-{next(self._numbers)}.log"
        env = environment(LETDOWN_MQTT__NODE=TOPICS.node, XDG_STATE_HOME=str(self.folder / "state"))
        with log.open("ab") as file:
            process = await asyncio.to_thread(
                self._server.begin, *arguments, cwd=self.folder, env=env, stdout=file, stderr=file
            )
        return Forked(log, process, f"letdown {' '.join(arguments)}")

    async def run(self, *arguments: str, seconds: float = 60.0) -> tuple[int, str]:
        """Run it to its end; return its code and what it wrote."""
        begun = await self.begin(*arguments)
        return await begun.wait(seconds), begun.log
