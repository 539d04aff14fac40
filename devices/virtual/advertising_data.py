"""Advertising data: encoded for a virtual device, and gathered by a scanner from several packets of one device."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_str
from bumble.core import UUID, AdvertisingData

_Type = AdvertisingData.Type
_LEGACY_BYTES = 31  # of an advertisement, and of a scan response
_GENERAL_DISCOVERABLE_LE_ONLY = 0x06

# By the bytes of a UUID.
_COMPLETE_LIST = {
    size: AdvertisingData.Type[f"COMPLETE_LIST_OF_{8 * size}_BIT_SERVICE_CLASS_UUIDS"] for size in (2, 4, 16)
}
_INCOMPLETE_LIST = {
    size: AdvertisingData.Type[f"INCOMPLETE_LIST_OF_{8 * size}_BIT_SERVICE_CLASS_UUIDS"] for size in (2, 4, 16)
}
_SERVICE_DATA = {size: AdvertisingData.Type[f"SERVICE_DATA_{8 * size}_BIT_UUID"] for size in (2, 4, 16)}

_UUID_LISTS = {ad_type: size for lists in (_COMPLETE_LIST, _INCOMPLETE_LIST) for size, ad_type in lists.items()}
_SERVICE_DATA_SIZE = {ad_type: size for size, ad_type in _SERVICE_DATA.items()}


def long_uuid(uuid: UUID) -> str:
    """Return a UUID as bleak writes it: 128 bits, lower case."""
    return normalize_uuid_str(uuid.to_hex_str("-"))


@dataclass(frozen=True)
class AdvertisingPacket:
    """What a device advertises. UUIDs are short ("180f") or long; manufacturers are company identifiers."""

    name: str | None = None
    service_uuids: Sequence[str] = ()
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)
    service_data: Mapping[str, bytes] = field(default_factory=dict)
    tx_power_dbm: int | None = None

    def encode(self) -> tuple[bytes, bytes]:
        """Return an advertisement and a scan response of 31 bytes at most; raise `ValueError` if it does not fit."""
        advertisement, response = b"", b""
        for ad_type, value in self._structures():
            structure = bytes([len(value) + 1, ad_type]) + value
            if len(advertisement) + len(structure) <= _LEGACY_BYTES:
                advertisement += structure
            elif len(response) + len(structure) <= _LEGACY_BYTES:
                response += structure
            else:
                raise ValueError(f"the advertisement of {self.name!r} does not fit into twice {_LEGACY_BYTES} bytes")
        return advertisement, response

    def _structures(self) -> list[tuple[int, bytes]]:
        structures: list[tuple[int, bytes]] = [(_Type.FLAGS, bytes([_GENERAL_DISCOVERABLE_LE_ONLY]))]
        uuids = [bytes(UUID(uuid)) for uuid in self.service_uuids]
        structures += [
            (ad_type, b"".join(uuid for uuid in uuids if len(uuid) == size))
            for size, ad_type in _COMPLETE_LIST.items()
            if any(len(uuid) == size for uuid in uuids)
        ]
        structures += [
            (_Type.MANUFACTURER_SPECIFIC_DATA, struct.pack("<H", company) + data)
            for company, data in self.manufacturer_data.items()
        ]
        for text, data in self.service_data.items():
            uuid = bytes(UUID(text))
            structures.append((_SERVICE_DATA[len(uuid)], uuid + data))
        if self.tx_power_dbm is not None:
            structures.append((_Type.TX_POWER_LEVEL, struct.pack("b", self.tx_power_dbm)))
        if self.name is not None:
            structures.append((_Type.COMPLETE_LOCAL_NAME, self.name.encode()))
        return structures


@dataclass
class GatheredData:
    """What one device has advertised so far.

    Gathered over its packets as BlueZ does: what is in the scan response only is not lost with the next advertisement.
    """

    name: str | None = None
    name_is_complete: bool = False
    service_uuids: list[str] = field(default_factory=list)
    manufacturer_data: dict[int, bytes] = field(default_factory=dict)
    service_data: dict[str, bytes] = field(default_factory=dict)
    tx_power_dbm: int | None = None
    # What was parsed last, by whether it is a scan response.
    _latest: dict[bool, bytes] = field(default_factory=dict, repr=False, compare=False)

    def add(self, data: bytes, *, is_scan_response: bool = False) -> None:
        """Take one advertisement or scan response. What is malformed in it is passed over.

        Most say the same again: it is not parsed twice. (Bumble 0.0.236 compares each UUID with all that it ever met.)
        """
        if self._latest.get(is_scan_response) == data:
            return
        self._latest[is_scan_response] = data
        for ad_type, value in AdvertisingData.from_bytes(data).ad_structures:
            if ad_type in _UUID_LISTS:
                self._add_uuids(value, _UUID_LISTS[ad_type])
            elif ad_type in _SERVICE_DATA_SIZE:
                size = _SERVICE_DATA_SIZE[ad_type]
                if len(value) >= size:
                    self.service_data[long_uuid(UUID.from_bytes(value[:size]))] = value[size:]
            elif ad_type == _Type.MANUFACTURER_SPECIFIC_DATA and len(value) >= 2:  # noqa: PLR2004 (company identifier)
                self.manufacturer_data[int.from_bytes(value[:2], "little")] = value[2:]
            elif ad_type == _Type.TX_POWER_LEVEL and len(value) == 1:
                self.tx_power_dbm = int.from_bytes(value, "little", signed=True)
            elif ad_type == _Type.COMPLETE_LOCAL_NAME:
                self.name, self.name_is_complete = value.decode(errors="replace"), True
            elif ad_type == _Type.SHORTENED_LOCAL_NAME and not self.name_is_complete:
                self.name = value.decode(errors="replace")

    def _add_uuids(self, value: bytes, size: int) -> None:
        for start in range(0, len(value) - size + 1, size):
            uuid = long_uuid(UUID.from_bytes(value[start : start + size]))
            if uuid not in self.service_uuids:
                self.service_uuids.append(uuid)

    def as_bleak(self, rssi_dbm: int) -> AdvertisementData:
        """Return it as bleak's `AdvertisementData`."""
        return AdvertisementData(
            local_name=self.name,
            manufacturer_data=dict(self.manufacturer_data),
            service_data=dict(self.service_data),
            service_uuids=list(self.service_uuids),
            tx_power=self.tx_power_dbm,
            rssi=rssi_dbm,
            platform_data=(),
        )
