"""What the system tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.helpers import browser


@pytest_asyncio.fixture(scope="session", loop_scope="session", name="shared_browsers")
async def browsers_of_all_tests() -> AsyncIterator[None]:
    """Start each browser once: see `tests.helpers.browser.SHARED`."""
    async with browser.shared_browsers():
        yield
