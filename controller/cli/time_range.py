"""Days and times as a person writes them: a date, `today`, `yesterday`, or how long ago, as in `7d` or `12h`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

_AGO = re.compile(r"(\d{1,9}) ?([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_FITS = "a date such as 2026-03-01, a time such as 2026-03-01T14:30, today, yesterday, or 12h, 7d or 4w ago"


def since(text: str, now: datetime) -> datetime:
    """Return the moment from which on sessions count, in UTC. Raise `ValueError`, which says what would fit."""
    return _moment("--since", text, now)[0]


def until(text: str, now: datetime) -> datetime:
    """Return the moment before which sessions count, in UTC: of a day, its end. Raise `ValueError`."""
    return _moment("--until", text, now)[1]


def _moment(option: str, text: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of what is named; of a moment, that one twice. Days are local days."""
    words = text.strip().lower()
    today = now.astimezone().date()
    if found := _AGO.fullmatch(words):
        amount, unit = int(found[1]), _UNITS[found[2]]
        try:
            ago = now - timedelta(**{unit: amount})
        except OverflowError:
            raise ValueError(f"{option}: {text!r} is too long ago; {_FITS}") from None
        if unit == "hours":
            return ago, ago
        return _day(ago.astimezone().date())
    if words in ("today", "heute"):
        return _day(today)
    if words in ("yesterday", "gestern"):
        return _day(today - timedelta(days=1))
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", words):
            return _day(date.fromisoformat(words))
        moment = datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{option}: {text!r} is no time; {_FITS}") from None
    return moment.astimezone(UTC), moment.astimezone(UTC)


def _day(day: date) -> tuple[datetime, datetime]:
    try:
        begin, end = (datetime.combine(each, time()).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    except (OverflowError, ValueError, OSError):
        raise ValueError(f"{day} is no day that a session can be of; {_FITS}") from None
    return begin, end
