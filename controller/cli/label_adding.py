"""`letdown capture label`: one more label in a file, by the time of day or by the seconds since it began."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path

from devices.capture.labels import Labels, load_labels
from devices.capture.labels_file import moment_near, new_labels, with_action, write_labels
from devices.driver.vocabulary import EnergyRole, Value

_SECONDS = re.compile(r"\+(\d{1,5}(?:\.\d+)?)")


def add_label(file: Path, at: str, do: str, values: Mapping[str, Value], *, role: EnergyRole | None = None) -> Labels:
    """Add a label and return all. Raise `ValueError`, `FileError` or `OSError`; then the file is as it was."""
    if file.exists():
        if role is not None:
            raise ValueError(f"{file} is there already: --role is for a new file")
        labels = load_labels(file)
        moment = _moment(labels.began, at)
    elif role is None:
        raise ValueError(f"{file} is not there; to begin it, say with --role what the device is")
    else:
        moment = _first_moment(at)
        labels = new_labels(role, moment)
    changed = with_action(labels, moment, do, values)
    write_labels(file, changed)
    return changed


def named_values(given: Iterable[str]) -> dict[str, Value]:
    """Return values that are given as NAME=VALUE. Raise `ValueError`."""
    values: dict[str, Value] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name or not value:
            raise ValueError(f"--value {each}: is written as NAME=VALUE, such as volume_ml=35")
        values[name] = value
    return values


def _moment(began: datetime, at: str) -> datetime:
    if (seconds := _SECONDS.fullmatch(at)) is not None:
        return began + timedelta(seconds=float(seconds[1]))
    found = _time_or_moment(at)
    if isinstance(found, time):
        return moment_near(began, found)
    return found if found.tzinfo is not None else found.replace(tzinfo=began.tzinfo)


def _first_moment(at: str) -> datetime:
    """Return when the first label of a new file is; without a day or a zone, today's or that of this machine."""
    found = _time_or_moment(at)
    if isinstance(found, time):
        found = datetime.combine(datetime.now().astimezone().date(), found)
    return found if found.tzinfo is not None else found.astimezone()


def _time_or_moment(at: str) -> time | datetime:
    for read in (time.fromisoformat, datetime.fromisoformat):
        try:
            found = read(at)
        except ValueError:
            continue
        if isinstance(found, datetime) or found.tzinfo is None:
            return found
    raise ValueError(f"--at {at}: is not a time; it is written as 14:03:20, 2026-11-30T14:03:20, or +95.5")
