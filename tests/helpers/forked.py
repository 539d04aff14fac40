"""Programs in processes of their own, begun by a server that has imported them: see `tests.helpers.forker`."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.helpers.patience import until

LETDOWN = "controller.cli.entry"  # the module of its `main`
_START_SECONDS = 120.0  # with the first, the server imports everything


class ForkedProcess:
    """One process. Looks like one of asyncio's."""

    def __init__(self, reports: int) -> None:
        """`reports`: the pipe on which the server says which process it is, and later how it ended."""
        self._pipe = reports
        self._reported = b""
        self._read(_START_SECONDS, lines=1)
        assert self._lines, "the forker has not started it"
        self.pid = self._lines[0]

    @property
    def returncode(self) -> int | None:
        """How it ended; `None` while it runs."""
        self._read(0.0)
        return self._lines[1] if len(self._lines) > 1 else None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    async def wait(self, seconds: float = 600.0) -> int:
        """Wait for its end, and return its code."""
        await until(lambda: self.returncode is not None, seconds, lambda: f"process {self.pid} has not ended")
        assert self.returncode is not None
        return self.returncode

    def wait_blocking(self, seconds: float) -> int | None:
        """Wait for its end without a loop; return its code, or `None` if it still runs."""
        self._read(seconds)
        return self.returncode

    def __del__(self) -> None:
        os.close(self._pipe)

    @property
    def _lines(self) -> list[int]:
        return [int(line) for line in self._reported.splitlines() if line]

    def _read(self, seconds: float, lines: int = 2) -> None:
        """Read reports until there are so many, for so long at most."""
        end = time.monotonic() + seconds
        while self._reported.count(b"\n") < lines:
            ready, _, _ = select.select([self._pipe], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._pipe, 64) if ready else b""
            if not part:
                return
            self._reported += part


class ForkServer:
    """Starts programs as children of one server."""

    def __init__(self, *modules: str, cwd: Path, env: Mapping[str, str]) -> None:
        """`modules`: what the server imports before, beside `letdown`. `cwd` and `env`: its own."""
        self._socket, theirs = socket.socketpair()
        # Not `-m`: then the program would call itself `python -m tests.helpers.forker` in its help.
        command = (sys.executable, "-c", f"from tests.helpers.forker import main; main(*{modules!r})")
        with theirs:
            self._server = subprocess.Popen(command, cwd=cwd, env=env, stdin=theirs)
        self._one_at_a_time = threading.Lock()

    def begin(
        self,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int | IO[bytes] = 1,
        stderr: int | IO[bytes] = 2,
        stdin: int | IO[bytes] | None = None,
        main: str = LETDOWN,
    ) -> ForkedProcess:
        """Start a program, and return once it runs. `main`: the module of its function `main`.

        Without a standard input it has none to read; without a standard output or error it has that of this process.
        """
        start = {"main": main, "arguments": ["letdown", *arguments], "folder": str(cwd), "env": dict(env)}
        reports, pipe = os.pipe()
        with Path(os.devnull).open("rb") as nothing, self._one_at_a_time:
            streams = (nothing if stdin is None else stdin, stdout, stderr)
            files = [each if isinstance(each, int) else each.fileno() for each in streams]
            try:
                socket.send_fds(self._socket, [json.dumps(start).encode() + b"\n"], [*files, pipe])
            finally:
                os.close(pipe)
            return ForkedProcess(reports)

    def end(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()
