"""The devices of a capture while it is read: what each advertised, its connections, and its GATT table."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.capture.conversation import CapturedConnection, CapturedDevice, GattMessage
from devices.capture.reading.advertising_reports import Advertised, text_of
from devices.capture.reading.att_conversation import AttConversation
from devices.capture.reading.gatt_discovery import DEVICE_NAME, GattTable
from devices.capture.reading.le_link import LeLink
from devices.capture.reading.reading_notes import ReadingNotes

# A capture of some hours has thousands of values; these bounds keep a huge or made-up file from filling the memory.
_MOST_VALUES = 500_000
_MOST_VALUE_BYTES = 64 << 20
_MOST_CONNECTIONS = 10_000
_MOST_ADVERTISING = 4096  # devices; phones change their address every quarter of an hour


@dataclass
class _CollectedDevice:
    advertised: Advertised
    table: GattTable = field(default_factory=GattTable)
    links: list[LeLink] = field(default_factory=list)


class DeviceCollection:
    """Collects what the readers find. Only devices with a connection are in the result.

    `private_addresses`, `private_names`: as in `Capture`, in the order in which they were found.
    """

    def __init__(self, notes: ReadingNotes) -> None:
        self.private_addresses: dict[str, None] = {}
        self.private_names: dict[str, None] = {}
        self._notes = notes
        self._devices: dict[str, _CollectedDevice] = {}
        self._advertised: dict[str, Advertised] = {}
        self._identities: dict[str, str] = {}
        self._connections = 0
        self._values = 0
        self._value_bytes = 0

    @property
    def advertising_count(self) -> int:
        """How many devices without a connection advertised; those of long ago may be forgotten."""
        return len(self._advertised)

    def advertise(self, address: str, data: bytes) -> None:
        """Take the data of an advertisement."""
        device = self._devices.get(address)
        if device is not None:
            device.advertised.take(data)
            return
        advertised = self._advertised[address] = self._advertised.pop(address, Advertised())
        advertised.take(data)
        if len(self._advertised) > _MOST_ADVERTISING:
            del self._advertised[next(iter(self._advertised))]

    def connect(self, address: str, began_seconds: float | None) -> LeLink:
        """Return a new connection to a device."""
        self._connections += 1
        device = self._devices.get(address)
        if self._connections > _MOST_CONNECTIONS:
            self._notes.add(f"The file has more than {_MOST_CONNECTIONS} connections; the later ones were left out.")
            device = _CollectedDevice(Advertised())
        elif device is None:
            device = self._devices[address] = _CollectedDevice(self._advertised.pop(address, Advertised()))

        def on_identity(identity: str) -> None:
            if address in self._devices:
                self._identities[address] = identity

        conversation = AttConversation(device.table, self._allow)
        link = LeLink(self._connections, conversation, self._notes, on_identity, began_seconds)
        device.links.append(link)
        return link

    def finish(self) -> tuple[CapturedDevice, ...]:
        """Return the devices, in the order of their first connections."""
        merged: dict[str, _CollectedDevice] = {}
        for address, device in self._devices.items():
            identity = self._identities.get(address, address)
            if identity != address:
                self.private_addresses[address] = None
            if (same := merged.get(identity)) is None:
                merged[identity] = device
            else:  # it had another random address at each connection
                same.links = sorted(same.links + device.links, key=lambda link: link.number)
                same.advertised.name = same.advertised.name or device.advertised.name
                same.table.update(device.table)
        return tuple(_captured(address, device) for address, device in merged.items() if device.links)

    def _allow(self, value_bytes: int) -> bool:
        if self._values >= _MOST_VALUES or self._value_bytes + value_bytes > _MOST_VALUE_BYTES:
            self._notes.count("dropped")
            return False
        self._values += 1
        self._value_bytes += value_bytes
        return True


def _captured(address: str, device: _CollectedDevice) -> CapturedDevice:
    messages = [message for link in device.links for message in link.att.messages]
    descriptors = device.table.descriptors(messages)
    messages = [each for each in messages if each.handle not in descriptors]
    advertised = device.advertised
    return CapturedDevice(
        address=address,
        name=advertised.name if advertised.complete else _name_read(messages, device.table) or advertised.name,
        connections=tuple(_connection(link, descriptors) for link in device.links),
        characteristics=device.table.characteristics(messages),
        advertised_services=tuple(sorted(advertised.services)),
        manufacturer_data=dict(sorted(advertised.manufacturers.items())),
    )


def _connection(link: LeLink, descriptors: set[int]) -> CapturedConnection:
    return CapturedConnection(
        number=link.number,
        began_seconds=link.began_seconds,
        ended_seconds=link.ended_seconds,
        messages=tuple(each for each in link.att.messages if each.handle not in descriptors),
        mtu_bytes=link.att.mtu_bytes,
        encrypted=link.encrypted,
    )


def _name_read(messages: list[GattMessage], table: GattTable) -> str | None:
    """Return the Device Name, where the app read it."""
    for each in messages:
        if each.kind == "read" and each.value and table.uuid_at(each.handle) == DEVICE_NAME:
            return text_of(each.value)
    return None
