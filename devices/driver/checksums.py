"""Checksums that device protocols use. Pure functions of bytes."""

from __future__ import annotations

from functools import cache, reduce
from operator import xor
from typing import Literal, NamedTuple

ChecksumKind = Literal[
    "sum8",
    "sum8-inverted",
    "sum8-twos-complement",
    "xor8",
    "crc8",
    "crc16-ccitt-false",
    "crc16-xmodem",
    "crc16-kermit",
    "crc16-modbus",
    "crc16-mcrf4xx",
]


class _Crc(NamedTuple):
    bits: int
    polynomial: int
    initial: int
    reflected: bool


# Names and parameters as in the CRC RevEng catalogue; none of these has a final XOR.
_CRCS: dict[str, _Crc] = {
    "crc8": _Crc(8, 0x07, 0x00, False),
    "crc16-ccitt-false": _Crc(16, 0x1021, 0xFFFF, False),
    "crc16-xmodem": _Crc(16, 0x1021, 0x0000, False),
    "crc16-kermit": _Crc(16, 0x8408, 0x0000, True),
    "crc16-modbus": _Crc(16, 0xA001, 0xFFFF, True),
    "crc16-mcrf4xx": _Crc(16, 0x8408, 0xFFFF, True),
}


def checksum(kind: ChecksumKind, data: bytes) -> int:
    """Return the checksum of `data`: one byte's worth, or two's for the `crc16` kinds."""
    if kind in _CRCS:
        return _crc(_CRCS[kind], data)
    if kind == "xor8":
        return reduce(xor, data, 0)
    total = sum(data) & 0xFF
    if kind == "sum8-inverted":
        return total ^ 0xFF
    if kind == "sum8-twos-complement":
        return -total & 0xFF
    return total


def checksum_size(kind: ChecksumKind) -> int:
    """Return how many bytes the checksum takes in a frame."""
    return _CRCS[kind].bits // 8 if kind in _CRCS else 1


def _crc(crc: _Crc, data: bytes) -> int:
    table, mask = _table(crc), (1 << crc.bits) - 1
    value = crc.initial
    for byte in data:
        if crc.reflected:
            value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
        else:
            value = (value << 8 & mask) ^ table[(value >> crc.bits - 8) ^ byte]
    return value


@cache
def _table(crc: _Crc) -> tuple[int, ...]:
    """Return what each byte does to the checksum, worked out bit by bit."""
    top, mask = 1 << (crc.bits - 1), (1 << crc.bits) - 1
    table = []
    for byte in range(256):
        value = byte if crc.reflected else byte << (crc.bits - 8)
        for _ in range(8):
            if crc.reflected:
                value = (value >> 1) ^ (crc.polynomial if value & 1 else 0)
            else:
                value = ((value << 1) ^ (crc.polynomial if value & top else 0)) & mask
        table.append(value)
    return tuple(table)
