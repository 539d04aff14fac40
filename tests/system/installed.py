"""Programs that want a Python of their own: `tests/system/install` puts them into environments beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.test_cli import ROOT


def program(folder: str, pinned: str, name: str) -> Path:
    """Return a program of an environment; where that is missing or older than its file, skip, but not in CI."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    environment = cache / "letdown-tests" / folder
    installed = environment / "installed.txt"
    if installed.exists() and installed.read_bytes() == (ROOT / pinned).read_bytes():
        return environment / "bin" / name
    words = f"what {pinned} lists is not installed: `make test-system` does that where there is a Python 3.13"
    if "CI" in os.environ:
        raise RuntimeError(words)
    pytest.skip(words)
