"""Checksums against values that did not come from this code."""

from __future__ import annotations

import binascii
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver.checksums import ChecksumKind, checksum, checksum_size

KINDS: tuple[ChecksumKind, ...] = get_args(ChecksumKind)
CRCS = tuple(kind for kind in KINDS if kind.startswith("crc"))
WIDE = tuple(kind for kind in CRCS if checksum_size(kind) == 2)
REFLECTED = ("crc16-kermit", "crc16-modbus", "crc16-mcrf4xx")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("crc8", 0xF4),  # CRC-8/SMBUS
        ("crc16-ccitt-false", 0x29B1),  # CRC-16/IBM-3740
        ("crc16-xmodem", 0x31C3),
        ("crc16-kermit", 0x2189),
        ("crc16-modbus", 0x4B37),
        ("crc16-mcrf4xx", 0x6F91),
    ],
)
def test_a_crc_has_the_check_value_of_the_reveng_catalogue(kind: ChecksumKind, value: int) -> None:
    assert checksum(kind, b"123456789") == value


def test_every_crc_has_a_check_value_here() -> None:
    assert len(CRCS) == 6


@pytest.mark.parametrize(
    ("kind", "covered", "value"),
    [
        # Kindly Cuddle: power on and off, pause and resume, 30 minutes (facts/devices.md)
        ("sum8", "55 AA 06 10 01", 0x16),
        ("sum8", "55 AA 06 10 00", 0x15),
        ("sum8", "55 AA 06 D0 01", 0xD6),
        ("sum8", "55 AA 06 D0 00", 0xD5),
        ("sum8", "55 AA 06 90 1E", 0xB3),
        ("sum8-twos-complement", "03 00 30 00 02 33 7A", 0x1E),  # an Intel HEX record, as on Wikipedia
        ("sum8-inverted", "01 04 02 2B 01", 0xCC),  # Dynamixel 1.0, ROBOTIS e-manual: read the temperature of id 1
        ("xor8", b"GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,".hex(), 0x76),  # NMEA 0183
        ("crc16-modbus", "01 04 02 FF FF", 0x80B8),  # sent as B8 80
    ],
)
def test_a_published_frame_has_its_published_checksum(kind: ChecksumKind, covered: str, value: int) -> None:
    assert checksum(kind, bytes.fromhex(covered)) == value


@given(st.binary(max_size=300))
def test_two_crcs_agree_with_the_one_python_comes_with(data: bytes) -> None:
    assert checksum("crc16-ccitt-false", data) == binascii.crc_hqx(data, 0xFFFF)
    assert checksum("crc16-xmodem", data) == binascii.crc_hqx(data, 0)


@given(data=st.binary(min_size=1, max_size=64), place=st.integers(0), kind=st.sampled_from(KINDS))
def test_one_flipped_bit_changes_every_checksum(data: bytes, place: int, kind: ChecksumKind) -> None:
    bit = place % (8 * len(data))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    assert checksum(kind, flipped) != checksum(kind, data)


@given(data=st.binary(min_size=2, max_size=64), place=st.integers(0), kind=st.sampled_from(WIDE))
def test_two_bytes_that_change_places_change_every_crc_of_two_bytes(
    data: bytes, place: int, kind: ChecksumKind
) -> None:
    at = place % (len(data) - 1)
    swapped = data[:at] + data[at + 1 : at + 2] + data[at : at + 1] + data[at + 2 :]
    assert (checksum(kind, swapped) == checksum(kind, data)) == (swapped == data)


@given(data=st.binary(max_size=64), kind=st.sampled_from(CRCS))
def test_a_crc_over_data_and_its_own_crc_is_nothing(data: bytes, kind: ChecksumKind) -> None:
    own = checksum(kind, data).to_bytes(checksum_size(kind), "little" if kind in REFLECTED else "big")
    assert checksum(kind, data + own) == 0


@given(data=st.binary(max_size=64), kind=st.sampled_from(KINDS))
def test_a_checksum_fits_into_the_size_it_says(data: bytes, kind: ChecksumKind) -> None:
    assert checksum_size(kind) == (2 if kind.startswith("crc16") else 1)
    assert 0 <= checksum(kind, data) < 1 << 8 * checksum_size(kind)


@given(st.binary(max_size=64))
def test_the_three_sums_are_one_sum_in_three_forms(data: bytes) -> None:
    total = sum(data) % 256
    assert checksum("sum8", data) == total
    assert checksum("sum8-inverted", data) + total == 255
    assert (checksum("sum8-twos-complement", data) + total) % 256 == 0
