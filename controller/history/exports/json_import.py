"""Reads the sessions of a JSON export, checked as strictly as what Letdown writes itself."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from controller.contract.session_record import SessionDetails
from controller.history.exports.json_export import FORMAT, VERSION
from controller.history.exports.json_stream import JsonStream, JsonStreamError
from devices.support.file_error import FileError, Problem, problems_of

_WRITES_IT = "`letdown history export --format json` writes one that can be read here"
_FIRST_YEAR, _LAST_YEAR = 1970, 2999
_LARGEST = 2**31 - 1  # of an INTEGER in PostgreSQL
_MOST = 1e6  # of seconds, mL, mmHg, cpm or °C: no session has as many
_BELOW_ZERO = ("warmest_celsius", "began_seconds", ".seconds")  # events may be a little earlier than the first row
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL stores no NUL, and half a character is none
_NOT_JSON = {"id,": "CSV", "<": "a report in HTML"}


def read_sessions(path: Path) -> Iterator[SessionDetails]:
    """Yield each session of a file. Raise `FileError`, with the line and what would fit; and `OSError`."""
    with path.open(encoding="utf-8-sig") as file:
        stream = JsonStream(file)
        try:
            _check_head(stream, path)
            seen: dict[str, int] = {}
            for number, item in enumerate(stream.items()):
                line = stream.value_line
                details = _details(path, line, number, item)
                first = seen.setdefault(details.record.id, number)
                if first != number:
                    raise _wrong(path, line, f"sessions.{number}.record.id", f"is the same as in sessions.{first}")
                yield details
        except JsonStreamError as error:
            raise FileError(path, [Problem(error.line, "", str(error), _WRITES_IT)]) from None


def _check_head(stream: JsonStream, path: Path) -> None:
    """Raise `FileError` where this is no export, or one of a later version."""
    try:
        fields = dict(stream.fields("sessions"))
    except JsonStreamError as error:
        raise FileError(path, [Problem(error.line, "", _what_it_is(path, error), _WRITES_IT)]) from None
    if fields.get("format") != FORMAT:
        raise _wrong(path, 1, "format", f"is {fields.get('format')!r}, not {FORMAT!r}", _WRITES_IT)
    version = fields.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _wrong(path, 1, "version", f"is {version!r}, not a whole number from 1 on", _WRITES_IT)
    if version > VERSION:
        raise _wrong(path, 1, "version", f"is {version}, but this Letdown knows only {VERSION}", "use a newer Letdown")


def _what_it_is(path: Path, error: JsonStreamError) -> str:
    """Return what a file is that is no export."""
    with path.open("rb") as file:
        start = file.read(8).removeprefix(b"\xef\xbb\xbf")
    if not start:
        return "it is empty"
    for beginning, kind in _NOT_JSON.items():
        if start.startswith(beginning.encode()):
            return f"it is {kind}; only the JSON export has everything in it"
    return "it is no JSON export of Letdown" if start.isascii() and start[:1] != b"{" else str(error)


def _details(path: Path, line: int, number: int, item: Any) -> SessionDetails:
    place = f"sessions.{number}"
    for key, problem in _unstorable(item, place):
        raise _wrong(path, line, key, problem)
    if not isinstance(item, dict):
        raise _wrong(path, line, place, "needs keys below it (record, steps, events, curves), not a single value")
    try:
        details = SessionDetails.model_validate(item)
    except ValidationError as error:
        problems = problems_of(error, SessionDetails, dict.fromkeys(_paths(item), line))
        raise FileError(path, [Problem(line, f"{place}.{each.key}", each.message) for each in problems]) from None
    for key, problem in _implausible(details):
        raise _wrong(path, line, f"{place}.{key}", problem)
    return details


def _paths(value: Any, path: tuple[Hashable, ...] = ()) -> Iterator[tuple[Hashable, ...]]:
    """Yield the path of each value in another."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from _paths(each, (*path, key))


def _unstorable(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the place of each text that a database could not store, and what is wrong with it."""
    match value:
        case str() if _UNSTORABLE.search(value):
            yield place, "has a character that cannot be stored"
        case dict():
            for key, each in value.items():
                yield from _unstorable(key, place)
                yield from _unstorable(each, f"{place}.{key}")
        case list():
            for number, each in enumerate(value):
                yield from _unstorable(each, f"{place}.{number}")


def _implausible(details: SessionDetails) -> Iterator[tuple[str, str]]:
    """Yield what no session of Letdown has, with its place."""
    record = details.record
    if not record.id.strip():
        yield "record.id", "is empty"
    for name in ("began_at", "ended_at"):
        moment: datetime | None = getattr(record, name)
        if moment is None:
            continue
        if moment.tzinfo is None:
            yield f"record.{name}", "has no offset from UTC, as in 2026-03-01T03:00:00+00:00"
        elif not _FIRST_YEAR < moment.year <= _LAST_YEAR:
            yield f"record.{name}", f"is in the year {moment.year}; {_FIRST_YEAR + 1} to {_LAST_YEAR} would fit"
        elif record.ended_at is not None and record.began_at.tzinfo and record.ended_at < record.began_at:
            yield "record.ended_at", "is before it began"
    yield from _out_of_range(details)
    if _doubled((each.side, each.source) for each in record.milk):
        yield "record.milk", "has two figures of one side and source"
    if _doubled(each.id for each in details.events):
        yield "events", "has two events of one id"
    if _doubled((each.device, each.quantity) for each in details.curves):
        yield "curves", "has two curves of one quantity of a device"


def _doubled(keys: Iterable[object]) -> bool:
    found = list(keys)
    return len(set(found)) < len(found)


def _out_of_range(details: SessionDetails) -> Iterator[tuple[str, str]]:
    if details.record.revision > _LARGEST:
        yield "record.revision", f"is {details.record.revision}, which is too large a number"
    for key, value in _figures(details):
        if value < 0 and not key.endswith(_BELOW_ZERO):
            yield key, f"is {value:g}, and cannot be below 0"
        elif abs(value) > _MOST:
            yield key, f"is {value:g}, which is too large a number"


def _figures(details: SessionDetails) -> Iterator[tuple[str, float]]:
    """Yield each figure of a session but those of its curves, with its place."""
    parts = {"record": (details.record,), "record.milk": details.record.milk}
    for name, models in {**parts, "steps": details.steps, "events": details.events}.items():
        for number, model in enumerate(models):
            for key, value in model:
                if isinstance(value, float):
                    yield f"{name}.{key}" if name == "record" else f"{name}.{number}.{key}", value


def _wrong(path: Path, line: int, key: str, message: str, remedy: str = "") -> FileError:
    return FileError(path, [Problem(line, key, message, remedy)])
