"""A server that forks `letdown` processes, so that each start saves its imports: half a second, in the guest 15.

A line on standard input is a start: JSON with `arguments`, `log` and `env`; optionally `errors` (a file for standard
error, else `log`) and `folder` (the working directory, else that of `log`). Beside the file `log`, where it writes, it
gets a `log.pid` when it has begun, and a `log.code` when it has ended.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

PRELOADED = (
    "controller.cli.main",
    "controller.cli.command_settings",
    "controller.cli.device_test",
    "controller.cli.printing",
    "controller.cli.profile_check",
    "controller.doctor.examination",
    "controller.cli.serve",
    "controller.cli.run_setup",
    "controller.cli.scripted_setup",
    "controller.cli.listings",
    "controller.journal.opening",
    "controller.journal.stored_persistence",
    "controller.web.web_server",
    *(("bleak.backends.bluezdbus.client", "bleak.backends.bluezdbus.scanner") if sys.platform == "linux" else ()),
)


def become(asked: dict[str, Any]) -> None:
    """Be `letdown`, as a shell would have started it."""
    log = Path(asked["log"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(asked["env"])
    os.chdir(asked.get("folder", log.parent))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in ((1, log), (2, asked.get("errors", log))):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    sys.argv = ["letdown", *asked["arguments"]]
    command: Any = import_module("controller.cli.entry").main
    command()


def note(file: Path, number: int) -> None:
    """Write a file that is whole as soon as it is there."""
    new = file.with_suffix(".new")
    new.write_text(str(number))
    new.rename(file)


def main(*more: str) -> None:
    """Start what is requested, until the requests end. `more`: modules to import before, too."""
    for module in (*PRELOADED, *more):
        import_module(module)
    gc.freeze()  # so that no child copies all of it to look for garbage
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
            become(asked)
            return
