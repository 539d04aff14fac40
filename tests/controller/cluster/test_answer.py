"""Waiting for the cluster: limited, ended by a cancellation; and what a cancellation does not interrupt."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from controller.cluster.answer import uninterrupted, within


async def answer(after: asyncio.Event, value: int | Exception) -> int:
    await after.wait()
    if isinstance(value, Exception):
        raise value
    return value


@pytest.fixture
async def unretrieved() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_an_answer_in_time_is_returned_and_an_error_raised() -> None:
    assert await within(5, answer(ready(), 7)) == 7
    with pytest.raises(OSError, match="gone"):
        await within(5, answer(ready(), OSError("gone")))


async def test_an_answer_that_does_not_come_is_a_timeout(unretrieved: list[dict[str, Any]]) -> None:
    with pytest.raises(TimeoutError):
        await within(0.01, answer(asyncio.Event(), 7))
    assert unretrieved == []


async def test_a_cancellation_ends_it_also_together_with_an_answer_that_is_an_error(
    unretrieved: list[dict[str, Any]],
) -> None:
    answered = asyncio.Event()
    waiting = asyncio.create_task(within(5, answer(answered, OSError("gone"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answered.set()
    await asyncio.sleep(0)  # the answer is there, and the caller has not run yet
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    del waiting
    await asyncio.sleep(0)
    gc.collect()
    assert unretrieved == []


@pytest.mark.parametrize("value", [7, OSError("gone")])
async def test_what_is_uninterrupted_comes_to_its_end_however_often_it_is_cancelled(
    unretrieved: list[dict[str, Any]], value: int | Exception
) -> None:
    may_end = asyncio.Event()
    caller = asyncio.create_task(uninterrupted(answer(may_end, value)))
    for _ in range(3):
        await asyncio.sleep(0)
        caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    await asyncio.wait({caller})
    assert caller.cancelled()
    del caller
    gc.collect()
    assert unretrieved == []


async def test_what_is_uninterrupted_returns_its_result() -> None:
    assert await uninterrupted(answer(ready(), 7)) == 7
    with pytest.raises(OSError, match="gone"):
        await uninterrupted(answer(ready(), OSError("gone")))
