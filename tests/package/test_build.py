"""The Debian package is the same, byte for byte, where and whenever it is built of the same source."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.package

CURRENT = Path(os.environ.get("CURRENT_PACKAGE", ""))
ROOT = Path(__file__).parents[2]


def sums(package: Path) -> set[str]:
    """Return the hash and the name of every file in a package."""
    command = ("dpkg-deb", "--info", package, "md5sums")
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())


def test_a_build_elsewhere_has_the_same_bytes(tmp_path: Path) -> None:
    elsewhere = tmp_path / "a folder of another length"
    elsewhere.mkdir()
    environment = {**os.environ, "TMPDIR": str(elsewhere), "PYTHONHASHSEED": "7", "TZ": "Pacific/Apia"}
    command = (ROOT / "release/debian/build", "--output", tmp_path)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, umask=0o077)
    again = Path(done.stdout.strip())
    assert sorted(sums(CURRENT) ^ sums(again)) == []
    assert CURRENT.read_bytes() == again.read_bytes()
