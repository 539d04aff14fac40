"""What a draft must not do: start without a stop, guess, step up and down, or send what was not captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from devices.capture.draft import Draft
from devices.capture.inference.drafting import NOTHING_DONE, NOTHING_WRITTEN, draft_profile
from devices.capture.inference.encryption import SESSION_KEY
from devices.driver.vocabulary import RoleName
from devices.errors import RefusedError
from devices.profiles.codec import Codec
from devices.profiles.schema import Profile
from tests.helpers.made_captures import made_device, made_labels

Press = tuple[str, Mapping[str, Any], Sequence[bytes]]
ON, OFF = bytes.fromhex("aa010100"), bytes.fromhex("aa010000")


def setting(phase: int, level: int) -> bytes:
    return bytes([0xAA, 2, phase, level])


STIMULATION = {"phase": "stimulation", "level": 1}
ADJUSTED: tuple[Press, ...] = (
    *(("adjust", {"level": level}, [setting(0, level)]) for level in (2, 3, 4, 1)),
    ("adjust", {"phase": "expression", "level": 1}, [setting(1, 1)]),
    ("adjust", {"level": 3}, [setting(1, 3)]),
    ("adjust", {"phase": "stimulation", "level": 2}, [setting(0, 2)]),
)


def drafted(*presses: Press, role: RoleName = "pump") -> Draft:
    """Return the draft of an app that writes this at each press."""
    written, actions = [], []
    for number, (do, values, frames) in enumerate(presses):
        at = 10 + 7.3 * number
        actions.append((at, {"do": do, **values}))
        written += [(at + 0.4 + 0.05 * place, frame) for place, frame in enumerate(frames)]
    labels = made_labels(actions).model_copy(update={"role": role})
    return draft_profile(made_device(written, []), labels)


def codec_of(draft: Draft) -> Codec:
    assert draft.profile is not None, draft.refusal
    return Codec(Profile.model_validate(draft.profile))


def sent(draft: Draft, verb: str, **values: Any) -> list[str]:
    codec = codec_of(draft)
    return [codec.encode_command(part, given).data.hex() for part, given, _ in codec.packets(verb, values)]


def commands(draft: Draft) -> set[str]:
    return set((draft.profile or {}).get("commands", {}))


def missing(draft: Draft) -> str:
    return " ".join(draft.missing)


def test_without_a_stop_nothing_starts() -> None:
    draft = drafted(("start", STIMULATION, [ON, setting(0, 1)]), *ADJUSTED)
    assert not commands(draft) & {"start", "adjust"}
    assert "stop" in missing(draft)


def test_the_same_bytes_for_start_and_stop_are_not_used() -> None:
    toggle = bytes.fromhex("aa01ff00")
    draft = drafted(("start", STIMULATION, [toggle]), *ADJUSTED, ("stop", {}, [toggle]), ("start", {}, [toggle]))
    assert not commands(draft) & {"start", "adjust", "stop"}
    assert "switch" in missing(draft)


def test_steps_up_and_down_are_never_used() -> None:
    up, down = bytes.fromhex("aa0301"), bytes.fromhex("aa0300")
    steps = [("adjust", {"level": level}, [up]) for level in (2, 3, 4)]
    steps += [("adjust", {"level": level}, [down]) for level in (3, 2, 1)]
    draft = drafted(("start", STIMULATION, [ON]), *steps, ("stop", {}, [OFF]))
    assert "adjust" not in commands(draft)
    assert "more or less" in missing(draft)


def test_a_start_with_two_levels_begins_at_the_weaker_one_and_is_set_then() -> None:
    start = bytes.fromhex("aa0100")
    draft = drafted(
        ("start", STIMULATION, [start + b"\x01"]),
        *ADJUSTED,
        ("stop", {}, [bytes.fromhex("aa0900")]),
        ("start", {"phase": "stimulation", "level": 2}, [start + b"\x02"]),
        ("stop", {}, [bytes.fromhex("aa0900")]),
    )
    assert sent(draft, "start", phase="expression", level=3) == ["aa010001", "aa020103"]


def test_a_start_that_began_stronger_is_not_used_for_less() -> None:
    draft = drafted(
        ("start", {"phase": "stimulation", "level": 3}, [bytes.fromhex("aa0703")]), *ADJUSTED, ("stop", {}, [OFF])
    )
    assert sent(draft, "start", phase="stimulation", level=4) == ["aa0703", "aa020004"]
    with pytest.raises(RefusedError):
        sent(draft, "start", phase="stimulation", level=2)
    assert sent(draft, "adjust", phase="stimulation", level=2) == ["aa020002"]


def test_a_start_without_settings_gets_them_before_and_after() -> None:
    again = ("start", {"phase": "stimulation", "level": 2}, [ON])
    draft = drafted(("start", STIMULATION, [ON]), *ADJUSTED, ("stop", {}, [OFF]), again, ("stop", {}, [OFF]))
    assert sent(draft, "start", phase="stimulation", level=1) == ["aa020001", ON.hex(), "aa020001"]
    assert "while the device is stopped" in missing(draft)


def test_two_distant_levels_show_no_rule_for_those_between() -> None:
    presses: list[Press] = [("start", {"phase": "stimulation", "level": 3}, [setting(0, 3)])]
    presses += [("adjust", {"level": level}, [setting(0, level)]) for level in (7, 3)]
    draft = drafted(*presses, ("stop", {}, [OFF]))
    assert sent(draft, "start", level=3) == ["aa020003"]
    for level in (2, 4, 5, 7):
        with pytest.raises(RefusedError):
            sent(draft, "adjust", level=level)
    assert "Record at least one more" in missing(draft)


def test_level_zero_may_be_the_stop() -> None:
    presses: list[Press] = [("start", STIMULATION, [b"\x01"])]
    presses += [("adjust", {"level": level}, [bytes([level])]) for level in (2, 3, 4, 1)]
    draft = drafted(*presses, ("stop", {}, [b"\x00"]))
    assert sent(draft, "stop") == ["00"]
    assert sent(draft, "start", phase="stimulation", level=4) == ["04"]
    with pytest.raises(RefusedError):
        sent(draft, "adjust", phase="stimulation", level=0)


def test_phase_and_level_that_changed_together_are_told_apart_by_nobody() -> None:
    presses: list[Press] = [
        ("start", STIMULATION, [setting(1, 1)]),
        ("adjust", {"phase": "expression", "level": 2}, [setting(2, 2)]),
        ("adjust", STIMULATION, [setting(1, 1)]),
        ("stop", {}, [OFF]),
    ]
    draft = drafted(*presses)
    assert "adjust" not in commands(draft)
    assert "changed together" in missing(draft)


def test_a_checksum_that_is_not_decided_is_not_sent() -> None:
    """Sum and exclusive or agree on all that was captured, and differ in between."""
    frame = [bytes([0x10, 0x80, level, 0x90 + level]) for level in range(16)]
    presses: list[Press] = [("start", STIMULATION, [frame[1]])]
    presses += [("adjust", {"level": level}, [frame[level]]) for level in (2, 4, 8, 1)]
    draft = drafted(*presses, ("stop", {}, [frame[0]]))
    assert commands(draft) <= {"start", "adjust", "stop", "set_level"}
    codec = codec_of(draft)
    for name in commands(draft) & {"start", "adjust"}:
        for level in range(1, 9):
            with_sum = {each.hex() for each in frame}
            assert set(sent(Draft(draft.profile), name, level=level, phase="stimulation")) <= with_sum
    assert codec.profile.frame is not None


def test_a_warmer_is_not_started_without_its_temperature() -> None:
    noise = [bytes([0xF0, 2, code]) for code in (0x10, 0x33, 0x21, 0x77)]
    presses: list[Press] = [("start", {"celsius": 36}, [bytes.fromhex("f00100"), noise[0]])]
    presses += [("adjust", {"celsius": 30 + 3 * place}, [frame]) for place, frame in enumerate(noise[1:])]
    draft = drafted(*presses, ("stop", {}, [bytes.fromhex("f00000")]), role="warmer")
    assert "set_target" not in commands(draft)
    assert "temperature" in missing(draft)


def test_a_warmer_in_fahrenheit_is_set_in_celsius() -> None:
    presses: list[Press] = [("start", {"celsius": 36}, [b"\xf0\x01\x00", bytes([0xF0, 2, 97])])]
    presses += [("adjust", {"celsius": c}, [bytes([0xF0, 2, round(c * 1.8 + 32)])]) for c in (30, 35, 40, 37)]
    draft = drafted(*presses, ("stop", {}, [b"\xf0\x00\x00"]), role="warmer")
    assert sent(draft, "set_target", celsius=35) == ["f00100", "f0025f"]
    with pytest.raises(RefusedError):
        sent(draft, "set_target", celsius=41)


@pytest.mark.system
def test_a_massager_in_a_text_protocol() -> None:
    presses: list[Press] = [("start", {"intensity": 0.05}, [b"Vibrate:1;"])]
    presses += [("adjust", {"intensity": level / 20}, [f"Vibrate:{level};".encode()]) for level in (2, 5, 20, 1)]
    draft = drafted(*presses, ("stop", {}, [b"Vibrate:0;"]), role="massager")
    assert sent(draft, "run", intensity=0.5) == [b"Vibrate:10;".hex()]
    assert sent(draft, "stop") == [b"Vibrate:0;".hex()]


def test_levels_that_the_app_shows_in_mmhg_get_a_map() -> None:
    presses: list[Press] = [("start", {**STIMULATION, "vacuum_mmhg": 40}, [setting(0, 1)])]
    presses += [
        ("adjust", {"level": level, "vacuum_mmhg": 20 + 20 * level}, [setting(0, level)]) for level in (2, 3, 4, 1)
    ]
    draft = drafted(*presses, ("stop", {}, [OFF]))
    assert draft.profile is not None
    assert draft.profile["levels"]["vacuum_mmhg"] == {1: 40, 2: 60, 3: 80, 4: 100}


def test_a_key_for_each_connection_is_recognised() -> None:
    device = made_device([], [])
    (one,) = device.connections
    from dataclasses import replace

    from devices.capture.conversation import GattMessage

    connections, actions = [], []
    for number, key in enumerate((b"\x11\x22", b"\x93\x41")):
        base = 100.0 * number
        messages = []
        for place, (do, level) in enumerate((("start", 1), ("adjust", 2), ("adjust", 3), ("stop", 0))):
            at = base + 10 + 7.3 * place
            values = {"phase": "stimulation", "level": level} if level else {}
            actions.append((at, {"do": do, **values}))
            body = bytes([0xAA]) + key + bytes([place + 1, level])
            began = one.began_seconds or 0.0
            messages.append(GattMessage(began + at + 0.3, "write-without-response", 0x10, body))
        began = (one.began_seconds or 0.0) + base
        connections.append(
            replace(one, number=number + 1, began_seconds=began, ended_seconds=began + 60, messages=tuple(messages))
        )
    draft = draft_profile(replace(device, connections=tuple(connections)), made_labels(actions))
    assert draft.profile is None
    assert draft.refusal == SESSION_KEY


def test_nothing_written_or_nothing_done_is_said() -> None:
    labels = made_labels([(5.0, {"do": "start", "level": 1})])
    assert draft_profile(made_device([], [(1.0, b"\x01")]), labels).refusal == NOTHING_WRITTEN
    seen = made_labels([(5.0, {"do": "see", "battery_percent": 80})])
    assert draft_profile(made_device([(1.0, b"\x01")], []), seen).refusal == NOTHING_DONE
