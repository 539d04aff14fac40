"""`letdown --help` and `--version`: they answer without loading what only other commands need."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.helpers.command_line import environment
from tests.helpers.in_process import letdown

HEAVY = ("aiomqtt", "bleak", "bumble", "cryptography", "pydantic", "psycopg")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_only_what_they_need(option: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv[:] = ['letdown', sys.argv[1]]; from controller.cli.main import app; "
        "app(standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, option],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "letdown" in done.stdout
    assert "controller.cli.main" in (loaded := set(done.stderr.split()))
    assert loaded.isdisjoint(HEAVY)


def test_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    done = letdown("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"letdown {version('letdown')}\n"
