"""What an adapter is made of: bleak's classes for it, and what only some platforms can do.

A class for each platform: `BlueZBackend` (Linux), `ProxyBackend` (ESPHome), `VirtualBackend` (Bumble), and
`PlatformBackend` for what bleak alone supports (macOS, Windows).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakError

# Advertising intervals are up to 1.285 s as a rule: in twice that, every device near is received, even if missed once.
LISTEN_SECONDS = 2.5

# What bleak and its backends raise. dbus-fast (5.2) raises EOFError for calls that wait when the D-Bus connection ends,
# and OSError for later ones; tests/devices/bluetooth/test_bluez.py shows that it raises nothing else.
BLEAK_ERRORS = (BleakError, TimeoutError, OSError, EOFError)


@dataclass(frozen=True)
class ConnectedDevice:
    """A device that the operating system is connected to, for any program. `path`: its object on D-Bus."""

    address: str
    name: str | None
    adapter: str = ""
    path: str = ""


class Backend(Protocol):
    """bleak's backend for one adapter. Each method here is what a platform does that offers no such thing.

    Raises `AdapterUnavailableError` where the adapter does not answer.
    """

    name: str = ""  # as in the settings: hci0, or the host of a proxy; empty where there is only one
    scanner: type[BaseBleakScanner] | None = None  # `None`: the platform's own
    client: type[BaseBleakClient] | None = None
    scanner_options: Mapping[str, Any] = {}  # further arguments of `BleakScanner`
    listen_seconds: float = 0.0  # until every device near is received; 0 on a simulated radio
    gone: asyncio.Future[None] | None = None  # done when the adapter goes away

    def free_connections(self) -> int | None:
        """Return how many more devices it can be connected to; `None` if unknown."""
        return None

    async def connected_devices(self) -> Sequence[ConnectedDevice]:
        """Return what it is connected to, for any program, including ones that have ended."""
        return ()

    async def disconnect(self, _device: Any, /) -> None:
        """End the connection of one of the `connected_devices`."""
        return

    async def close_stale(self, _device: BLEDevice, /) -> None:
        """End connections to a device that an earlier attempt left open."""
        return

    async def forget_services(self, _device: BLEDevice, /) -> None:
        """Drop the cached GATT services of a device, so that they are discovered again."""
        return

    async def power_cycle(self) -> bool:
        """Switch the adapter off and on, which ends all its connections; return whether that is possible."""
        return False


class PlatformBackend(Backend):
    """What bleak chooses by itself."""

    listen_seconds = LISTEN_SECONDS


# Opens a backend for a block. Raises `AdapterUnavailableError`.
OpenBackend = Callable[[], contextlib.AbstractAsyncContextManager[Backend]]
