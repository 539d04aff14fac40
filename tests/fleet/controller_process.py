"""One controller of a fleet as a process that can be killed, frozen, and shown another time of day."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.fleet.moved_clock import MovedClock
from tests.helpers.command_line import LETDOWN, ROOT, environment
from tests.helpers.killable_process import KillableProcess


class ControllerProcess(KillableProcess):
    """`letdown run` with a settings file, again and again. `within`: what a command at its place begins with."""

    def __init__(self, name: str, folder: Path, settings: str, library: Path, within: Sequence[str] = ()) -> None:
        super().__init__()
        self.name = name
        self.folder = folder
        self._within = within
        self.settings = folder / "letdown.yaml"
        self._log = folder / "log"
        self.starts = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(settings, encoding="utf-8")
        self.clock = MovedClock(folder / "clock", library)

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
            self.launch(
                (*self._within, *LETDOWN, "run", "--config", str(self.settings)),
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def end(self, seconds: float = 20.0) -> int | None:
        """Ask it to end; return its exit code, `None` if it had to be killed."""
        if self._process is None:
            return None
        self.send_signal(signal.SIGTERM)
        for _ in range(int(seconds / 0.05)):
            if not self.runs:
                return self.exit_code
            await asyncio.sleep(0.05)
        self.kill()
        return None
