"""Writing the settings and the files beside them: whole or not at all, with a copy of the settings before."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devices.support.file_permissions import OTHERS, shared

PRIVATE = 0o600


class SettingsWriteError(Exception):
    """Nothing was changed. `str()` says which file cannot be written, and why."""


@dataclass(frozen=True)
class FileText:
    """What is to be in a file. `secret`: others may not read it, also where they might before."""

    text: str
    secret: bool


def backup_of(file: Path) -> Path:
    """Return where the file before the last change is."""
    return file.with_name(f"{file.name}.bak")


def check_writable(file: Path) -> None:
    """Raise `SettingsWriteError` where a file cannot be written, as far as that can be known without trying."""
    file = file.resolve()
    folder = next(each for each in file.parents if each.exists())
    if not folder.is_dir():
        raise SettingsWriteError(f"{file} cannot be written: {folder} is not a folder")
    if file.is_dir():
        raise SettingsWriteError(f"{file} cannot be written: it is a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsWriteError(
            f"{file} cannot be written: this user may not write in {folder}; use sudo, or --config with another file"
        )


def write_files(settings: Path, files: Mapping[Path, FileText]) -> Path | None:
    """Write all files, that of the settings last; return the copy of the settings before, if there were any.

    Everything is on the disk under other names before the first of them is replaced: a full disk changes nothing.
    Raise `SettingsWriteError`.
    """
    made: dict[Path, Path] = {}  # by the file: what replaces it
    copy: Path | None = None
    writing = settings
    try:
        for file, content in sorted(files.items(), key=lambda each: each[0] == settings):
            writing = file
            target = file.resolve()  # a link stays a link
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            like = target if target.exists() else settings  # the user of a service must be able to read both
            made[target] = _written(target, content.text.encode(), _mode(like, secret=content.secret), like)
            if file == settings and target.exists():
                copy = backup_of(target)
                made[copy] = _written(copy, target.read_bytes(), _mode(target, secret=content.secret), target)
        for target in [*([copy] if copy else []), *(each for each in made if each != copy)]:
            made[target].replace(target)
        for folder in {each.parent for each in made}:
            _flush(folder)
    except OSError as error:
        raise SettingsWriteError(f"{writing} cannot be written: {error.strerror or error}") from error
    finally:
        for each in made.values():
            each.unlink(missing_ok=True)
    return copy


def _mode(file: Path, *, secret: bool) -> int:
    """Return the mode of a file like another: its group keeps its rights, because a service has a group of its own."""
    if not file.exists() or (secret and shared(file, OTHERS)):
        return PRIVATE
    return file.stat().st_mode & 0o777


def _written(file: Path, data: bytes, mode: int, like: Path) -> Path:
    """Write a new file beside another, with owner and group of `like` where that is allowed; return its path."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            opened.flush()
            if like.exists() and hasattr(os, "fchown"):
                with contextlib.suppress(OSError):
                    os.fchown(descriptor, like.stat().st_uid, like.stat().st_gid)
            new.chmod(mode)
            os.fsync(descriptor)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return new


def _flush(folder: Path) -> None:
    """Put the new names on the disk, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
