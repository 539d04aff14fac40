"""The extract of a capture that may be shared: the messages between one device and its app, and nothing else.

It is written anew from the data of the `Capture`, so keys, other devices and the packets of the file cannot be in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from devices.capture.conversation import Capture, CapturedConnection, CapturedDevice, GattMessage
from devices.capture.discovery_encoding import discovery_pdus, uuid_bytes
from devices.capture.hci_encoding import (
    Packet,
    advertising_report,
    att_packet,
    btsnoop_file,
    connection_complete,
    disconnection_complete,
    encryption_change,
    message_pdus,
)
from devices.capture.private_bytes import FAKE_ADDRESS, PrivateBytes, texts_in
from devices.capture.reading.gatt_discovery import short_uuid

BEGIN_SECONDS = 1_577_836_800.0
"""When every extract begins: on 2020-01-01, UTC."""

_HANDLE, _HANDLES = 0x0040, 0x0E00
_ON_AIR = bytes.fromhex(FAKE_ADDRESS.replace(":", ""))[::-1]
_COMPLETE_NAME, _SERVICES_16, _SERVICES_128 = 0x09, 0x03, 0x07
_SMALLEST_MTU_BYTES = 23
_MOST_NAME_BYTES = 200
_PERSONAL = {
    0x2A00: "device name",
    0x2A23: "system id, which holds the address",
    0x2A25: "serial number",
    0x2A85: "date of birth",
    0x2A87: "email address",
    0x2A8A: "first name",
    0x2A90: "last name",
}
"""Characteristics whose values are left out."""


@dataclass(frozen=True)
class Extract:
    """What was written.

    `offset_seconds`: to be added to the times of the capture, and so to `Labels.began`, to get those of the extract.
    `replaced_count`: values in which an address or a name was replaced; `left_out_count`: those of characteristics that
    are about a person or one single device. `texts`: the readable texts that are left in values, for a person to see.
    """

    offset_seconds: float
    replaced_count: int
    left_out_count: int
    texts: tuple[str, ...]


def write_extract(capture: Capture, device: CapturedDevice, path: Path, *, name: str | None = None) -> Extract:
    """Write the messages of one device and its app as a btsnoop file (H4), which any tool reads. Raise `OSError`.

    Kept: values with their distances in time, connections, the GATT table, the advertised services. The address is a
    made-up one; keys, other devices, manufacturer data and names are not in it. `name`: the device's name in the
    extract. Names are often personal ("Anna's pump"): pass only that of a model, such as `Moon S1`.
    """
    private = PrivateBytes(capture, name)
    shared = replace(device, connections=tuple(_shared(each, device, private) for each in device.connections))
    offset_seconds = BEGIN_SECONDS - min(_times(shared), default=BEGIN_SECONDS)
    with path.open("wb") as file:
        file.writelines(btsnoop_file(_packets(shared, name, offset_seconds)))
    kept = shared.messages
    originals = [each for each in device.messages if not _is_personal(device, each)]
    return Extract(
        offset_seconds,
        replaced_count=sum(one.value != other.value for one, other in zip(originals, kept, strict=True)),
        left_out_count=len(device.messages) - len(kept),
        texts=texts_in(each.value for each in kept),
    )


def _shared(connection: CapturedConnection, device: CapturedDevice, private: PrivateBytes) -> CapturedConnection:
    messages = (
        replace(each, value=private.replaced(each.value))
        for each in connection.messages
        if not _is_personal(device, each)
    )
    return replace(connection, messages=tuple(messages))


def _is_personal(device: CapturedDevice, message: GattMessage) -> bool:
    """Return whether a value is of a personal characteristic, or may be: a text that was read without a UUID."""
    row = device.characteristics.get(message.handle)
    if row is None or row.uuid is None:
        return message.kind == "read" and bool(texts_in([message.value]))
    return short_uuid(row.uuid) in _PERSONAL


def _times(device: CapturedDevice) -> Iterator[float]:
    for connection in device.connections:
        ends = (connection.began_seconds, connection.ended_seconds)
        yield from (each for each in ends if each is not None)
        yield from (each.at_seconds for each in connection.messages[:1])


def _packets(device: CapturedDevice, name: str | None, offset_seconds: float) -> Iterator[Packet]:
    for kind, value in _advertised(device, name):
        yield BEGIN_SECONDS, advertising_report(_ON_AIR, kind, value), True
    # Without its beginning a connection has no address. One that began before the capture stays so, unless others of
    # the device do have theirs: then it has to be known as one of the same device.
    known = any(each.began_seconds is not None for each in device.connections)
    discovered = False
    for number, connection in enumerate(device.connections):
        handle = _HANDLE + number % _HANDLES if known else _HANDLE
        began = _first_seconds(connection) if connection.began_seconds is None else connection.began_seconds
        at = BEGIN_SECONDS if began is None else began + offset_seconds
        if known:
            yield at, connection_complete(handle, _ON_AIR), True
        if connection.mtu_bytes > _SMALLEST_MTU_BYTES:
            mtu = connection.mtu_bytes.to_bytes(2, "little")
            yield at, att_packet(handle, b"\x02" + mtu, from_device=False), False
            yield at, att_packet(handle, b"\x03" + mtu, from_device=True), True
        if not discovered:
            discovered = True
            for pdu, from_device in discovery_pdus(device.characteristics.values()):
                yield at, att_packet(handle, pdu, from_device=from_device), from_device
        if connection.encrypted and known:
            yield at, encryption_change(handle), True
        for message in connection.messages:
            for pdu, from_device in message_pdus(message, connection.mtu_bytes):
                packet = att_packet(handle, pdu, from_device=from_device)
                yield message.at_seconds + offset_seconds, packet, from_device
        if connection.encrypted and not known:  # only its data shows that there is a connection
            yield at, encryption_change(handle), True
        if connection.ended_seconds is not None:
            yield connection.ended_seconds + offset_seconds, disconnection_complete(handle), True


def _first_seconds(connection: CapturedConnection) -> float | None:
    return connection.messages[0].at_seconds if connection.messages else connection.ended_seconds


def _advertised(device: CapturedDevice, name: str | None) -> Iterator[tuple[int, bytes]]:
    if name:
        yield _COMPLETE_NAME, name.encode()[:_MOST_NAME_BYTES]
    for service in device.advertised_services:
        raw = uuid_bytes(service)
        yield (_SERVICES_16 if len(raw) == 2 else _SERVICES_128), raw  # noqa: PLR2004
