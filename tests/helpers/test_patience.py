"""A wait that ends in vain says what it waited for, and where that is written."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.patience import until


async def test_it_names_the_condition_and_its_place() -> None:
    arrived: list[str] = []
    with pytest.raises(
        TimeoutError, match=r"not in 0\.01 s: .*\"pump\" in arrived.* \(tests/helpers/test_patience\.py:\d+\)"
    ):
        await until(lambda: "pump" in arrived, 0.01)


async def test_it_says_it_in_words_where_there_are_some() -> None:
    with pytest.raises(TimeoutError, match=r"not in 0\.01 s: the pump is not connected"):
        await until(lambda: False, 0.01, lambda: "the pump is not connected")


async def test_it_returns_as_soon_as_the_condition_holds() -> None:
    arrived = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, arrived.set)
    await until(arrived.is_set)
    assert arrived.is_set()
