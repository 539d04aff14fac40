"""Every capture that an owner shared: the profile reads each frame as it did, and writes it byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.capture.contribution import DECODED, EXTRACT, LABELS, STORY
from devices.capture.extract import BEGIN_SECONDS
from devices.capture.label_alignment import clock_offset_seconds
from devices.capture.labels import load_labels
from devices.capture.private_bytes import FAKE_ADDRESS
from devices.capture.profile_replay import DecodedFrames, replay
from devices.capture.reading.capture_file import read_capture
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.support.yaml_file import load_yaml

FOLDERS = sorted(each for each in (Path(__file__).parents[1] / "captures").iterdir() if each.is_dir())


def test_there_are_contributed_captures() -> None:
    assert [each.name for each in FOLDERS] != []


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


def test_the_profile_reads_every_frame_as_when_it_was_shared_and_writes_it_byte_for_byte(folder: Path) -> None:
    profile = Catalog.load().get(folder.name)
    assert isinstance(profile, Profile), f"there is no config/profiles/{folder.name}.yaml"
    (device,) = read_capture(folder / EXTRACT).devices
    replayed = replay(profile, device)
    assert replayed.inexact == []
    assert replayed.decoded == load_yaml(folder / DECODED, DecodedFrames)
    assert replayed.commands or replayed.reports


def test_the_labels_are_in_the_time_of_the_extract(folder: Path) -> None:
    (device,) = read_capture(folder / EXTRACT).devices
    labels = load_labels(folder / LABELS)
    times = [message.at_seconds for message in device.messages]
    assert BEGIN_SECONDS - 60 < min(times) < max(times) < BEGIN_SECONDS + 86_400
    assert all(min(times) - 60 < labels.time_of(each) < max(times) + 60 for each in labels.actions)
    assert abs(clock_offset_seconds(device, labels) or 0.0) < 3


def test_nothing_in_it_is_of_a_person_or_of_one_single_device(folder: Path) -> None:
    capture = read_capture(folder / EXTRACT)
    assert [(each.address, each.name) for each in capture.devices] == [(FAKE_ADDRESS, None)]
    assert capture.private_names == ()
    assert {*capture.private_addresses} <= {FAKE_ADDRESS}
    assert sorted(each.name for each in folder.iterdir()) == sorted((DECODED, EXTRACT, LABELS, STORY))
    assert "Apache-2.0" in (folder / STORY).read_text(encoding="utf-8")
