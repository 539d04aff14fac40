"""What a Bluetooth capture contains: devices, their connections, and what went through each characteristic.

Data only. Every reader makes it, whatever the file; inference, listings and extracts use nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MessageKind = Literal["write", "write-without-response", "read", "notify", "indicate"]
_FROM_DEVICE = frozenset({"read", "notify", "indicate"})


@dataclass(frozen=True, slots=True)
class GattMessage:
    """One value that went over the air, reassembled from its fragments.

    `at_seconds`: Unix time. `handle`: of the characteristic's value. `error`: the ATT error with which the device
    refused a write or a read (then `value` is what was written, or empty); `None`: it was not refused.
    """

    at_seconds: float
    kind: MessageKind
    handle: int
    value: bytes
    error: int | None = None

    @property
    def from_device(self) -> bool:
        """Whether the device sent the value; otherwise the app did."""
        return self.kind in _FROM_DEVICE


@dataclass(frozen=True)
class CapturedCharacteristic:
    """One row of the GATT table.

    `uuid` and `service`: 128 bits in lower case; `None` where the capture has no discovery, as with a bonded phone.
    `properties`: bleak's names (`read`, `write`, `write-without-response`, `notify`, `indicate`), as discovered;
    without a discovery, those that were used.
    """

    handle: int
    uuid: str | None
    service: str | None
    properties: frozenset[str]
    discovered: bool = True


@dataclass(frozen=True)
class CapturedConnection:
    """One connection to a device.

    `number`: its place among all connections of the capture, from 1. `began_seconds`: Unix time; `None`: before the
    capture began. `ended_seconds`: `None`: it outlasted the capture. `mtu_bytes`: as agreed, 23 until then.
    `encrypted`: the link was encrypted; values in a host's log are readable all the same.
    """

    number: int
    began_seconds: float | None
    ended_seconds: float | None
    messages: tuple[GattMessage, ...]
    mtu_bytes: int = 23
    encrypted: bool = False


@dataclass(frozen=True)
class CapturedDevice:
    """A device in a capture. `address` is whole: mask it wherever a person sees it."""

    address: str
    name: str | None
    connections: tuple[CapturedConnection, ...]
    characteristics: Mapping[int, CapturedCharacteristic]  # by the handle of the value
    advertised_services: tuple[str, ...] = ()
    manufacturer_data: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def messages(self) -> tuple[GattMessage, ...]:
        """All messages, in the order of time."""
        return tuple(message for connection in self.connections for message in connection.messages)


@dataclass(frozen=True)
class Capture:
    """All that was read of a file.

    `file_format`: in words, such as `btsnoop (H4)`. `problems`: what could not be read and why, each with its remedy,
    as sentences for a person; empty: everything was read. `private_addresses`, `private_names`: of the phone or
    computer that recorded it, and passing addresses of devices, as far as they are in it: never shown, and kept out of
    what is shared.
    """

    file_format: str
    devices: tuple[CapturedDevice, ...]
    packet_count: int
    problems: tuple[str, ...] = ()
    private_addresses: tuple[str, ...] = ()
    private_names: tuple[str, ...] = ()
