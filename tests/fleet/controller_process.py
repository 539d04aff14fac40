"""One controller of a fleet as a process that can be killed, frozen, and shown another time of day."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.fleet.moved_clock import MovedClock
from tests.helpers.command_line import LETDOWN, ROOT, environment


class ControllerProcess:
    """`letdown run` with a settings file, again and again. `within`: what a command at its place begins with."""

    def __init__(self, name: str, folder: Path, settings: str, library: Path, within: Sequence[str] = ()) -> None:
        self.name = name
        self.folder = folder
        self._within = within
        self.settings = folder / "letdown.yaml"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(settings, encoding="utf-8")
        self.clock = MovedClock(folder / "clock", library)

    @property
    def process_id(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; `None` while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def log(self) -> str:
        """What all of its processes logged."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it."""
        self.starts += 1
        env = environment(
            XDG_STATE_HOME=str(self.folder / "state"),
            **self.clock.environment,
        )
        with self._log.open("ab") as log:
            log.write(f"==== start {self.starts}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                (*self._within, *LETDOWN, "run", "--config", str(self.settings)),
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stop it as it is: its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, seconds: float = 20.0) -> int | None:
        """Ask it to end; return its exit code, `None` if it had to be killed."""
        if self._process is None:
            return None
        self._signal(signal.SIGTERM)
        for _ in range(int(seconds / 0.05)):
            if not self.runs:
                return self._process.returncode
            await asyncio.sleep(0.05)
        self.kill()
        return None
