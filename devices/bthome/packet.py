"""The service data of one BTHome advertisement, from bytes to values. Pure functions; no input makes them raise.

Device information, then objects in the order of their ids: `44 00 07 01 64 3a 01` is packet 7, a battery of 100 %, and
a button that was pressed. Encrypted, the objects are followed by a counter and a message integrity check (AES-CCM).
Anybody can send such bytes from any address: only what was decrypted comes from the owner's device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devices.bthome.objects import (
    BATTERY,
    BUTTON,
    COMMAND,
    COMMAND_LENGTH_BITS,
    COUNTED,
    LENGTHS,
    PACKET_ID,
    TEMPERATURE_STEP_CELSIUS,
    TIMESTAMP,
)
from devices.driver.vocabulary import full_uuid

SERVICE = full_uuid("fcd2")
KEY_BYTES = 16

_ENCRYPTED, _ADDRESS_INCLUDED, _VERSION_SHIFT, _VERSION = 0x01, 0x02, 5, 2
_ADDRESS_BYTES, _COUNTER_BYTES, CHECK_BYTES = 6, 4, 4
_MOST_PERCENT = 100
CUT_OFF = 0xFF
"""The value of a button whose byte is missing: there was a press, or may have been, of no known kind."""


@dataclass(frozen=True)
class BthomePacket:
    """The values of one advertisement. `None`: it does not have that one.

    `readable`: it is BTHome v2, and not encrypted with a key that is not known here. `verified`: it was decrypted with
    the owner's key. `counter`: of an encrypted one; each has a higher one than those before. `buttons`: the value of
    each button, 0 where it was not pressed. `whole`: every byte of it was understood.
    """

    encrypted: bool = False
    readable: bool = True
    verified: bool = False
    counter: int | None = None
    packet_id: int | None = None
    battery_percent: int | None = None
    buttons: tuple[int, ...] = ()
    temperatures_celsius: tuple[float, ...] = ()
    unix_seconds: int | None = None
    whole: bool = True


def decode(data: bytes, address: str, key: bytes | None = None) -> BthomePacket | None:
    """Decode service data; `None` where it is no BTHome v2. `address`: that of the sender, for decrypting."""
    if not data or data[0] >> _VERSION_SHIFT != _VERSION:
        return None
    information, rest = data[0], data[1:]
    sender = _octets(address)
    if information & _ADDRESS_INCLUDED:
        sender, rest = rest[:_ADDRESS_BYTES][::-1], rest[_ADDRESS_BYTES:]
    if not information & _ENCRYPTED:
        return _with_objects(BthomePacket(), rest)
    if len(rest) < _COUNTER_BYTES + CHECK_BYTES:
        return BthomePacket(encrypted=True, readable=False, whole=False)
    sealed, counter = rest[: -_COUNTER_BYTES - CHECK_BYTES], rest[-_COUNTER_BYTES - CHECK_BYTES : -CHECK_BYTES]
    number = int.from_bytes(counter, "little")
    opened = None
    if key is not None and len(sender) == _ADDRESS_BYTES:
        opened = _open(key, nonce_of(sender, information, counter), sealed + rest[-CHECK_BYTES:])
    if opened is None:
        return BthomePacket(encrypted=True, readable=False, counter=number, whole=False)
    return _with_objects(BthomePacket(encrypted=True, verified=True, counter=number), opened)


def nonce_of(sender: bytes, information: int, counter: bytes) -> bytes:
    """Return the nonce of an encrypted packet: its sender, the service, device information and counter."""
    return sender + bytes([0xD2, 0xFC, information]) + counter


def _open(key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
    """Return what was encrypted; `None` where it was not encrypted with this key."""
    from cryptography.exceptions import InvalidTag  # here, because it takes its time and memory
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    try:
        return AESCCM(key, tag_length=CHECK_BYTES).decrypt(nonce, sealed, None)
    except (InvalidTag, ValueError):
        return None


def _octets(address: str) -> bytes:
    """Return an address as bytes; none where it is a UUID that stands for one, as on macOS."""
    try:
        octets = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        return b""
    return octets if len(octets) == _ADDRESS_BYTES else b""


def _with_objects(packet: BthomePacket, data: bytes) -> BthomePacket:
    """Return a packet with the values of its objects."""
    found: dict[str, int] = {}
    buttons: list[int] = []
    temperatures: list[float] = []
    whole = True
    for object_id, value in _objects(data):
        if object_id == BUTTON:
            buttons.append(value[0] if value else CUT_OFF)
        if not value:
            whole = False
        elif object_id in TEMPERATURE_STEP_CELSIUS:
            steps = int.from_bytes(value, "little", signed=True)
            temperatures.append(round(steps * TEMPERATURE_STEP_CELSIUS[object_id], 2))
        elif object_id in _NUMBERS:
            found[_NUMBERS[object_id]] = int.from_bytes(value, "little")
    if found.get("battery_percent", 0) > _MOST_PERCENT:
        del found["battery_percent"]
        whole = False
    return BthomePacket(
        encrypted=packet.encrypted,
        verified=packet.verified,
        counter=packet.counter,
        buttons=tuple(buttons),
        temperatures_celsius=tuple(temperatures),
        whole=whole,
        packet_id=found.get("packet_id"),
        battery_percent=found.get("battery_percent"),
        unix_seconds=found.get("unix_seconds"),
    )


_NUMBERS = {PACKET_ID: "packet_id", BATTERY: "battery_percent", TIMESTAMP: "unix_seconds"}


def _objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each object and its value. After one that is unknown or cut off, whose value is empty, nothing can follow.

    What follows a newer object than these is no button: objects are in the order of their ids.
    """
    at = 0
    while at < len(data):
        object_id = data[at]
        at += 1
        length = LENGTHS.get(object_id)
        if object_id in COUNTED and at < len(data):
            length, at = data[at], at + 1
        elif object_id == COMMAND and at < len(data):
            length, at = 1 + (data[at] & COMMAND_LENGTH_BITS), at + 1
        if length is None or at + length > len(data):
            yield object_id, b""
            return
        if length:
            yield object_id, data[at : at + length]
        at += length
