"""Drafts from captures of protocols that were put together by chance: what they send, refuse and read is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.capture.draft import Draft
from devices.capture.draft_file import draft_yaml
from devices.capture.inference.drafting import draft_profile
from devices.capture.inference.frame_roles import frame_groups
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError, RefusedError
from devices.profiles.codec import Codec
from devices.profiles.profile_examples import check_examples
from devices.profiles.schema import Profile
from tests.helpers.made_up_protocols import PHASES, RX, MadeUpProtocol, made_up, recorded
from tests.helpers.yaml_texts import parse_yaml

seeds = st.integers(0, 100_000)


def drafted(protocol: MadeUpProtocol) -> tuple[Draft, Codec]:
    device, labels = recorded(protocol)
    draft = draft_profile(device, labels)
    assert draft.profile is not None, draft.refusal
    return draft, Codec(Profile.model_validate(draft.profile))


def sent(codec: Codec, verb: str, values: Mapping[str, Value]) -> list[bytes]:
    return [codec.encode_command(part, given, 7).data for part, given, _ in codec.packets(verb, values)]


def understood(protocol: MadeUpProtocol, frames: list[bytes]) -> tuple[str, dict[str, Value]]:
    """Return the last command that the device understands of these frames, and the values of all."""
    truth = Codec(protocol.profile)
    name, values = "", {}
    for data in frames:
        message = truth.decode_command("tx", data)
        assert truth.encode_command(message.name, message.values, 7).data == data
        name, values = message.name, {**values, **message.values}
    return name, values


def requests(protocol: MadeUpProtocol) -> Iterator[dict[str, Value]]:
    yield from ({"phase": phase, "level": level} for phase in PHASES for level in range(1, protocol.levels + 1))


@pytest.mark.system
@settings(max_examples=5)
@given(seeds)
def test_a_draft_does_what_is_asked_within_what_was_captured(seed: int) -> None:
    protocol = made_up(seed)
    _, codec = drafted(protocol)
    for asked in requests(protocol):
        for verb in ("start", "adjust"):
            assert understood(protocol, sent(codec, verb, asked))[1].items() >= asked.items()
    assert understood(protocol, sent(codec, "stop", {}))[0] == "stop_it"
    for beyond in (0, protocol.levels + 1):
        for verb in ("start", "adjust"):
            with pytest.raises(RefusedError):
                sent(codec, verb, {"phase": "stimulation", "level": beyond})


@pytest.mark.system
@settings(max_examples=4)
@given(seeds)
def test_a_draft_reads_what_the_device_means(seed: int) -> None:
    protocol = made_up(seed)
    device, _ = recorded(protocol)
    draft, codec = drafted(protocol)
    truth = Codec(protocol.profile)
    assert codec.profile.reported >= {"run_state", "level", "battery_percent"}, draft.unexplained
    for message in device.messages:
        if message.handle != RX:
            continue
        meant = truth.decode_report("rx", message.value).values
        try:
            read = codec.decode_report("rx", message.value).values
        except ProtocolError:
            continue  # it is not in the draft
        known = {name: value for name, value in read.items() if value is not None and name in meant}
        assert known.items() <= meant.items()


@pytest.mark.system
@settings(max_examples=3)
@given(seeds)
def test_a_draft_is_a_file_whose_examples_hold(seed: int) -> None:
    draft, _ = drafted(made_up(seed))
    text = draft_yaml(draft)
    profile = parse_yaml(text, Profile)
    assert profile.confidence == "unverified"
    assert [each.what for each in check_examples(profile) if each.state != "holds"] == []
    assert "# frame" not in text
    for each in draft.evidence:
        assert each.words.split(":")[0][:20] in text, each
    assert "F0:0D" not in text.upper()


@settings(max_examples=2)
@given(seeds)
def test_every_byte_of_every_frame_has_a_role_without_labels(seed: int) -> None:
    protocol = made_up(seed)
    device, _ = recorded(protocol)
    groups = frame_groups(device)
    assert sum(len(group.frames) for group in groups) == len(device.messages)
    for group in groups:
        assert all(len(data) == len(group.roles) for _, data in group.frames)
        assert "checksum" in group.roles


def test_named_frames_and_values_are_marked() -> None:
    device, labels = recorded(made_up(1))
    draft = draft_profile(device, labels)
    named = {group.name for group in draft.groups}
    assert {"status", "stop"} <= named
    assert any("value" in group.roles for group in draft.groups)


def test_progress_goes_from_nothing_to_all() -> None:
    device, labels = recorded(made_up(1))
    seen: list[float] = []
    draft_profile(device, labels, on_progress=seen.append)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
