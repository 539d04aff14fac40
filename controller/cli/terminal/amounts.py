"""Durations and amounts in the words of a language."""

from __future__ import annotations

from controller.contract.words import Words

_UNITS = {"mmhg": "mmHg", "celsius": "°C"}  # the same in every language


def minutes(seconds: float) -> str:
    """Return a duration as m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def number(words: Words, value: float, digits: int = 0) -> str:
    """Return a number with the decimal sign of the language."""
    return f"{value:.{digits}f}".replace(".", words.terminal["decimal"])


def amount(words: Words, value: float | None, unit: str, digits: int = 0) -> str:
    """Return a value with its unit: `mmhg`, `celsius`, or one of the language's, `ml` or `cpm`. `None` is unknown."""
    if value is None:
        return words.terminal["unknown"]
    figure = number(words, value, digits)
    return f"{figure} {_UNITS[unit]}" if unit in _UNITS else words.of_terminal(unit, value=figure)
