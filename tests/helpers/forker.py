"""A server that forks Python programs, so that each start saves its imports: a second or two, in the guest 15.

Its standard input is a socket. Each message is a start: one line of JSON with `main` (the module that has this
function), `arguments`, `folder` (the working directory) and `env` (all of it); and four files: standard input, output
and error of the program, and a pipe on which the server reports, a line each, the process and the code that it ended
with. `tests.helpers.forked` is the client. The server ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
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
FILES = 4  # with each start
_MOST_FILES = 65_536  # open ones of this process
_PART_BYTES = 65_536
_STDERR: dict[str, Any] = {"mode": "w", "buffering": 1, "errors": "backslashreplace"}


def become(asked: dict[str, Any], streams: Sequence[int]) -> None:
    """Be the program, as a shell would have started it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    for number, file in enumerate(streams):
        os.dup2(file, number)
    os.closerange(len(streams), _MOST_FILES)
    for name, number, how in (("stdin", 0, {}), ("stdout", 1, {"mode": "w"}), ("stderr", 2, _STDERR)):
        stream = os.fdopen(number, closefd=False, **how)  # as Python makes them: it looks at what they are only then
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["folder"])
    sys.argv = asked["arguments"]
    main: Any = import_module(asked["main"]).main
    main()


def report(pipe: int, number: int) -> None:
    """Write one line to the client, if it is still there."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"%d\n" % number)


def receive(asked: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next start, and the files that came with it; `None` at the end."""
    message, files, _, _ = socket.recv_fds(asked, _PART_BYTES, FILES)
    while message and not message.endswith(b"\n"):
        message += asked.recv(_PART_BYTES)
    return (json.loads(message), files) if message else None


def main(*more: str) -> None:
    """Start what is requested, until the requests end. `more`: modules to import before, too."""
    for module in (*PRELOADED, *more):
        import_module(module)
    gc.freeze()  # so that no child copies all of it to look for garbage
    pipes: dict[int, int] = {}

    def reap(_number: int, _frame: FrameType | None) -> None:
        for pid, pipe in list(pipes.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                report(pipes.pop(pid), os.waitstatus_to_exitcode(status))
                os.close(pipe)

    signal.signal(signal.SIGCHLD, reap)
    listening = socket.socket(fileno=os.dup(0))
    while (start := receive(listening)) is not None:
        asked, (*streams, pipe) = start
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            become(asked, streams)
            return
        pipes[pid] = pipe
        report(pipe, pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for file in streams:
            os.close(file)
