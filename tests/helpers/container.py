"""Containers of the recipe, run by podman as somebody careful runs them: read-only, with no network and no rights."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from tests.helpers.command_line import ROOT
from tests.helpers.mosquitto import find
from tests.helpers.patience import until
from tests.helpers.service_process import NUMBERS, PATIENCE_SECONDS

BUILD_SECONDS = 900.0  # a minute on an idle machine
# Of a machine without systemd, which this pair works on whatever its cgroups are.
_ENGINE = ("--runtime", "runc", "--cgroup-manager", "cgroupfs")
# Only what the machine allows; and the checks of health are the test's.
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
_HERE = ("--ulimit", f"nofile=1024:{_FILES}", "--ulimit", "nproc=1024:1024", "--health-interval", "disable")
HARDENED = ("--read-only", "--network", "none", "--cap-drop", "all", "--security-opt", "no-new-privileges")


def build(tag: str, target: str = "container", folder: Path = ROOT) -> dict[str, Any]:
    """Build an image, and return what the engine says of it. Layers that are there already are used."""
    command = (str(ROOT / "tests/system/container/build"), tag, target, str(folder))
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads(podman("image", "inspect", tag).stdout)
    return dict(found)


def podman(*arguments: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run podman to its end."""
    command = (find("podman"), *_ENGINE, *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def run(tag: str, *command: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command in a container of its own."""
    return podman("run", "--rm", *HARDENED, *_HERE, *options, tag, *command)


class Container:
    """A container that runs."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def log(self) -> str:
        """What it has logged."""
        done = podman("logs", self.name)
        return done.stdout + done.stderr

    async def logged(self, words: str) -> None:
        """Wait until it has logged these words."""
        await until(lambda: words in self.log or not self.runs(), PATIENCE_SECONDS)
        assert words in self.log, self.log

    def runs(self) -> bool:
        """Return whether it still runs."""
        return podman("inspect", "--format", "{{.State.Running}}", self.name).stdout.strip() == "true"

    def executed(self, *command: str) -> str:
        """Run a command inside, and return what it printed."""
        done = podman("exec", self.name, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def healthy(self) -> bool:
        """Return what the image's own check of its health says."""
        return podman("healthcheck", "run", self.name).returncode == 0

    async def stop(self) -> int:
        """Stop it as `docker stop` does, and return its exit code."""
        await asyncio.to_thread(podman, "stop", "--time", "60", self.name)
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.name).stdout)


@contextlib.asynccontextmanager
async def running(tag: str, *command: str, options: Sequence[str] = HARDENED) -> AsyncIterator[Container]:
    """Run a container for the block."""
    name = f"{tag}-{next(NUMBERS)}"
    podman("rm", "--force", name)
    done = await asyncio.to_thread(podman, "run", "--detach", "--name", name, *options, *_HERE, tag, *command)
    assert done.returncode == 0, done.stderr
    container = Container(name)
    try:
        yield container
    finally:
        print(container.log)  # noqa: T201 - pytest shows it when the test fails
        await asyncio.to_thread(podman, "rm", "--force", "--volumes", name)
