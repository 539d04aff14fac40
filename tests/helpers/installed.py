"""Programs that need a Python of their own; `tests/system/install` installs each in an environment of its own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.helpers.command_line import ROOT


def program(folder: str, pinned: str, name: str) -> Path:
    """Return a program of an environment. Raise `RuntimeError` where that is missing or older than its file."""
    environment = _cache() / folder
    installed = environment / "installed.txt"
    if installed.exists() and installed.read_bytes() == (ROOT / pinned).read_bytes():
        return environment / "bin" / name
    raise RuntimeError(
        f"what {pinned} lists is not installed: run `make test-system`, which needs a Python 3.13 for it"
    )


def node_modules(folder: str, wanted: str) -> Path:
    """Return the npm packages of a file. Raise `RuntimeError` where they are missing or older than it."""
    installed = _cache() / folder / "installed.json"
    if installed.exists() and installed.read_bytes() == (ROOT / wanted).read_bytes():
        return installed.with_name("node_modules")
    raise RuntimeError(f"what {wanted} lists is not installed: run `make test-system`")


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests"
