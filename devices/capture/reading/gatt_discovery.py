"""The GATT table of a device, from its responses to a discovery (Bluetooth Core 5.4, Vol 3, Part G, 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from devices.capture.conversation import CapturedCharacteristic, GattMessage

PRIMARY_SERVICE, SECONDARY_SERVICE, CHARACTERISTIC = 0x2800, 0x2801, 0x2803
CLIENT_CONFIGURATION = 0x2902
DEVICE_NAME = "00002a00-0000-1000-8000-00805f9b34fb"

PROPERTIES = {0x02: "read", 0x04: "write-without-response", 0x08: "write", 0x10: "notify", 0x20: "indicate"}
"""Bits of a characteristic's properties, and bleak's names of them. The others are of no use here."""

_SUBSCRIPTIONS = frozenset({b"\0\0", b"\1\0", b"\2\0", b"\3\0"})
_BASE_UUID = "-0000-1000-8000-00805f9b34fb"
_SHORT_BYTES, _LONG_BYTES = 2, 16
_DESCRIPTORS = range(0x2900, 0x2A00)
_DECLARATIONS = range(0x2800, 0x2804)


def uuid_of(raw: bytes) -> str | None:
    """Return a UUID as text of 128 bits, from its 2, 4 or 16 bytes on the air; `None` for any other length."""
    if len(raw) in (_SHORT_BYTES, 4):
        return f"{int.from_bytes(raw, 'little'):08x}{_BASE_UUID}"
    if len(raw) != _LONG_BYTES:
        return None
    digits = raw[::-1].hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def short_uuid(uuid: str) -> int | None:
    """Return the 16 bits of a UUID of the Bluetooth SIG; `None` for any other."""
    return int(uuid[4:8], 16) if uuid.startswith("0000") and uuid.endswith(_BASE_UUID) else None


@dataclass
class GattTable:
    """The attributes that discoveries of one device returned. Of two that differ, the later one holds."""

    services: dict[int, tuple[int, str]] = field(default_factory=dict)  # by first handle: the last one, and the UUID
    values: dict[int, tuple[int, str]] = field(default_factory=dict)  # by handle of the value: properties, UUID
    attributes: dict[int, str] = field(default_factory=dict)  # by handle: the type, of descriptors above all

    def add_service(self, first: int, last: int, uuid: str | None) -> None:
        """Note a service with its handles."""
        if uuid is not None and 0 < first <= last:
            self.services[first] = (last, uuid)

    def add_declaration(self, value: bytes) -> None:
        """Note a characteristic by the value of its declaration: properties, handle of the value, UUID."""
        uuid = uuid_of(value[3:])
        if uuid is not None:
            self.values[int.from_bytes(value[1:3], "little")] = (value[0], uuid)

    def add_attribute(self, handle: int, uuid: str | None) -> None:
        """Note the type of an attribute."""
        if uuid is not None:
            self.attributes[handle] = uuid

    def update(self, later: GattTable) -> None:
        """Add what a later discovery returned."""
        self.services.update(later.services)
        self.values.update(later.values)
        self.attributes.update(later.attributes)

    def uuid_at(self, handle: int) -> str | None:
        """Return the UUID of the characteristic that has its value there, if it is known."""
        return self.values[handle][1] if handle in self.values else self.attributes.get(handle)

    def descriptors(self, messages: Iterable[GattMessage]) -> set[int]:
        """Return the handles of `messages` that are not of a characteristic's value.

        Without a discovery, a subscription is known by its value, and by the characteristic before it, which then tells
        something by itself.
        """
        written: dict[int, set[bytes]] = {}
        telling, others = set(), set()
        for each in messages:
            if each.kind in ("notify", "indicate"):
                telling.add(each.handle)
            elif each.from_device:
                others.add(each.handle)
            else:
                written.setdefault(each.handle, set()).add(each.value)
        found = {handle for handle in written.keys() | telling | others if self._is_descriptor(handle)}
        for handle, values in written.items():
            unknown = handle not in self.values and handle not in telling
            if unknown and values <= _SUBSCRIPTIONS and telling & {handle - 1, handle - 2}:
                found.add(handle)
        return found

    def _is_descriptor(self, handle: int) -> bool:
        if handle in self.values or handle not in self.attributes:
            return False
        number = short_uuid(self.attributes[handle])
        return number in _DESCRIPTORS or number in _DECLARATIONS

    def characteristics(self, messages: Iterable[GattMessage]) -> Mapping[int, CapturedCharacteristic]:
        """Return what was discovered, and beside it the handles that were used without a discovery."""
        used: dict[int, set[str]] = {}
        for each in messages:
            used.setdefault(each.handle, set()).add(each.kind)
        rows = dict(self._discovered())
        for handle, uses in used.items():
            if handle not in rows:
                uuid = self.attributes.get(handle)
                rows[handle] = CapturedCharacteristic(
                    handle, uuid, self._service_at(handle), frozenset(uses), discovered=False
                )
        return dict(sorted(rows.items()))

    def _discovered(self) -> Iterator[tuple[int, CapturedCharacteristic]]:
        for handle, (bits, uuid) in self.values.items():
            names = frozenset(name for bit, name in PROPERTIES.items() if bits & bit)
            yield handle, CapturedCharacteristic(handle, uuid, self._service_at(handle), names)

    def _service_at(self, handle: int) -> str | None:
        found = [(first, uuid) for first, (last, uuid) in self.services.items() if first < handle <= last]
        return max(found)[1] if found else None
