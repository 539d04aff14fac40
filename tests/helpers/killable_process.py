"""A process that a test kills, freezes and starts again."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STOPPED = "TtZX"  # stopped, traced, or ended


class KillableProcess:
    """A process with its faults, which `launch` starts."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: Sequence[str], **options: Any) -> None:
        """Start it, with these options of `Popen`."""
        self._process = subprocess.Popen(command, **options)

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

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Let it hang: its connections stay open and nothing is answered."""
        self.send_signal(signal.SIGSTOP)
        while not self._is_stopped():
            time.sleep(0.002)

    def thaw(self) -> None:
        """Let it go on."""
        self.send_signal(signal.SIGCONT)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to it, if it has not ended."""
        assert self._process is not None
        self._process.send_signal(number)

    def _is_stopped(self) -> bool:
        """Return whether each thread has stopped: on a busy machine, one may answer for a moment yet."""
        states = []
        for file in Path(f"/proc/{self.process_id}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # a thread that has ended
                states.append(file.read_text(encoding="utf-8").rpartition(")")[2].split()[0])
        return all(state in _STOPPED for state in states)
