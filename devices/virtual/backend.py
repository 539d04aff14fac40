"""bleak over Bumble: the classes for `BleakScanner(backend=…)` and `BleakClient(…, backend=…)`."""

from __future__ import annotations

from bleak.backends.client import BaseBleakClient
from bleak.backends.scanner import BaseBleakScanner
from bumble.device import Device

from devices.virtual.bleak_client import BumbleClient
from devices.virtual.bleak_scanner import BumbleScanner
from devices.virtual.central import CentralRadio


def backend_classes(central: Device) -> tuple[type[BaseBleakScanner], type[BaseBleakClient]]:
    """Return bleak's scanner and client classes for a powered-on `central`."""
    shared = CentralRadio(central)

    class Scanner(BumbleScanner):
        radio = shared

    class Client(BumbleClient):
        radio = shared

    return Scanner, Client
