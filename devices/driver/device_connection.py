"""What every driver's device needs of its connection, whatever it is made of: Bluetooth, or a broker."""

from __future__ import annotations

from typing import Protocol

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.lane import Lane
from devices.roles import LinkState


class DeviceConnection(Protocol):
    """A connection that `run` keeps up. `bluetooth.link.Link` is one.

    `problem`: why there is none. `advertisement`: how the device was found by Bluetooth, if it was. `lane` executes
    commands one at a time; a stop bypasses it.
    """

    name: str
    state: LinkState
    problem: str | None
    lane: Lane
    advertisement: Advertisement | None

    @property
    def connected(self) -> bool:
        """Whether commands are accepted now."""

    @property
    def has_link(self) -> bool:
        """Whether there is a connection, even if its setup is not finished."""

    def drop(self) -> None:
        """End the connection as if it were lost; `run` connects again. Without one, nothing happens."""

    async def run(self) -> None:
        """Keep the device connected, until cancelled."""
