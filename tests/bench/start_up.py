"""How long `letdown --help` and `--version` take, beside a Python that imports what any such program needs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tests.bench.rows import Row

_BARE = [sys.executable, "-c", "import typer, rich.console"]
_LETDOWN = [sys.executable, "-c", "from controller.cli.entry import main; main()"]
_AT_MOST = 2.5


def measure(rounds: int) -> list[Row]:
    """Run each command `rounds` times, in turns, and compare the medians."""
    commands = {name: [*_LETDOWN, name] for name in ("--help", "--version")}
    seconds: dict[str, list[float]] = {name: [] for name in (*commands, "bare")}
    for _ in range(rounds):
        seconds["bare"].append(_run(_BARE))
        for name, command in commands.items():
            seconds[name].append(_run(command))
    bare = statistics.median(seconds["bare"]) * 1000
    return [
        Row(f"letdown {name}", "ms", statistics.median(seconds[name]) * 1000, bare, at_most=_AT_MOST)
        for name in commands
    ]


def _run(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
