"""`letdown` in the process of the test: as quick as a function, for commands that end at once."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from controller.cli.entry import _run
from controller.cli.main import app
from tests.helpers.command_line import environment


@dataclass(frozen=True)
class Ended:
    """What a command printed, and the code it ended with."""

    code: int
    stdout: str
    stderr: str


def run_in_process(arguments: tuple[str, ...], home: Path, env: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end. Its state would be below `home`. An unexpected error is raised."""
    clean = {"HOME": str(home), "XDG_STATE_HOME": None, "STATE_DIRECTORY": None, "COLUMNS": "200", "TERM": "dumb"}
    done = CliRunner().invoke(app, list(arguments), prog_name="letdown", env={**clean, **(env or {})})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(done.exit_code, done.stdout, done.stderr)


def letdown(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Do what `tests.helpers.command_line.letdown` does, without a process. For commands that nothing interrupts."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for name in ("stdout", "stderr")}
    with contextlib.ExitStack() as stack:
        stdin = stack.enter_context(Path(os.devnull).open(encoding="utf-8"))
        stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(mock.patch.dict(os.environ, environment(**env), clear=True))
        stack.enter_context(mock.patch.multiple(sys, argv=["letdown", *arguments], stdin=stdin, **streams))
        stack.enter_context(mock.patch.object(sys.modules["__main__"], "__package__", None))  # else `python -m pytest`
        stack.enter_context(_logging_restored())
        code = _run()
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in streams.values())  # type: ignore[attr-defined]
    assert "Traceback" not in stderr + stdout, stderr
    return subprocess.CompletedProcess(arguments, code, stdout, stderr)


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    """Let the command set up its log as in a process of its own, and leave none of it to what runs later."""
    root, raises = logging.getLogger(), logging.raiseExceptions
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    levels = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }
    try:
        yield
    finally:
        root.handlers, logging.raiseExceptions = handlers, raises
        root.setLevel(level)
        for name, logger in root.manager.loggerDict.items():
            before = levels.get(name, logging.NOTSET)
            if isinstance(logger, logging.Logger) and logger.level != before:  # a change empties all caches
                logger.setLevel(before)
