"""What a person typed into a form, as the arguments of commands take it. Pure functions."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from controller.contract.units import Units


def number_of(text: str) -> JsonValue:
    """Return a number, with point or comma; anything else as it is, for the error of the command."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def yes_or_no(text: str) -> JsonValue:
    """Return `True` or `False`; anything else as it is, for the error of the command."""
    return {"yes": True, "no": False}.get(text, text)


def ml_of(text: str, units: Units) -> JsonValue:
    """Return milk in mL. The name of its field says in which units it was typed: so it is converted once."""
    value = number_of(text)
    return units.to_ml(value) if isinstance(value, float) else value


def time_of(text: str) -> JsonValue:
    """Return a local time of this machine with its offset; anything else as it is, for the error of the command."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        return text
