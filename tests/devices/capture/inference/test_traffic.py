"""Frames out of pieces, and which traffic is the maker's own."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from devices.capture.conversation import CapturedCharacteristic, GattMessage
from devices.capture.inference.traffic import WireFrame, join_pieces, traffic_of
from tests.helpers.made_captures import BEGAN, made_device


def pieces_of(data: bytes, size: int, pause_seconds: float = 0.01) -> list[WireFrame]:
    return [
        WireFrame(place * pause_seconds, 1, 18, True, data[at : at + size])
        for place, at in enumerate(range(0, len(data), size))
    ]


@given(st.integers(0, 10_000), st.integers(3, 20))
def test_frames_are_joined_from_pieces_of_any_size(seed: int, size: int) -> None:
    draw = random.Random(seed)
    frames = [b"\xaa\x55" + bytes([length]) + draw.randbytes(length) for length in (3, 9, 30, 3, 12, 9, 30)]
    found = join_pieces(pieces_of(b"".join(frames), size))
    assert [frame.data for frame in found] == frames


def test_frames_that_come_whole_are_left_alone() -> None:
    whole = [b"\xaa\x03\x01\x02\x03", b"\xaa\x02\x01\x02", b"\xaa\x03\x03\x02\x01"]
    frames = [WireFrame(number, 1, 18, True, data) for number, data in enumerate(whole)]
    assert join_pieces(frames) == frames


def test_what_comes_seconds_apart_is_never_joined() -> None:
    """`aa 03 01` twice would be a frame of six bytes."""
    apart = [WireFrame(7.0 * number, 1, 16, False, b"\xaa\x03\x01") for number in range(6)]
    apart.append(WireFrame(50, 1, 16, False, b"\xaa\x01\x00\x00"))
    assert join_pieces(apart) == apart


def test_standard_services_descriptors_and_refused_values_are_left_out() -> None:
    device = made_device([(1.0, b"\x01")], [(2.0, b"\x02")])
    (connection,) = device.connections
    at = BEGAN.timestamp() + 3
    more = (
        GattMessage(at, "read", 0x30, b"\x55"),  # the battery
        GattMessage(at, "write", 0x13, b"\x01\x00"),  # switches notifications on
        GattMessage(at, "write", 0x10, b"\x09", error=3),
    )
    battery = CapturedCharacteristic(
        0x30, f"00002a19{'-0000-1000-8000-00805f9b34fb'}", f"0000180f{'-0000-1000-8000-00805f9b34fb'}", frozenset()
    )
    nameless = CapturedCharacteristic(0x13, None, None, frozenset(), discovered=False)
    device = replace(
        device,
        connections=(replace(connection, messages=(*connection.messages, *more)),),
        characteristics={**device.characteristics, 0x30: battery, 0x13: nameless},
    )
    assert [frame.data for frame in traffic_of(device).frames] == [b"\x01", b"\x02"]
