"""Runs operations that must not be cancelled half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_running: set[asyncio.Task[Any]] = set()  # asyncio itself holds tasks weakly


def undisturbed(operation: Coroutine[Any, Any, _T]) -> asyncio.Future[_T]:
    """Return a future of `operation`; cancelling it leaves the operation running to its end.

    When a task is cancelled while Bumble waits for the answer to an HCI command, the late answer is taken for that of
    the next command, and both fail (Bumble 0.0.236).
    """
    return asyncio.shield(in_background(operation))


def in_background(operation: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
    """Start `operation` as a task that is kept until it ends; an exception that is never retrieved is not logged."""
    task = asyncio.get_running_loop().create_task(operation)
    _running.add(task)
    task.add_done_callback(_forget)
    return task


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()
