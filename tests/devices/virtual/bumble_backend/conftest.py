"""The fixture of the tests in this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from devices.virtual.bumble_backend import backend_classes
from devices.virtual.transports import Air
from tests.helpers.bumble_backends import Bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    air = Air()
    bench = Bench(*backend_classes(await air.add_central()))
    bench.air = air
    await bench.pump.put_on(air)
    yield bench
    await bench.pump.server.stop()
