"""The virtual radio: `Radio` over Bumble, on this process's own air or through a controller elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from devices.clock import Clock
from devices.radio import Radio
from devices.virtual.air import Air, open_central
from devices.virtual.backend import backend_classes


@contextlib.asynccontextmanager
async def radio_on_air(clock: Clock, air: Air) -> AsyncIterator[Radio]:
    """Yield a radio on this process's own air."""
    scanner, client = backend_classes(await air.add_central())
    async with Radio(clock, scanner, client) as radio:
        yield radio


@contextlib.asynccontextmanager
async def radio_through(clock: Clock, transport: str) -> AsyncIterator[Radio]:
    """Yield a radio through the Bluetooth controller at `transport`, such as `tcp-client:127.0.0.1:6402` or `usb:0`."""
    async with open_central(transport) as central:
        scanner, client = backend_classes(central)
        async with Radio(clock, scanner, client) as radio:
            radio.gone = central.gone
            yield radio
