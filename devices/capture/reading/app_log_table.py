"""The GATT table in an nRF Connect log: its list of services, or what the log names beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from devices.capture.conversation import CapturedCharacteristic, GattMessage, MessageKind
from devices.capture.reading.app_log_lines import long_uuid

_ID = r"\((0x[0-9A-Fa-f]{4}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\)\s*$"
_CHARACTERISTIC = re.compile(rf"\s*-\s.*\[([A-Z ]*)\]\s*{_ID}")
_SERVICE = re.compile(rf"[^\s-].*{_ID}")
_STEP = 3
_DESCRIPTORS = re.compile(r"0x29[0-9A-Fa-f]{2}")
_PROPERTIES = {"R": "read", "W": "write", "WNR": "write-without-response", "N": "notify", "I": "indicate"}


@dataclass
class AppLogTable:
    """Characteristics by UUID, each with the number that stands in for its handle."""

    _rows: dict[str, CapturedCharacteristic] = field(default_factory=dict)
    _service: str | None = None

    def take_listing(self, text: str) -> None:
        """Take a line that may be one of the list of services."""
        if (found := _CHARACTERISTIC.match(text)) is not None:
            names = frozenset(_PROPERTIES[each] for each in found[1].split() if each in _PROPERTIES)
            self.add(long_uuid(found[2]), self._service, names)
        elif (found := _SERVICE.match(text)) is not None and not _DESCRIPTORS.match(found[1]):
            self._service = long_uuid(found[1])

    def add(self, uuid: str, service: str | None, properties: frozenset[str]) -> None:
        """Add a characteristic that the log lists. Of two with one UUID, the first one counts."""
        known = self._rows.get(uuid)
        if known is None or not known.discovered:
            handle = self._next_handle() if known is None else known.handle
            self._rows[uuid] = CapturedCharacteristic(handle, uuid, service, properties)

    def handle(self, uuid: str) -> int:
        """Return the number of a characteristic, and give it one where it has none."""
        if uuid not in self._rows:
            handle = self._next_handle()
            self._rows[uuid] = CapturedCharacteristic(handle, uuid, None, frozenset(), discovered=False)
        return self._rows[uuid].handle

    def _next_handle(self) -> int:
        """Return a number with handles left before it for a service and a declaration, as on a device."""
        return _STEP * (len(self._rows) + 1)

    def write_kind(self, uuid: str) -> MessageKind:
        """Return how a value is written where the log does not say: as the characteristic allows."""
        row = self._rows.get(uuid)
        only_without = row is not None and row.properties & {"write", "write-without-response"} == {
            "write-without-response"
        }
        return "write-without-response" if only_without else "write"

    def characteristics(self, messages: Iterable[GattMessage]) -> Mapping[int, CapturedCharacteristic]:
        """Return the rows by their numbers. Where no properties are listed, those that were used."""
        used: dict[int, set[str]] = {}
        for each in messages:
            used.setdefault(each.handle, set()).add(each.kind)
        rows = {}
        for row in self._rows.values():
            properties = row.properties or frozenset(used.get(row.handle, ()))
            rows[row.handle] = CapturedCharacteristic(
                row.handle, row.uuid, row.service, properties, discovered=row.discovered
            )
        return rows
