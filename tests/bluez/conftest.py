"""What the tests in the guest share: one server that starts `letdown` quickly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bluez.forked import Forker
from tests.test_cli import ROOT, environment


@pytest.fixture(scope="session")
def _forker() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bluez.forker"], cwd=ROOT, env=environment(), stdin=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def forker(_forker: subprocess.Popen[bytes], tmp_path_factory: pytest.TempPathFactory) -> Forker:
    """Start `letdown` in the tests' own folder."""
    return Forker(_forker, tmp_path_factory.mktemp("house"))
