"""Reads the history for the page and the API: with an end to all waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from controller.contract.session_record import HistoryError

ANSWER_SECONDS = 5.0  # of the database; then it counts as unreachable

T = TypeVar("T")


async def in_time(read: Awaitable[T], seconds: float = ANSWER_SECONDS) -> T:
    """Return what was read. Raise `HistoryError`, also where it takes too long."""
    try:
        async with asyncio.timeout(seconds):
            return await read
    except TimeoutError:
        raise HistoryError("the history does not answer") from None
