"""Advertisements that a radio received, for what chooses among them."""

from __future__ import annotations

from bleak.backends.device import BLEDevice

from devices.bluetooth.advertisement import Advertisement


def advertised(
    name: str | None,
    address: str = "C0:00:00:00:00:01",
    *,
    services: frozenset[str] = frozenset(),
    manufacturers: dict[int, bytes] | None = None,
    service_data: dict[str, bytes] | None = None,
    rssi_dbm: int = -50,
) -> Advertisement:
    """Return an advertisement of a device."""
    return Advertisement(
        address=address,
        name=name,
        services=services,
        manufacturers=manufacturers or {},
        service_data=service_data or {},
        rssi_dbm=rssi_dbm,
        tx_power_dbm=None,
        seen_at_seconds=0.0,
        device=BLEDevice(address, name, None),
    )
