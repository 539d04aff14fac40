"""The command `letdown` in a process of its own: its environment, its output, and a way to follow it."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.helpers.forked import ForkServer

ROOT = Path(__file__).parents[2]
LETDOWN = (sys.executable, "-c", "import sys; sys.argv[0] = 'letdown'; from controller.cli.entry import main; main()")


def environment(**more: str) -> dict[str, str]:
    """Return an environment without the settings of the user who runs the tests."""
    ours = ("LETDOWN_", "PYTHON", "COLUMNS", "TERM", "FORCE_COLOR", "NO_COLOR", "GITHUB_", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Their settings files are not found either.
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "dumb", "XDG_CONFIG_HOME": "/nonexistent", **more}


@functools.cache
def fork_server() -> ForkServer:
    """Return the fork server of this test process, which it ends with."""
    virtual = ("open_devices", "transports", "virtual_home", "virtual_radio")
    modules = (*(f"devices.virtual.{each}" for each in virtual), "rich.markdown", "typer.rich_utils")
    return ForkServer(*modules, cwd=ROOT, env=environment())


def letdown(*arguments: str, cwd: Path, seconds: float = 180.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, forked from a process that has imported it. No traceback is ever printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = fork_server().begin(*arguments, cwd=cwd, env=environment(**env), stdout=out, stderr=errors)
        code = process.wait_blocking(seconds)
        if code is None:
            process.kill()
            raise subprocess.TimeoutExpired(["letdown", *arguments], seconds)
        for file in (out, errors):
            file.seek(0)
        stdout, stderr = out.read().decode(), errors.read().decode()
    assert "Traceback" not in stderr + stdout, stderr
    return subprocess.CompletedProcess(arguments, code, stdout, stderr)


def letdown_afresh(*arguments: str, cwd: Path, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command in a new Python with options of its own, as a shell starts it."""
    return subprocess.run(
        [LETDOWN[0], *python, *LETDOWN[1:], *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON on stdout, where there is nothing else."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one sentence of a command that failed, and said so only on stderr."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("letdown: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


class Started:
    """A command that runs on, and what it printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, words: str, seconds: float = 60.0) -> str:
        """Read until these words came; return all that came so far, with its lines unwrapped."""
        assert self.process.stdout is not None
        bound = threading.Timer(seconds, self.process.kill)
        bound.start()
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                said = " ".join(" ".join(self.lines).split())
                if words in said:
                    return said
        finally:
            bound.cancel()
        raise AssertionError(f"{words!r} did not come, but {self.lines}")

    def end_by(self, number: signal.Signals) -> tuple[int, float, str]:
        """Send a signal; return the exit code, the seconds that it took, and what came after on stdout and stderr."""
        began = time.monotonic()
        self.process.send_signal(number)
        rest = "".join(part or "" for part in self.process.communicate(timeout=30))
        return self.process.returncode, time.monotonic() - began, rest


ROUTINES = {"classic", "duct-vibration", "first-days", "gentle", "power-pumping", "soften-for-latch", "warmth"}
