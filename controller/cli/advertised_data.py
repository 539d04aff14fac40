"""What a device advertises beside its name, for a person who writes a profile: companies, services, and their data."""

from __future__ import annotations

from typing import Any

from devices.bluetooth.advertisement import Advertisement

_HIDDEN = ".."
_OCTETS = 6


def manufacturer_rows(advertisement: Advertisement, *, whole_addresses: bool) -> list[dict[str, Any]]:
    """Return the manufacturer data: the company's id (with its name, if known), and the data in hex."""
    from bluetooth_numbers import company  # here, because its tables are large

    return [
        {
            "company_id": f"{number:#06x}",
            "company": company.get(number),
            "data": hex_of(data, advertisement.address, whole_addresses=whole_addresses),
        }
        for number, data in sorted(advertisement.manufacturers.items())
    ]


def service_data_rows(advertisement: Advertisement, *, whole_addresses: bool) -> list[dict[str, Any]]:
    """Return the service data: the service's UUID, and the data in hex."""
    return [
        {"uuid": uuid.lower(), "data": hex_of(data, advertisement.address, whole_addresses=whole_addresses)}
        for uuid, data in sorted(advertisement.service_data.items())
    ]


def hex_of(data: bytes, address: str, *, whole_addresses: bool) -> str:
    """Return bytes in hex. Many devices repeat their own address there: it is hidden where addresses are."""
    shown = data.hex(" ").split()
    octets = address.lower().split(":")
    if not whole_addresses and len(octets) == _OCTETS:
        for wanted in (octets, octets[::-1]):
            for at in range(len(shown) - len(wanted) + 1):
                if shown[at : at + len(wanted)] == wanted:
                    shown[at : at + len(wanted)] = [_HIDDEN] * len(wanted)
    return " ".join(shown)
