"""A settings file for a test, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.settings import load_settings
from devices.support.file_error import FileError

Write = Callable[[str], Path]


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the environment."""
    for name in list(os.environ):
        if name.startswith("LETDOWN_"):
            monkeypatch.delenv(name)


def settings_writer(folder: Path) -> Write:
    """Return a function that writes `letdown.yaml` into a folder, and returns its path."""

    def written(text: str) -> Path:
        file = folder / "letdown.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def problems(file: Path) -> list[str]:
    with pytest.raises(FileError) as caught:
        load_settings(file)
    return str(caught.value).splitlines()


def station(devices: str) -> str:
    return f"stations:\n  home:\n    devices:\n{devices}"
