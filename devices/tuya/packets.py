"""Messages to plaintext, and envelopes to packets of 20 bytes, both ways; and how packets are written in turn.

Source of the facts: published MIT-licensed integrations for Tuya BLE and Tuya's own Apache-licensed device SDK.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from devices.driver.checksums import checksum
from devices.errors import ProtocolError, RefusedError
from devices.tuya.crypto import BLOCK

PACKET_BYTES = 20  # what fits into one packet with the smallest MTU

_HEADER = struct.Struct(">IIHH")
_CRC_BYTES = 2
_LONGEST_FRAME = 4096  # far above anything a device sends; a garbled length must not fill the memory
_VARINT_BYTES = 4
_DIGIT, _MORE = 0x7F, 0x80


@dataclass(frozen=True)
class Message:
    """One message. `response_to` is the sequence number of the message that it answers, or 0."""

    seq: int
    response_to: int
    code: int
    data: bytes = b""


def encode(message: Message) -> bytes:
    """Return the plaintext: header, data, CRC-16 (MODBUS, sent big-endian) and zeros up to whole blocks."""
    body = _HEADER.pack(message.seq, message.response_to, message.code, len(message.data)) + message.data
    body += checksum("crc16-modbus", body).to_bytes(_CRC_BYTES, "big")
    return body + bytes(-len(body) % BLOCK)


def decode(plaintext: bytes) -> Message:
    """Return the message in a plaintext. Raise `ProtocolError` where length or CRC do not fit."""
    if len(plaintext) < _HEADER.size + _CRC_BYTES:
        raise ProtocolError(f"a message has at least {_HEADER.size + _CRC_BYTES} bytes, not {len(plaintext)}")
    seq, response_to, code, length = _HEADER.unpack_from(plaintext)
    end = _HEADER.size + length
    if end + _CRC_BYTES > len(plaintext):
        raise ProtocolError(f"a message of {length} bytes of data does not fit into {len(plaintext)}")
    if checksum("crc16-modbus", plaintext[:end]) != int.from_bytes(plaintext[end : end + _CRC_BYTES], "big"):
        raise ProtocolError("the CRC of a message does not fit")  # a wrong key has the same effect
    return Message(seq, response_to, code, plaintext[_HEADER.size : end])


def split(envelope: bytes, version: int, packet_bytes: int = PACKET_BYTES) -> list[bytes]:
    """Return the packets that carry an envelope: numbered, the first with total length and protocol version."""
    packets: list[bytes] = []
    at = 0
    while at < len(envelope):
        head = to_varint(len(packets))
        if not packets:
            head += to_varint(len(envelope)) + bytes([version << 4 & 0xFF])
        room = packet_bytes - len(head)
        packets.append(head + envelope[at : at + room])
        at += room
    return packets


class PacketJoiner:
    """Puts packets together again. A missing, repeated or swapped packet voids its frame, and the next one is clean."""

    def __init__(self) -> None:
        self._data: bytearray | None = None
        self._total = 0
        self._next = 0

    def push(self, packet: bytes) -> bytes | None:
        """Take one packet; return the envelope that it completes. Raise `ProtocolError` for one that fits nowhere."""
        number, at = from_varint(packet, 0)
        if number == 0:
            self._data = None
            self._total, at = from_varint(packet, at)
            if not 0 < self._total <= _LONGEST_FRAME or at >= len(packet):
                raise ProtocolError(f"a frame of {self._total} bytes begins in a packet of {len(packet)}")
            at += 1  # the protocol version; the one in the device info is reliable
            self._data = bytearray()
            self._next = 0
        if self._data is None or number != self._next:
            self._data = None
            raise ProtocolError(f"packet {number} belongs to no frame that is complete up to there")
        self._data += packet[at:]
        self._next += 1
        if len(self._data) > self._total:
            self._data = None
            raise ProtocolError(f"a frame is longer than the {self._total} bytes it announced")
        if len(self._data) < self._total:
            return None
        envelope, self._data = bytes(self._data), None
        return envelope


class SupersededError(RefusedError):
    """A frame was given up half-way, because a stop had to go first."""


class PacketWriter:
    """Serial, except that an urgent frame makes the frame under way be given up between two of its packets.

    A receiver starts anew with every packet 0, so what was given up is void for it. Frames are made when their turn has
    come, because devices drop a connection whose sequence numbers do not climb.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._write = write
        self._turn = asyncio.Lock()
        self._urgent = asyncio.Lock()
        self._stops = 0

    async def send(self, make: Callable[[], Sequence[bytes]], *, urgent: bool = False) -> None:
        """Write the packets of one frame. Raise `SupersededError` if a stop went first, and what writing raises."""
        if urgent:
            self._stops += 1
            async with self._urgent:  # two stops must not mix their packets either
                for packet in make():
                    await self._write(packet)
            return
        async with self._turn:
            while self._urgent.locked():
                async with self._urgent:
                    pass
            stops = self._stops
            for packet in make():
                if stops != self._stops:
                    raise SupersededError("superseded by a stop")
                await self._write(packet)


def to_varint(number: int) -> bytes:
    """Return a number as base 128, lowest digits first; all but the last byte have their top bit set."""
    found = bytearray()
    while number > _DIGIT:
        found.append(number & _DIGIT | _MORE)
        number >>= 7
    return bytes([*found, number])


def from_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where what follows it begins. Raise `ProtocolError`."""
    number = 0
    for digit in range(_VARINT_BYTES):
        if at + digit >= len(data):
            break
        number |= (data[at + digit] & _DIGIT) << 7 * digit
        if not data[at + digit] & _MORE:
            return number, at + digit + 1
    raise ProtocolError(f"no number begins at byte {at} of {len(data)}")
