"""What devices advertise, from the data of an advertisement (Bluetooth Core Supplement 11, Part A)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from devices.capture.reading.gatt_discovery import uuid_of

_SHORT_NAME, _COMPLETE_NAME, _MANUFACTURER = 0x08, 0x09, 0xFF
_SERVICES = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}  # by type: the bytes of a UUID
_MOST_REMEMBERED = 8
_MOST_OF_A_KIND = 64


def address_of(raw: bytes) -> str:
    """Return an address as text, from its six bytes on the air."""
    return raw[::-1].hex(":").upper()


@dataclass
class Advertised:
    """What one device advertised, over all its advertisements; of two names, the complete one."""

    name: str | None = None
    complete: bool = False
    services: dict[str, None] = field(default_factory=dict)
    manufacturers: dict[int, bytes] = field(default_factory=dict)
    _seen: list[bytes] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """Add the data of an advertisement."""
        if data in self._seen:
            return
        self._seen = [*self._seen[-_MOST_REMEMBERED:], data]
        for kind, value in _structures(data):
            if kind == _COMPLETE_NAME or (kind == _SHORT_NAME and not self.complete):
                self.name, self.complete = text_of(value) or self.name, kind == _COMPLETE_NAME
            elif kind == _MANUFACTURER and len(value) >= 2 and len(self.manufacturers) < _MOST_OF_A_KIND:
                self.manufacturers[int.from_bytes(value[:2], "little")] = value[2:]
            elif kind in _SERVICES and len(self.services) < _MOST_OF_A_KIND:
                width = _SERVICES[kind]
                for at in range(0, len(value) - width + 1, width):
                    self.services[uuid_of(value[at : at + width]) or ""] = None


def text_of(raw: bytes) -> str | None:
    """Return a name that is not empty, without what fills it up; `None` otherwise."""
    return raw.split(b"\0")[0].decode("utf-8", "replace").strip() or None


def _structures(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(data) and data[at]:
        yield data[at + 1], data[at + 2 : at + 1 + data[at]]
        at += 1 + data[at]
