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

ROOT = Path(__file__).parents[2]
LETDOWN = (sys.executable, "-c", "import sys; sys.argv[0] = 'letdown'; from controller.cli.entry import main; main()")


def forker_command(*modules: str) -> tuple[str, ...]:
    """Return the command of a server that forks `letdown`, with these modules imported before."""
    # Not `-m`: then the program would call itself `python -m tests.helpers.forker` in its help.
    return (sys.executable, "-c", f"from tests.helpers.forker import main; main(*{modules!r})")


def environment(**more: str) -> dict[str, str]:
    """Return an environment without the settings of the user who runs the tests."""
    ours = ("LETDOWN_", "PYTHON", "COLUMNS", "TERM", "FORCE_COLOR", "NO_COLOR", "GITHUB_", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Their settings files are not found either.
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "dumb", "XDG_CONFIG_HOME": "/nonexistent", **more}


@functools.cache
def _forker() -> subprocess.Popen[bytes]:
    """Return the server of this test process that forks `letdown`; it ends when its standard input is closed."""
    modules = ("devices.virtual.virtual_home", "devices.virtual.virtual_radio", "rich.markdown", "typer.rich_utils")
    return subprocess.Popen(forker_command(*modules), cwd=ROOT, env=environment(), stdin=subprocess.PIPE)


def letdown(*arguments: str, cwd: Path, seconds: float = 180.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, forked from a process that has imported it. No traceback is ever printed."""
    with tempfile.TemporaryDirectory() as name:
        log, errors = Path(name) / "letdown.log", Path(name) / "errors.txt"
        start = {"arguments": arguments, "log": str(log), "errors": str(errors), "folder": str(cwd)}
        server = _forker()
        assert server.stdin is not None
        server.stdin.write(json.dumps({**start, "env": environment(**env)}).encode() + b"\n")
        server.stdin.flush()
        code, until = log.with_suffix(".code"), time.monotonic() + seconds
        while not code.exists():
            assert server.poll() is None, "the forker ended"
            if time.monotonic() > until:
                os.kill(int(log.with_suffix(".pid").read_text()), signal.SIGKILL)
                raise subprocess.TimeoutExpired(["letdown", *arguments], seconds)
            time.sleep(0.005)
        done = subprocess.CompletedProcess(arguments, int(code.read_text()), log.read_text(), errors.read_text())
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


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
