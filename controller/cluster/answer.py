"""Waiting that a cancellation ends for certain, or not at all: for an answer of the cluster, and for a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


async def within(seconds: float, call: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of a call to the cluster. Raise `TimeoutError` after so long.

    nats-py waits with `asyncio.wait_for`, which in Python 3.11 ignores a cancellation that comes together with the
    answer: a task that is to end would go on for ever. In a task of its own, that cannot happen to the caller.
    """
    task = asyncio.create_task(call)
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
        if task.done():
            return task.result()
    finally:
        task.cancel()
        task.add_done_callback(_forget)  # also of one that has ended, if this one is cancelled at the same time
    raise TimeoutError


async def uninterrupted(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of what must come to its end, also when the caller is cancelled meanwhile; then raise that."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        _forget(task)
        raise cancelled
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    """Retrieve the error of a call that is not awaited any more: else asyncio logs it."""
    if not task.cancelled():
        task.exception()
