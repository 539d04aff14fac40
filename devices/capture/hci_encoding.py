"""Packets of H4 and records of btsnoop, for the extract: the other way round than `reading` takes them apart."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from devices.capture.conversation import GattMessage

Packet = tuple[float, bytes, bool]
"""Unix time in seconds, the packet with its type of H4 in front, and whether the controller sent it."""

_EPOCH_MICROSECONDS = 0x00DCDDB30F2F8000  # 1970 in microseconds since the year 0
_FILE_HEADER = b"btsnoop\0" + struct.pack(">II", 1, 1002)
_ACL, _EVENT = 2, 4
_ATT_CHANNEL = 4
_FIRST_OF_HOST, _FIRST_OF_CONTROLLER = 0, 2
_REMOTE_USER_ENDED = 0x13
_EXECUTE, _ERROR = 0x18, 0x01
_TOLD = {"notify": b"\x1b", "indicate": b"\x1d"}


def btsnoop_file(packets: Iterable[Packet]) -> Iterator[bytes]:
    """Yield the parts of a btsnoop file."""
    yield _FILE_HEADER
    for at_seconds, packet, received in packets:
        flags = int(received) | (2 if packet[0] == _EVENT else 0)
        microseconds = _EPOCH_MICROSECONDS + round(at_seconds * 1e6)
        yield struct.pack(">IIIIq", len(packet), len(packet), flags, 0, microseconds) + packet


def connection_complete(handle: int, address: bytes) -> bytes:
    """Return the event of a new connection as central. `address`: as on the air."""
    return _event(0x3E, struct.pack("<BBHBB", 0x01, 0, handle, 0, 0) + address + bytes(7))


def encryption_change(handle: int) -> bytes:
    """Return the event of a connection that is encrypted from now on."""
    return _event(0x08, struct.pack("<BHB", 0, handle, 1))


def disconnection_complete(handle: int) -> bytes:
    """Return the event of a connection that ended."""
    return _event(0x05, struct.pack("<BHB", 0, handle, _REMOTE_USER_ENDED))


def advertising_report(address: bytes, kind: int, value: bytes) -> bytes:
    """Return the event of an advertisement with one structure, of at most 200 bytes. `address`: as on the air."""
    data = bytes([1 + len(value), kind]) + value
    head = struct.pack("<HB", 0x0013, 0) + address + bytes((1, 0, 0xFF, 0x7F, 0x7F, 0, 0, 0)) + bytes(6)
    return _event(0x3E, b"\x0d\x01" + head + bytes([len(data)]) + data)


def att_packet(handle: int, pdu: bytes, *, from_device: bool) -> bytes:
    """Return an ATT PDU in one packet of data."""
    flags = (_FIRST_OF_CONTROLLER if from_device else _FIRST_OF_HOST) << 12
    return struct.pack("<BHHHH", _ACL, handle | flags, len(pdu) + 4, len(pdu), _ATT_CHANNEL) + pdu


def message_pdus(message: GattMessage, mtu_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the ATT PDUs that carry a message, and whether the device sends each. What is long is split as on air."""
    place = struct.pack("<H", message.handle)
    match message.kind:
        case "notify" | "indicate":
            yield _TOLD[message.kind] + place + message.value, True
            if message.kind == "indicate":
                yield b"\x1e", False
        case "write-without-response":
            yield b"\x52" + place + message.value, False
        case "write":
            yield from _write_pdus(message, place, mtu_bytes)
        case "read":
            yield from _read_pdus(message, place, mtu_bytes)


def _write_pdus(message: GattMessage, place: bytes, mtu_bytes: int) -> Iterator[tuple[bytes, bool]]:
    request, most = 0x12, mtu_bytes - 3
    if len(message.value) <= most:
        yield bytes([request]) + place + message.value, False
    else:
        most = mtu_bytes - 5
        for at in range(0, len(message.value), most):
            part = place + struct.pack("<H", at) + message.value[at : at + most]
            yield b"\x16" + part, False
            yield b"\x17" + part, True
        request = _EXECUTE
        yield bytes([request, 1]), False
    if message.error is None:
        yield bytes([request + 1]), True
    else:
        yield bytes([_ERROR, request]) + place + bytes([message.error]), True


def _read_pdus(message: GattMessage, place: bytes, mtu_bytes: int) -> Iterator[tuple[bytes, bool]]:
    yield b"\x0a" + place, False
    if message.error is not None:
        yield bytes([_ERROR, 0x0A]) + place + bytes([message.error]), True
        return
    most = mtu_bytes - 1
    yield b"\x0b" + message.value[:most], True
    for at in range(most, len(message.value), most):
        yield b"\x0c" + place + struct.pack("<H", at), False
        yield b"\x0d" + message.value[at : at + most], True


def _event(code: int, parameters: bytes) -> bytes:
    return bytes([_EVENT, code, len(parameters)]) + parameters
