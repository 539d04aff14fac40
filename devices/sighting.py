"""A device as it was heard, and how to tell whether it is the one that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field

from bleak.backends.device import BLEDevice


@dataclass(frozen=True)
class Sighting:
    """The latest advertisement of one device. `seen_at_seconds` is the clock's time.

    `since_seconds`: since when it has been heard under this name without a long pause. `receiver`: who heard it.
    """

    address: str
    name: str | None
    services: frozenset[str]
    manufacturers: dict[int, bytes]
    service_data: dict[str, bytes]
    rssi_dbm: int
    tx_power_dbm: int | None
    seen_at_seconds: float
    device: BLEDevice
    since_seconds: float = 0.0
    receiver: str = ""


@dataclass(frozen=True)
class ByAddress:
    """Wants the device of an address, through one receiver or any. Whatever else is wanted, two devices may be it."""

    address: str
    receiver: str | None = field(default=None, compare=False)

    def __call__(self, sighting: Sighting) -> bool:
        """Say whether it is this device."""
        return self.means(sighting.address, sighting.name) and self.receiver in (None, sighting.receiver)

    def means(self, address: str, _name: str | None) -> bool:
        """Say whether it is this device, whoever heard it."""
        return address.lower() == self.address.lower()


@dataclass(frozen=True)
class ByName:
    """Wants a device that advertises this very name, through one receiver or any."""

    name: str
    receiver: str | None = field(default=None, compare=False)

    def __call__(self, sighting: Sighting) -> bool:
        """Say whether it is called that."""
        return self.means(sighting.address, sighting.name) and self.receiver in (None, sighting.receiver)

    def means(self, _address: str, name: str | None) -> bool:
        """Say whether it is called that, whoever heard it."""
        return name == self.name


def masked(address: str) -> str:
    """Return an address that tells devices apart without giving them away: its first and last two digits."""
    return f"{address[:2]}…{address[-2:]}" if len(address) > len("AA…BB") else "…"
