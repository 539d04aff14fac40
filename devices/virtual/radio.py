"""The virtual radio: `Radio` over Bumble, on this process's own air or through a controller elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from devices.backend import LISTEN_SECONDS, Backend
from devices.clock import Clock
from devices.radio import Radio
from devices.virtual.air import Air, open_central
from devices.virtual.backend import backend_classes


@contextlib.asynccontextmanager
async def radio_on_air(clock: Clock, air: Air) -> AsyncIterator[Radio]:
    """Yield a radio on this process's own air."""

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[Backend]:
        scanner, client = backend_classes(await air.add_central())
        yield Backend(scanner, client)

    async with Radio(clock, backend) as radio:
        yield radio


@contextlib.asynccontextmanager
async def radio_through(clock: Clock, transport: str) -> AsyncIterator[Radio]:
    """Yield a radio through the Bluetooth controller at `transport`, such as `tcp-client:127.0.0.1:6402` or `usb:0`."""

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[Backend]:
        async with open_central(transport) as central:
            scanner, client = backend_classes(central)
            yield Backend(scanner, client, central.gone, listen_seconds=LISTEN_SECONDS)

    async with Radio(clock, backend) as radio:
        yield radio
