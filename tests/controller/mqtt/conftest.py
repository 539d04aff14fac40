"""An embedded broker on a free port, and an ear on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.mqtt_listener import Ear, ear


@pytest.fixture
async def broker() -> AsyncIterator[BrokerUrl]:
    async with embedded_broker(0) as embedded:
        yield embedded


@pytest.fixture
async def other(broker: BrokerUrl) -> AsyncIterator[Ear]:
    async with ear(broker) as listener:
        yield listener
