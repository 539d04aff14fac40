"""BTHome v2 from bytes to values: the published examples, what is encrypted, and whatever else somebody sends."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from devices.bthome.packet import CUT_OFF, BthomePacket, decode, nonce_of

ADDRESS = "54:48:E6:8F:80:A5"
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
# The example of bthome.io/encryption: 25.06 °C and 50.55 %.
SEALED = bytes.fromhex("41 a47266c95f73 00112233 78237214")


def read(data: str, key: bytes | None = None, address: str = ADDRESS) -> BthomePacket:
    packet = decode(bytes.fromhex(data), address, key)
    assert packet is not None
    return packet


def test_a_press_with_its_packet_and_the_battery() -> None:
    packet = read("44 00 07 01 64 3a 01")
    assert (packet.packet_id, packet.battery_percent, packet.buttons) == (7, 100, (1,))
    assert (packet.readable, packet.verified, packet.whole) == (True, False, True)


@pytest.mark.parametrize(
    ("data", "celsius"),
    [("40 02 ca 09", 25.06), ("40 02 36 f6", -25.06), ("40 45 11 01", 27.3), ("40 45 ef fe", -27.3)],
)
def test_temperatures_of_both_kinds(data: str, celsius: float) -> None:
    assert read(data).temperatures_celsius == (celsius,)


def test_objects_of_every_length_are_passed_over() -> None:
    before = "02 0000 04 000000 3e 00000000 53 03 616263 54 00"
    assert read(f"44 {before} 3a 04").buttons == (4,)
    assert read("44 3b 02 01 aabb 3a 02").buttons == (2,)


def test_every_button_counts() -> None:
    assert read("44 3a 00 3a 02 3a 00").buttons == (0, 2, 0)


def test_what_follows_an_unknown_object_is_not_read() -> None:
    packet = read("44 01 64 ee 3a 01")
    assert (packet.battery_percent, packet.buttons, packet.whole) == (100, (), False)


def test_a_press_that_is_cut_off_is_a_press_of_no_known_kind() -> None:
    packet = read("44 00 07 3a")
    assert (packet.buttons, packet.whole) == ((CUT_OFF,), False)


def test_a_battery_of_more_than_100_percent_is_unknown() -> None:
    assert read("44 01 65 3a 01").battery_percent is None


@pytest.mark.parametrize("data", ["", "04", "64 3a 01", "ff ff"])
def test_what_is_not_version_2_is_nothing(data: str) -> None:
    assert decode(bytes.fromhex(data), ADDRESS) is None


def test_what_is_encrypted_is_read_with_its_key() -> None:
    packet = decode(SEALED, ADDRESS, KEY)
    assert packet is not None
    assert (packet.verified, packet.temperatures_celsius, packet.counter) == (True, (25.06,), 0x33221100)


@pytest.mark.parametrize(
    ("key", "address"), [(None, ADDRESS), (bytes(16), ADDRESS), (KEY, "54:48:E6:8F:80:A6"), (KEY, "not-an-address")]
)
def test_without_its_key_or_from_another_address_it_cannot_be_read(key: bytes | None, address: str) -> None:
    packet = decode(SEALED, address, key)
    assert packet is not None
    assert (packet.readable, packet.verified, packet.temperatures_celsius) == (False, False, ())


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_a_flipped_bit_is_never_verified(bit: int) -> None:
    flipped = bytearray(SEALED)
    flipped[bit // 8] ^= 1 << bit % 8
    packet = decode(bytes(flipped), ADDRESS, KEY)
    assert packet is None or not packet.verified


def test_an_address_in_the_packet_is_the_one_that_it_was_encrypted_for() -> None:
    sender, counter = bytes.fromhex(ADDRESS.replace(":", "")), bytes.fromhex("01000000")
    sealed = AESCCM(KEY, tag_length=4).encrypt(nonce_of(sender, 0x47, counter), bytes.fromhex("3a01"), None)
    data = bytes([0x47]) + sender[::-1] + sealed[:-4] + counter + sealed[-4:]
    packet = decode(data, "00000000-0000-0000-0000-000000000000", KEY)
    assert packet is not None
    assert (packet.verified, packet.buttons) == (True, (1,))


@given(st.binary(max_size=64), st.sampled_from([None, KEY]), st.text(max_size=20))
def test_no_bytes_make_it_fail_or_are_verified(data: bytes, key: bytes | None, address: str) -> None:
    packet = decode(data, address, key)
    assert packet is None or not packet.verified
