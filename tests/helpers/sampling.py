"""Tests that take long: `make test` runs a sample of their cases, and `make test-system` all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings

THOROUGH = 50  # made-up examples of a test that names no number, in `make test-system`
QUICK = 10  # in `make test`: each run tries others


def sampled(values: Iterable[Any], keep: Callable[[Any], bool]) -> list[Any]:
    """Return parameters of which those that `keep` names are for `make test`; the others are marked `system`.

    Each value is one parameter, a tuple of several, or a `pytest.param`, whose `values` `keep` gets.
    """
    return [_param(value, kept=keep(getattr(value, "values", value))) for value in values]


def _param(value: Any, *, kept: bool) -> Any:
    marks = () if kept else (pytest.mark.system,)
    if hasattr(value, "values") and hasattr(value, "marks"):  # a `pytest.param`
        return pytest.param(*value.values, id=value.id, marks=(*value.marks, *marks))
    return pytest.param(*value, marks=marks) if isinstance(value, tuple) else pytest.param(value, marks=marks)


def examples(thorough: int) -> int:
    """Return how many made-up examples a test tries that needs so many to be thorough; `make test` tries fewer."""
    default: int = settings.default.max_examples
    return thorough if default >= THOROUGH else min(thorough, max(QUICK, thorough * default // THOROUGH))


def in_batches(count: int) -> pytest.MarkDecorator:
    """Run a test of made-up examples so many times, each with examples of its own; one of them for `make test`."""
    return pytest.mark.parametrize("batch", sampled(range(count), keep=lambda batch: batch == 0))
