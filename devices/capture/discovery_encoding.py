"""A GATT table as the requests and answers of a discovery, for the extract: so it can be read on its own."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator

from devices.capture.conversation import CapturedCharacteristic
from devices.capture.reading.gatt_discovery import PROPERTIES, short_uuid

_LAST_HANDLE = 0xFFFF


def discovery_pdus(rows: Iterable[CapturedCharacteristic]) -> Iterator[tuple[bytes, bool]]:
    """Yield the ATT PDUs of a discovery, and whether the device sends each: one request and answer for each row."""
    ordered = sorted(rows, key=lambda row: row.handle)
    for service, group in itertools.groupby(ordered, key=lambda row: row.service):
        handles = [row.handle for row in group]
        if service is not None:
            first = max(1, handles[0] - 2)
            yield struct.pack("<BHHH", 0x10, first, _LAST_HANDLE, 0x2800), False
            uuid = uuid_bytes(service)
            yield struct.pack("<BBHH", 0x11, 4 + len(uuid), first, handles[-1]) + uuid, True
    for row in ordered:
        if row.uuid is None:
            continue
        uuid = uuid_bytes(row.uuid)
        if row.discovered:
            bits = sum(bit for bit, name in PROPERTIES.items() if name in row.properties)
            declared = max(1, row.handle - 1)
            yield struct.pack("<BHHH", 0x08, declared, _LAST_HANDLE, 0x2803), False
            yield struct.pack("<BBHBH", 0x09, 5 + len(uuid), declared, bits, row.handle) + uuid, True
        else:
            yield struct.pack("<BHH", 0x04, row.handle, row.handle), False
            yield struct.pack("<BBH", 0x05, 1 if len(uuid) == 2 else 2, row.handle) + uuid, True  # noqa: PLR2004


def uuid_bytes(uuid: str) -> bytes:
    """Return a UUID as on the air: two bytes where it is one of the Bluetooth SIG, otherwise sixteen."""
    short = short_uuid(uuid)
    return bytes.fromhex(uuid.replace("-", ""))[::-1] if short is None else struct.pack("<H", short)
