"""Messages and packets, against published frames, the CRC catalogue, and everything hypothesis can think of."""

from __future__ import annotations

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver.checksums import checksum
from devices.errors import ProtocolError
from devices.tuya.crypto import open_envelope, seal
from devices.tuya.packets import Message, PacketJoiner, decode, encode, from_varint, split, to_varint

IV = bytes(range(16))
LOGIN = md5(b"abcdef").digest()
SESSION = md5(b"abcdefsrand!").digest()

# Frames published in the tests of an MIT-licensed SDK for Tuya BLE, which had them from another implementation, the
# MIT-licensed integration for Home Assistant: local key abcdef0123456789, random number "srand!", IV 00 to 0f.
PUBLISHED = [
    pytest.param(
        Message(1, 0, 0x0000),
        (4, LOGIN),
        ["00213004000102030405060708090a0b0c0d0e0f", "01f8bc69d43b1f0e3bf28ac34ec4aa2723"],
        id="device info",
    ),
    pytest.param(
        Message(2, 0, 0x0001, bytes(range(44))),
        (5, SESSION),
        [
            "00513005000102030405060708090a0b0c0d0e0f",
            "01a14a20e14a24729f8aba085a0b3b4c07796414",
            "021f194475ed20400e52052fe5302ff8ab087f9a",
            "0327be3a2bd9df103ff68cacd0dd226d7064bb9f",
            "042845024fe7fb53",
        ],
        id="pair",
    ),
    pytest.param(
        Message(3, 0, 0x0003),
        (5, SESSION),
        ["00213005000102030405060708090a0b0c0d0e0f", "017949b6c0976133a68068991ec727311a"],
        id="device status",
    ),
]
published = pytest.mark.parametrize(("message", "flag_and_key", "packets"), PUBLISHED)

ENVELOPES = st.binary(min_size=1, max_size=600)


@published
def test_frames_are_those_of_the_published_integration(
    message: Message, flag_and_key: tuple[int, bytes], packets: list[str]
) -> None:
    flag, key = flag_and_key
    assert [packet.hex() for packet in split(seal(flag, key, IV, encode(message)), 3)] == packets


@published
def test_published_frames_are_understood(message: Message, flag_and_key: tuple[int, bytes], packets: list[str]) -> None:
    joiner = PacketJoiner()
    envelopes = [joiner.push(bytes.fromhex(packet)) for packet in packets]
    assert envelopes[:-1] == [None] * (len(packets) - 1)
    assert decode(open_envelope(envelopes[-1] or b"", dict([flag_and_key]))) == message


def test_the_crc_is_modbus_sent_big_endian() -> None:
    assert checksum("crc16-modbus", b"123456789") == 0x4B37  # the catalogue's check value
    plaintext = encode(Message(0x31323334, 0x35363738, 0x3900, b""))
    # 31323334 35363738 3900 0000, worked out with the bitwise algorithm in the description
    crc = 0xFFFF
    for byte in bytes.fromhex("313233343536373839000000"):
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    assert plaintext == bytes.fromhex("313233343536373839000000") + bytes([crc >> 8, crc & 0xFF]) + b"\0\0"


@pytest.mark.parametrize(("number", "wire"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (16384, "808001")])
def test_numbers_are_base_128_lowest_digits_first(number: int, wire: str) -> None:
    assert to_varint(number).hex() == wire
    assert from_varint(bytes.fromhex(wire), 0) == (number, len(wire) // 2)


@pytest.mark.parametrize("wire", ["", "80", "8080", "8080808001"])
def test_an_unterminated_number_is_refused(wire: str) -> None:
    with pytest.raises(ProtocolError):
        from_varint(bytes.fromhex(wire), 0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF), st.binary(max_size=300))
def test_a_message_comes_back(seq: int, response_to: int, code: int, data: bytes) -> None:
    plaintext = encode(Message(seq, response_to, code, data))
    assert len(plaintext) % 16 == 0
    assert decode(plaintext) == Message(seq, response_to, code, data)


@given(st.binary(max_size=64), st.data())
def test_a_flipped_bit_is_noticed(data: bytes, draw: st.DataObject) -> None:
    plaintext = bytearray(encode(Message(7, 0, 2, data)))
    covered = 12 + len(data) + 2
    plaintext[draw.draw(st.integers(0, covered - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(ProtocolError):
        decode(bytes(plaintext))


@given(st.binary(max_size=100))
def test_only_bytes_with_a_fitting_length_and_crc_are_a_message(data: bytes) -> None:
    try:
        message = decode(data)
    except ProtocolError:
        return
    end = 12 + len(message.data) + 2
    assert data[:end] == encode(message)[:end]


@given(ENVELOPES, st.sampled_from([20, 23, 100]))
def test_packets_fit_and_come_together_again(envelope: bytes, packet_bytes: int) -> None:
    packets = split(envelope, 4, packet_bytes)
    assert all(len(packet) <= packet_bytes for packet in packets)
    joiner = PacketJoiner()
    assert [joiner.push(packet) for packet in packets][-1] == envelope


def pushed(joiner: PacketJoiner, packets: list[bytes]) -> list[bytes]:
    """Return the envelopes that come out, whatever goes in."""
    found = []
    for packet in packets:
        try:
            envelope = joiner.push(packet)
        except ProtocolError:
            continue
        if envelope is not None:
            found.append(envelope)
    return found


@given(st.binary(min_size=60, max_size=300), ENVELOPES, st.data())
def test_a_missing_packet_voids_its_frame_and_no_other(lossy: bytes, whole: bytes, draw: st.DataObject) -> None:
    packets = split(lossy, 3)
    del packets[draw.draw(st.integers(0, len(packets) - 1))]
    assert pushed(PacketJoiner(), packets + split(whole, 3)) == [whole]


@given(st.binary(min_size=60, max_size=300), ENVELOPES, st.data())
def test_swapped_packets_void_their_frame_and_no_other(swapped: bytes, whole: bytes, draw: st.DataObject) -> None:
    packets = split(swapped, 3)
    at = draw.draw(st.integers(0, len(packets) - 2))
    packets[at], packets[at + 1] = packets[at + 1], packets[at]
    assert pushed(PacketJoiner(), packets + split(whole, 3)) == [whole]


@given(ENVELOPES, ENVELOPES, st.data())
def test_a_frame_begun_anew_replaces_the_one_that_was_given_up(
    first: bytes, second: bytes, draw: st.DataObject
) -> None:
    packets = split(first, 3)
    begun = packets[: draw.draw(st.integers(0, len(packets) - 1))]
    assert pushed(PacketJoiner(), begun + split(second, 3)) == [second]


@given(st.lists(st.binary(max_size=30), max_size=12), ENVELOPES)
def test_garbage_never_spoils_the_next_frame(garbage: list[bytes], whole: bytes) -> None:
    joiner = PacketJoiner()
    pushed(joiner, garbage)
    assert pushed(joiner, split(whole, 3)) == [whole]
