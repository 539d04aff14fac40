"""Starts `letdown` again and again without importing it anew, which takes a quarter of a minute in the guest.

A line on standard input is a start: JSON with `arguments`, `log` and `env`. Beside the file `log`, where it writes, it
gets a `log.pid` when it has begun, and a `log.code` when it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

IMPORTED_BEFORE = (
    "controller.cli",
    "controller.serve",
    "controller.listing",
    "controller.store.opening",
    "controller.store.stored_memory",
    "bleak.backends.bluezdbus.client",
    "bleak.backends.bluezdbus.scanner",
)


def become(arguments: list[str], log: Path, env: dict[str, str]) -> None:
    """Be `letdown`, as a shell would have started it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(env)
    os.chdir(log.parent)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    os.dup2(1, 2)
    sys.argv = ["letdown", *arguments]
    app: Any = import_module("controller.cli").app
    app()


def note(file: Path, number: int) -> None:
    """Write a file that is whole as soon as it is there."""
    new = file.with_suffix(".new")
    new.write_text(str(number))
    new.rename(file)


def main() -> None:
    """Start what is asked for, until nobody asks any more."""
    for module in IMPORTED_BEFORE:
        import_module(module)
    logs: dict[int, Path] = {}

    def reap(_number: int, _frame: FrameType | None) -> None:
        for pid, log in list(logs.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del logs[pid]
                note(log.with_suffix(".code"), os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        asked = json.loads(line)
        log = Path(asked["log"])
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid:
            logs[pid] = log
            note(log.with_suffix(".pid"), pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        if not pid:
            become(asked["arguments"], log, asked["env"])
            return


if __name__ == "__main__":
    main()
