"""Whole numbers in JSON, where `1.0` is one, too."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator


def _whole(value: Any) -> Any:
    """Return a number without a fraction as an integer; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


IN_JSON = BeforeValidator(_whole)
"""Takes a whole number as JSON has it. Bounds stand before it, else the schema does not have them."""
