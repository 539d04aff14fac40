"""Lines of an nRF Connect log: their time and text, in the styles of its exports on Android and iOS.

Android: `I<tab>21:34:27.389<tab>text`. iOS: `[07:02:17.2120] Normal: text`, or CSV of time, source, level and text.
A line without a time belongs to the list of services that stands before it.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_TIME = r"(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,6}))?"
_ANDROID = re.compile(rf"\s*(?:[VDIAWE]\s+)?{_TIME}\s+(.*)")
_IOS = re.compile(rf"\s*\[{_TIME}\]\s*(?:\w+:\s*)?(.*)")
_CSV = re.compile(rf"\s*\"?{_TIME}\"?,")
_TITLE = re.compile(r"nRF Connect,? (\d{4})-(\d{2})-(\d{2})")
_HEAD = re.compile(r"(.*?)\s*\(([0-9A-Fa-f]{2}(?::[0-9A-Fa-fXx]{2}){5})\)\s*$")
_SIGNS = re.compile(
    rb"nRF Connect|Notification received from|Data written to|Updated Value of Characteristic|writeCharacteristic\("
)
_BASE_UUID = "-0000-1000-8000-00805f9b34fb"
_SHORT_DIGITS = 4
_MOST_CHARACTERS = 8192  # of a line: 512 bytes in hex, and words
_LATE_SECONDS = 12 * 3600


@dataclass(frozen=True)
class LogLine:
    """A line. `at_seconds`: Unix time, if it has one. `head`: name and address, of the line that has these."""

    text: str
    at_seconds: float | None = None
    head: tuple[str | None, str] | None = None


def is_app_log(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is such a log."""
    return b"\0" not in head and _SIGNS.search(head) is not None


def long_uuid(text: str) -> str:
    """Return a UUID with 128 bits in lower case, from either form."""
    text = text.lower().removeprefix("0x")
    return f"0000{text}{_BASE_UUID}" if len(text) == _SHORT_DIGITS else text


def log_lines(raw: Iterable[bytes], day: date) -> Iterator[LogLine]:
    """Yield the lines. `day`: the date of a log that does not say it. Times are local, and go on after midnight."""
    titled, before = False, None
    for line in raw:
        text = line[:_MOST_CHARACTERS].decode("utf-8", "replace").lstrip("\N{ZERO WIDTH NO-BREAK SPACE}").rstrip("\r\n")
        if (title := _TITLE.match(text)) is not None:
            day, titled = _date(title, day), True
            continue
        if titled and (head := _HEAD.match(text)) is not None:
            titled = False
            yield LogLine(text, head=(head[1].strip() or None, head[2].upper()))
            continue
        titled = False
        match = _ANDROID.match(text) or _IOS.match(text)
        if match is None and (match := _CSV.match(text)) is not None:
            rest = next(csv.reader([text]), [""])[-1]
        elif match is not None:
            rest = match[6]
        if match is None:
            yield LogLine(text)
            continue
        at_seconds = _seconds(match, day)
        if before is not None and before - at_seconds > _LATE_SECONDS and match[1] is None:
            day += timedelta(days=1)
            at_seconds = _seconds(match, day)
        before = at_seconds
        yield LogLine(rest, at_seconds)


def has_date(head: bytes) -> bool:
    """Return whether a log that begins with these bytes says its date."""
    return bool(re.search(rb"nRF Connect,? \d{4}-\d{2}-\d{2}|\d{4}-\d{2}-\d{2}[ T]\d{2}:", head))


def _date(found: re.Match[str], otherwise: date) -> date:
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return otherwise


def _seconds(found: re.Match[str], day: date) -> float:
    if found[1] is not None:
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(found[1])
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4]) + float(f"0.{found[5] or 0}")
    midnight = datetime(day.year, day.month, day.day)
    return midnight.timestamp() + seconds
