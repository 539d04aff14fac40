"""The virtual radio: `Radio` over Bumble, on this process's own air or through a controller elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from devices.backend import LISTEN_SECONDS, Backend
from devices.clock import Clock
from devices.errors import NotFoundError
from devices.radio import Radio
from devices.virtual.air import Air, open_central
from devices.virtual.backend import backend_classes

_NO_MANUFACTURER = 0xFFFF  # what Bumble's virtual controllers give as theirs; every real one has a number of its own


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
async def radio_through(clock: Clock, transport: str, *, simulated: bool = False) -> AsyncIterator[Radio]:
    """Yield a radio through the Bluetooth controller at `transport`, such as `tcp-client:127.0.0.1:6402` or `usb:0`.

    `simulated`: raise `NotFoundError` where that is a real one, as a bridge between processes may make it.
    """

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[Backend]:
        async with open_central(transport) as central:
            version = central.host.local_version
            if simulated and (version is None or version.company_identifier != _NO_MANUFACTURER):
                raise NotFoundError(
                    f"The Bluetooth controller at {transport} is a real one. --speed is for virtual devices."
                )
            scanner, client = backend_classes(central)
            yield Backend(scanner, client, central.gone, listen_seconds=LISTEN_SECONDS)

    async with Radio(clock, backend) as radio:
        yield radio
