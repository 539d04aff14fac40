"""Frame layouts: the true one survives, and a checksum that is not there is never found."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.capture.inference.frame_layout import find_layout
from devices.capture.inference.traffic import WireFrame
from devices.driver.checksums import ChecksumKind
from devices.profiles.frame_spec import Frame
from devices.profiles.frames import wrap

seeds = st.integers(0, 100_000)


def frames_of(frame: Frame, draw: random.Random, count: int) -> list[WireFrame]:
    """Return frames of an app and answers of its device, with payloads of some lengths."""
    sizes = {opcode: draw.randrange(1, 5) for opcode in range(4)}
    sizes[0] = sizes[1] + 1
    found = []
    for number in range(count):
        opcode = number % 4
        payload = bytes(draw.randrange(10) for _ in range(sizes[opcode]))
        found.append(WireFrame(number, 1, 16, False, wrap(frame, "little", bytes([opcode]), payload, number)))
        told = bytes(draw.randrange(10) for _ in range(sizes[opcode]))
        found.append(WireFrame(number + 0.5, 1, 18, True, wrap(frame, "little", bytes([0x80 | opcode]), told, number)))
    return found


@given(seeds, st.sampled_from(get_args(ChecksumKind)), st.sampled_from(["frame", "payload", ("opcode", "payload")]))
def test_the_true_checksum_survives(seed: int, kind: ChecksumKind, over: object) -> None:
    draw = random.Random(seed)
    counts = draw.choice(("frame", "payload", "rest"))
    frame = Frame.model_validate(
        {
            "layout": ["head", "length", "opcode", "payload", "checksum"],
            "head": draw.randbytes(draw.choice((1, 2))).hex(),
            "length": {"counts": counts},
            "checksum": {"kind": kind, "over": over, "order": draw.choice(("big", "little"))},
        }
    )
    frames = frames_of(frame, draw, 8)
    found = find_layout(frames)
    assert found.frame is not None
    assert found.frame.checksum is not None
    assert found.frame.checksum.kind == kind
    assert found.frame.length is not None
    assert all(found.re_encodes(each.data) for each in frames)


@given(seeds)
def test_no_checksum_is_invented(seed: int) -> None:
    draw = random.Random(seed)
    frame = Frame.model_validate({"layout": ["head", "opcode", "payload"], "head": draw.randbytes(1).hex()})
    found = find_layout(frames_of(frame, draw, 8))
    assert found.frame is None or found.frame.checksum is None


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_counter_is_found_at_its_place(place: int) -> None:
    layout = ["head", "opcode", "payload", "checksum"]
    layout.insert(place, "counter")
    frame = Frame.model_validate({"layout": layout, "head": "a5", "checksum": {"kind": "sum8"}})
    found = find_layout(frames_of(frame, random.Random(1), 8))
    assert found.frame is not None
    assert "counter" in found.frame.layout
    assert found.frame.layout.index("counter") == place or found.opcode_free


def test_two_lengths_are_needed_to_know_a_length() -> None:
    frame = Frame.model_validate(
        {"layout": ["head", "length", "payload"], "head": "a5", "length": {"counts": "payload"}}
    )
    alike = [WireFrame(n, 1, 16, False, wrap(frame, "little", b"", bytes([n, 1]), 0)) for n in range(5)]
    found = find_layout(alike)
    assert found.frame is None or found.frame.length is None
    longer = WireFrame(9, 1, 16, False, wrap(frame, "little", b"", b"\x01\x02\x03", 0))
    found = find_layout([*alike, longer])
    assert found.frame is not None
    assert found.frame.length is not None


def test_all_checksums_that_fit_are_named() -> None:
    """Of bytes without a carry, sum and exclusive or are the same."""
    bodies = [b"\x10\x01", b"\x20\x02", b"\x40\x04", b"\x80\x08"]
    frames = [WireFrame(n, 1, 16, False, body + bytes([sum(body)])) for n, body in enumerate(bodies)]
    found = find_layout(frames)
    assert found.frame is not None
    assert found.frame.checksum is not None
    assert any("xor8" in words for words in [each.words for each in found.rivals])
