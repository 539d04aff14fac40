"""A history, a Baby Buddy, and what sends the one to the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers.baby_buddy_server import BabyBuddyServer
from tests.helpers.uploading import Uploading


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Uploading]:
    async with Uploading.opened(tmp_path / "history.db") as opened:
        yield opened


@pytest.fixture
def server(house: Uploading) -> BabyBuddyServer:
    return house.server
