"""The virtual radio: `Radio` over Bumble, on this process's own air or through a controller elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from devices.bluetooth.backend import LISTEN_SECONDS, Backend
from devices.bluetooth.radio import Radio
from devices.errors import AdapterUnavailableError
from devices.support.clock import Clock
from devices.virtual.bumble_backend import backend_classes
from devices.virtual.transports import Air, Central, open_central

_NO_MANUFACTURER = 0xFFFF  # the company identifier of Bumble's virtual controllers; no real one has it


class VirtualBackend(Backend):
    """bleak over one Bumble central. `listen_seconds`: 0 on this process's own air, where there is no need to wait."""

    def __init__(self, central: Central, listen_seconds: float = 0.0) -> None:
        self.scanner, self.client = backend_classes(central)
        self.gone = central.gone
        self.listen_seconds = listen_seconds


@contextlib.asynccontextmanager
async def radio_on_air(clock: Clock, air: Air) -> AsyncIterator[Radio]:
    """Yield a radio on this process's own air."""

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[Backend]:
        yield VirtualBackend(await air.add_central())

    async with Radio(clock, backend) as radio:
        yield radio


@contextlib.asynccontextmanager
async def radio_through(clock: Clock, transport: str, *, simulated: bool = False) -> AsyncIterator[Radio]:
    """Yield a radio through the Bluetooth controller at `transport`, such as `tcp-client:127.0.0.1:6402` or `usb:0`.

    `simulated`: raise `AdapterUnavailableError` where that is a real one, as a bridge between processes may make it.
    """

    @contextlib.asynccontextmanager
    async def backend() -> AsyncIterator[Backend]:
        async with open_central(transport) as central:
            version = central.host.local_version
            if simulated and (version is None or version.company_identifier != _NO_MANUFACTURER):
                raise AdapterUnavailableError(
                    f"the Bluetooth controller at {transport} is a real one, and --speed is for virtual devices",
                    "leave --speed out",
                )
            yield VirtualBackend(central, LISTEN_SECONDS)

    async with Radio(clock, backend) as radio:
        yield radio
