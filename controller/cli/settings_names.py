"""Names in the settings that must exist elsewhere: the language, and the profile of each device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from controller.contract.words import languages
from controller.settings import Settings
from devices.profiles.catalog import profile_ids
from devices.support.closest import unknown
from devices.support.file_error import FileError, Problem, dotted, path_of
from devices.support.yaml_file import Document, read_document


def check_names(settings: Settings, file: Path | None) -> None:
    """Raise `FileError`, with the line in the settings file, for each name that does not exist."""
    if misnamed := list(_misnamed(settings)):
        document = None if file is None else read_document(file)
        problems = [_problem(key, words, document) for key, words in misnamed]
        raise FileError("the environment (LETDOWN_…)" if file is None else file, problems)


def _misnamed(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the key of each such name, and what is wrong with it."""
    if settings.language not in languages():
        yield "language", unknown("language", settings.language, languages())
    devices = {
        f"stations.{station}.devices.{at}.profile": device.profile
        for station, each in settings.stations.items()
        for at, device in enumerate(each.devices)
    }
    known = profile_ids(*settings.profiles) if devices else ()
    for key, profile in devices.items():
        if profile not in known:
            yield key, unknown("profile", profile, known, "`letdown profiles` lists them")


def _problem(key: str, words: str, document: Document | None) -> Problem:
    """Return the problem with its line; what the file does not have comes from the environment."""
    lines = {} if document is None else document.lines
    path = path_of(key, lines) if lines else ()
    return Problem(lines[path] if dotted(path) == key else 0, key, words)
