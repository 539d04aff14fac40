"""Waiting for what other processes do: for how long, and what it was that did not come."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Callable
from types import CodeType

# The virtual machine of the tests on BlueZ is some ten times slower than the machine it runs on, which may be slow,
# too. To wait long enough for that costs nothing where nothing hangs. To look often does: what looks is as slow.
_IN_GUEST = "LETDOWN_TEST_GUEST" in os.environ
_TIMES = 5.0 if _IN_GUEST else 1.0
_LOOK_SECONDS = 0.05 if _IN_GUEST else 0.005


def patient(seconds: float) -> float:
    """Return how long to wait here for what takes this long at most on a small machine."""
    return seconds * _TIMES


async def until(done: Callable[[], object], seconds: float = 5.0, what: Callable[[], str] | None = None) -> None:
    """Wait for something to become true. Raise `TimeoutError`, which says what it was.

    `what`: that in words; without it, the condition as it is written, and where.
    """
    began, limit_seconds = time.monotonic(), patient(seconds)
    while not done():
        if time.monotonic() - began > limit_seconds:
            raise TimeoutError(f"not in {limit_seconds:g} s: {described(done) if what is None else what()}")
        await asyncio.sleep(_LOOK_SECONDS)


def described(condition: Callable[[], object]) -> str:
    """Return a condition as it is written, and where."""
    code: CodeType | None = getattr(condition, "__code__", None)
    if code is None:
        return repr(condition)
    try:
        source = " ".join(inspect.getsource(code).split())
    except (OSError, TypeError):
        source = repr(condition)
    return f"{source} ({os.path.relpath(code.co_filename)}:{code.co_firstlineno})"
