"""Milk in the units that a person has chosen, and times as they are written; in the language of the texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal

from controller.contract.session_state import Volume
from controller.contract.units import Units
from controller.contract.words import Words

_UNKNOWN = "\N{EN DASH}"
_MINUTES = 60


def number(value: float | None, words: Words, digits: int = 0) -> str:
    """Return a number as it is written in a language, halves rounded up; a dash for what is unknown."""
    return _UNKNOWN if value is None else f"{_rounded(value, digits):.{digits}f}".replace(".", words.decimal_point)


def _rounded(value: float, digits: int) -> Decimal:
    """Return the nearest number with so many digits, halves away from zero, as the page's script rounds, too."""
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def sessions_count(sessions: int) -> str:
    """Return from how many sessions a figure is, where there is no room for more: 30, and a sign for times."""
    return f"{sessions}\N{MULTIPLICATION SIGN}"


def milk(ml: float | None, units: Units, words: Words) -> str:
    """Return an amount without its unit; a dash for what is unknown."""
    return number(units.from_ml(ml), words, units.digits)


def total_milk(volume: Volume, units: Units, words: Words) -> str:
    """Return all milk that is known, without its unit: the sum of what is shown of each side.

    The figures of one screen add up. It differs from the rounded sum by at most one in the last digit.
    """
    shown = [ml for _, ml in volume if ml is not None]
    return _sum_of_shown(shown, units, words) if shown else _UNKNOWN


def sum_with_unit(amounts_ml: Iterable[float], units: Units, words: Words) -> str:
    """Return the sum of amounts that are shown beside it, with its unit: of what is shown of each, so they add up."""
    return f"{_sum_of_shown(amounts_ml, units, words)}\N{NO-BREAK SPACE}{units.value}"


def _sum_of_shown(amounts_ml: Iterable[float], units: Units, words: Words) -> str:
    shown = sum(_rounded(ml / units.ml_each, units.digits) for ml in amounts_ml)
    return number(float(shown), words, units.digits)


def total_with_unit(volume: Volume, units: Units, words: Words) -> str:
    """Return all milk that is known with its unit; a dash where none is."""
    shown = total_milk(volume, units, words)
    return shown if volume.total is None else f"{shown}\N{NO-BREAK SPACE}{units.value}"


def exact_milk(ml: float | None, units: Units, words: Words) -> str:
    """Return an amount to be corrected, without its unit; nothing for what is unknown."""
    if ml is None:
        return ""
    digits = number(units.from_ml(ml), words, units.entry_digits)
    return digits.rstrip("0").rstrip(words.decimal_point)


def milk_with_unit(ml: float | None, units: Units, words: Words) -> str:
    """Return an amount with its unit; a dash for what is unknown."""
    shown = milk(ml, units, words)
    return shown if ml is None else f"{shown}\N{NO-BREAK SPACE}{units.value}"


def clock_time(when: datetime, zone: tzinfo) -> str:
    """Return the local time of day: `03:05`."""
    return f"{when.astimezone(zone):%H:%M}"


def day_text(day: date, words: Words) -> str:
    """Return a day without its year, such as `30 Nov`."""
    return words.charts["date"].format(day=day.day, month=words.charts["months"].split()[day.month - 1])


def day_number(day: date, words: Words) -> str:
    """Return the number of a day in its month, as it is written."""
    return words.charts["date"].format(day=day.day, month="").strip()


def weekday(day: date, words: Words) -> str:
    """Return a short name of the day of the week."""
    return words.charts["weekdays"].split()[day.weekday()]


def duration(seconds: float) -> str:
    """Return hours and minutes: `2 h 10 min`."""
    minutes = max(0, int(seconds // _MINUTES))
    hours, rest = divmod(minutes, _MINUTES)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * (bool(rest) or not hours)
    return " ".join(parts).replace(" ", "\N{NO-BREAK SPACE}")


def minutes_and_seconds(seconds: float) -> str:
    """Return minutes and seconds: `1:05`."""
    minutes, rest = divmod(max(0, round(seconds)), _MINUTES)
    return f"{minutes}:{rest:02d}"
