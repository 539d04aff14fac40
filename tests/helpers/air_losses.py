"""How devices of this process go off the virtual air: methods that tests add to `Air`."""

from __future__ import annotations

from bumble.device import Device

from devices.virtual.air_controller import AirHost
from devices.virtual.virtual_air import Air


def add_losses() -> None:
    """Let every air lose devices and links."""
    Air.remove, Air.lose_link = _remove, _lose_link


def _remove(self: Air, device: Device) -> None:
    """Take a device of this process off the air, as if its battery were removed."""
    if isinstance(device.host, AirHost):
        self.remove_controller(device.host.air_controller)


def _lose_link(_: Air, device: Device) -> None:
    """End the connections of a device of this process by supervision timeouts, as out of range."""
    if isinstance(device.host, AirHost):
        device.host.air_controller.lose_links()
