"""Where the settings are: the file that a command line names, else the first of three usual places."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "letdown.yaml"
SYSTEM_FILE = Path("/etc/letdown") / FILE_NAME


@dataclass(frozen=True)
class SettingsSearch:
    """The settings file that was found, and those before it that this user may not read."""

    file: Path | None
    unreadable: tuple[Path, ...] = ()


def user_file() -> Path:
    """Return the user's own settings file, whether or not it exists: that of `$XDG_CONFIG_HOME`, else in ~/.config.

    Raise `RuntimeError` where there is no home folder.
    """
    named = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(named) if Path(named).is_absolute() else Path.home() / ".config"
    return folder / "letdown" / FILE_NAME


def places() -> tuple[Path, ...]:
    """Return where settings are looked for, in this order: the working folder, the user's, the machine's."""
    here = Path.cwd() / FILE_NAME
    try:
        return here, user_file(), SYSTEM_FILE
    except RuntimeError:  # there is no home folder
        return here, SYSTEM_FILE


def find_settings(among: Sequence[Path] | None = None) -> SettingsSearch:
    """Return the first settings file that exists and can be read. A broken link counts: it was meant to be there."""
    unreadable: list[Path] = []
    for file in places() if among is None else among:
        try:
            there = file.is_symlink() or file.is_file()
        except PermissionError:
            there = True
        if there and not _is_barred(file):
            return SettingsSearch(file, tuple(unreadable))
        if there:
            unreadable.append(file)
    return SettingsSearch(None, tuple(unreadable))


def _is_barred(file: Path) -> bool:
    try:
        with file.open("rb"):
            return False
    except PermissionError:
        return True
    except OSError:  # reading it says what is wrong
        return False
