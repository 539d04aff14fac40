"""Commands that run on while a test watches them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import LETDOWN, Started, environment


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start commands that are ended after the test at the latest."""
    processes = []

    def begin(*arguments: str, stdin: int = subprocess.DEVNULL) -> Started:
        process = subprocess.Popen(
            [*LETDOWN, *arguments],
            cwd=tmp_path,
            env=environment(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return Started(process)

    yield begin
    for process in processes:
        process.kill()
        process.communicate()
