"""The clock of the phone and that of the labels: their difference is found, or nothing is claimed."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.capture.conversation import CapturedConnection, CapturedDevice, GattMessage
from devices.capture.guided_script import AppControls, script_for
from devices.capture.label_alignment import clock_offset_seconds, offset_between
from devices.capture.labels import Labels
from devices.capture.labels_file import action_of
from tests.helpers.sampling import examples

OPCODES = {"start": 1, "adjust": 2, "pause": 4, "resume": 5, "stop": 3}
BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
SCRIPT = script_for(AppControls("pump", 9, phases=True, pauses=True, shown=("battery_percent",)))


def recorded(
    seed: int, offset_seconds: float, *, keepalive_seconds: float | None, counted: bool
) -> tuple[CapturedDevice, Labels]:
    """A recording by somebody who is not always quick, of an app that may also write by itself."""
    chance, at = random.Random(seed), BEGAN.timestamp()
    actions, writes, count = [], [], 0

    def write(seconds: float, opcode: int, value: int) -> None:
        nonlocal count
        count += counted
        data = bytes([0xA5, count % 256, opcode, value, 0x5A])
        writes.append(GattMessage(seconds + offset_seconds, "write", 3, data))

    for step in SCRIPT:
        at += step.quiet_seconds + chance.uniform(1, 4)
        actions.append(action_of(at - BEGAN.timestamp() + chance.uniform(-0.4, 0.4), step.do, step.values))
        if step.do == "connect":
            for number in range(4):
                write(at + 0.3 * number, 0x70 + number, 0)
        elif step.do in OPCODES:
            write(at + chance.uniform(-0.2, 1.0), OPCODES[step.do], int(step.values.get("level") or 0))
    if keepalive_seconds:
        seconds = BEGAN.timestamp()
        while seconds < at:
            write(seconds, 0x08, 0)
            seconds += keepalive_seconds * chance.uniform(0.95, 1.05)
    writes.sort(key=lambda each: each.at_seconds)
    device = CapturedDevice("A0:00:00:00:00:01", None, (CapturedConnection(1, None, None, tuple(writes)),), {})
    return device, Labels(role="pump", began=BEGAN, actions=tuple(actions))


@pytest.mark.system
@settings(max_examples=examples(15))
@given(
    st.integers(0, 1000),
    st.sampled_from((0.0, 0.7, -2.5)) | st.floats(-1e7, 1e7).filter(lambda each: abs(each) > 20),
    st.sampled_from((None, 1.0, 5.0)),
    st.booleans(),
)
def test_the_difference_is_found_whatever_the_app_writes_by_itself(
    seed: int, offset_seconds: float, keepalive_seconds: float | None, counted: bool
) -> None:
    device, labels = recorded(seed, offset_seconds, keepalive_seconds=keepalive_seconds, counted=counted)
    found = clock_offset_seconds(device, labels)
    assert found is None or abs(found - offset_seconds) < 1.5


@pytest.mark.parametrize("offset_seconds", [0.0, 95.0, -3600.0])
def test_it_is_found_with_a_keepalive_every_second(offset_seconds: float) -> None:
    device, labels = recorded(1, offset_seconds, keepalive_seconds=1.0, counted=False)
    assert clock_offset_seconds(device, labels) == pytest.approx(offset_seconds, abs=1.2)


def test_two_actions_tell_nothing() -> None:
    device, _ = recorded(1, 0.0, keepalive_seconds=None, counted=False)
    assert offset_between([1.0, 2.0], device.messages) is None
    assert offset_between([1.0, 2.0, 3.0], []) is None


def test_actions_at_equal_distances_far_off_could_be_any_of_several() -> None:
    writes = [GattMessage(1000 + 10.0 * number, "write", 3, b"\x01") for number in range(6)]
    assert offset_between([10.0 * number for number in range(4)], writes) is None


def test_an_app_that_writes_only_by_itself_tells_nothing() -> None:
    writes = [GattMessage(1000 + number / 10, "write", 3, b"\x01") for number in range(5000)]
    assert offset_between([1010.0, 1030.0, 1047.0, 1066.0], writes) is None
