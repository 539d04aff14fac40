"""What a radio is made of: bleak's classes for one adapter, and how to know that it went away."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakError
from bleak_retry_connector import clear_cache

# Advertising intervals are up to 1.285 s as a rule: in twice that, whoever is near was heard, even if missed once.
LISTEN_SECONDS = 2.5

# What bleak and its backends raise. EOFError and AttributeError come from a D-Bus connection that died (dbus-fast 5).
BLEAK_ERRORS = (BleakError, TimeoutError, OSError, EOFError, AttributeError)


class Held(Protocol):
    """A device that something is connected to."""

    @property
    def address(self) -> str:
        """Its address."""

    @property
    def name(self) -> str | None:
        """What it was called when it was last heard."""


@dataclass(frozen=True)
class Backend:
    """bleak's backend classes, `None` for the platform's own; `gone` is done when the adapter behind them went away.

    `name`: what an owner calls it. `listen_seconds`: how long it takes until everybody near was heard; 0 on an air
    where nobody has to wait. `scanning`: bleak's options for its scanner. Where it can be done or told: `power_cycle`
    switches the adapter off and on; `free_connections`: how many more devices it can be connected to; `held`: what it
    is connected to for whatever program, also for one that is gone; `let_go` ends one of these; `forget`: lets a
    device's table of characteristics be read anew.
    """

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    gone: asyncio.Future[None] | None = None
    listen_seconds: float = 0.0
    name: str = ""
    scanning: Mapping[str, Any] = field(default_factory=dict)
    power_cycle: Callable[[], Awaitable[None]] | None = None
    free_connections: Callable[[], int | None] = lambda: None
    held: Callable[[], Awaitable[Sequence[Held]]] | None = None
    let_go: Callable[[Any], Awaitable[None]] | None = None
    forget: Callable[[BLEDevice], Awaitable[None]] | None = None


# Opens a backend for a block. Raises `NotFoundError` where there is none.
OpenBackend = Callable[[], contextlib.AbstractAsyncContextManager[Backend]]


async def _forget(device: BLEDevice) -> None:
    """Let BlueZ forget a device; one that is bonded is left alone, for its bond would be forgotten, too."""
    if not device.details.get("props", {}).get("Paired", False):
        await clear_cache(device.address)


def platform_backend(adapter: str | None = None) -> OpenBackend:
    """Return how to open the platform's own Bluetooth; `adapter`: which one, such as `hci1` (Linux)."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Backend]:
        if sys.platform != "linux":
            yield Backend(listen_seconds=LISTEN_SECONDS)
            return
        from devices import bluez
        from devices.bluez_client import WholeTableClient

        async with bluez.connected() as connection:
            name = bluez.choose(await connection.adapters(), adapter).name
            yield Backend(
                client=WholeTableClient,
                gone=await connection.gone(name),
                listen_seconds=LISTEN_SECONDS,
                name=name,
                scanning={"bluez": {"adapter": name}},
                power_cycle=partial(connection.power_cycle, name),
                held=connection.held,
                let_go=connection.let_go,
                forget=_forget,
            )

    return opened
