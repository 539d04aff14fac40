"""The bench that every test of this folder begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from devices.virtual.air import Air
from devices.virtual.backend import backend_classes
from tests.devices.virtual.backend.bench import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    air = Air()
    bench = Bench(*backend_classes(await air.add_central()))
    bench.air = air
    await bench.pump.put_on(air)
    yield bench
    await bench.pump.server.stop()
