"""What is shared of a recording: everything that a test needs, and nothing that is about a person."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.capture.contribution import ContributionError, Story, found_in, prepare
from devices.capture.conversation import (
    Capture,
    CapturedCharacteristic,
    CapturedConnection,
    CapturedDevice,
    GattMessage,
)
from devices.capture.labels import Labels
from devices.capture.labels_file import action_of
from devices.capture.profile_replay import DecodedFrames, replay
from devices.capture.reading.capture_file import read_capture
from devices.profiles.schema import Profile
from devices.support.yaml_file import parse_document
from tests.helpers.yaml_texts import parse_yaml

ADDRESS, PHONE = "C4:7C:8D:6A:12:F3", "8C:F5:A3:44:55:66"
BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
UUID = "0000{}-0000-1000-8000-00805f9b34fb"
PROFILE = """\
id: moon-pump
name: Moon pump
roles: [pump]
confidence: unverified
provenance: my own capture
match: {name: "MOON-*"}
channels:
  tx: {service: "fff0", characteristic: "fff1", write: without-response}
  rx: {service: "fff0", characteristic: "fff2", notify: true}
frame:
  layout: [head, opcode, payload, checksum]
  head: "a5"
  checksum: {kind: sum8}
commands:
  start: {opcode: "01", payload: [{level: u8, range: [1, 9]}]}
  adjust: {opcode: "02", payload: [{level: u8, range: [1, 9]}]}
  stop: {opcode: "00"}
reports:
  status: {opcode: "81", payload: [{run_state: u8, is: {0: stopped, 1: running}}, {level: u8, unknown: 0}]}
examples:
  - {send: {start: {level: 3}}, bytes: a5 01 03 a9}
"""


def framed(*content: int) -> bytes:
    data = bytes([0xA5, *content])
    return data + bytes([sum(data) & 0xFF])


def captured(*more: bytes, name: str | None = "MOON-Anna") -> Capture:
    """A start, two levels and a stop, and further values from the device."""
    at, messages = BEGAN.timestamp(), []
    for seconds, data in ((5, framed(1, 1)), (12, framed(2, 2)), (21, framed(2, 3)), (26, framed(0))):
        messages.append(GattMessage(at + seconds, "write-without-response", 3, data))
        running = data[1] != 0
        report = framed(0x81, running, data[2] if running else 0)
        messages.append(GattMessage(at + seconds + 0.1, "notify", 5, report))
    messages += [GattMessage(at + 30 + number, "notify", 5, data) for number, data in enumerate(more)]
    rows = {
        3: CapturedCharacteristic(3, UUID.format("fff1"), UUID.format("fff0"), frozenset({"write-without-response"})),
        5: CapturedCharacteristic(5, UUID.format("fff2"), UUID.format("fff0"), frozenset({"notify"})),
    }
    connection = CapturedConnection(1, at, at + 60, tuple(messages))
    other = CapturedDevice("D0:11:22:33:44:55", "Ben's watch", (), {})
    device = CapturedDevice(ADDRESS, name, (connection,), rows)
    return Capture("btsnoop (H4)", (other, device), 99, (), (PHONE,), ("Anna's phone",))


def labels(app: str | None = "Moon app 3.2") -> Labels:
    deeds = ((5.0, "start", 1), (12.0, "adjust", 2), (21.0, "adjust", 3), (26.0, "stop", None))
    actions = tuple(action_of(at, do, {"level": level}) for at, do, level in deeds)
    return Labels(role="pump", began=BEGAN, actions=actions, app=app)


def prepared(capture: Capture, text: str = PROFILE, app: str | None = "Moon app 3.2", **more: str) -> dict[str, bytes]:
    profile = parse_yaml(text, Profile)
    story = Story(phone="Pixel 8, Android 15", by="A. Owner")
    found = prepare(capture, capture.devices[1], labels(app), profile, text, story, **more)  # type: ignore[arg-type]
    return dict(found.files)


def test_the_files_have_their_places_in_the_project_and_can_be_read_there(tmp_path: Path) -> None:
    files = prepared(captured())
    folder = "tests/devices/captures/moon-pump"
    names = ("decoded.yaml", "extract.btsnoop", "labels.yaml", "PROVENANCE.md")
    assert set(files) == {"config/profiles/moon-pump.yaml", *(f"{folder}/{name}" for name in names)}
    extract = tmp_path / "extract.btsnoop"
    extract.write_bytes(files[f"{folder}/extract.btsnoop"])
    (device,) = read_capture(extract).devices
    decoded = parse_document(files[f"{folder}/decoded.yaml"].decode(), "decoded.yaml").validate(DecodedFrames)
    assert decoded == DecodedFrames(commands={"adjust": 2, "start": 1, "stop": 1}, reports={"status": 4})
    assert replay(parse_yaml(PROFILE, Profile), device).decoded == decoded
    moved = parse_document(files[f"{folder}/labels.yaml"].decode(), "labels.yaml").validate(Labels)
    writes = [each.at_seconds for each in device.messages if not each.from_device]
    assert [moved.time_of(each) for each in moved.actions] == pytest.approx(writes, abs=0.2)


def test_the_story_says_where_it_comes_from_but_not_the_day() -> None:
    (story,) = (data.decode() for name, data in prepared(captured()).items() if name.endswith(".md"))
    for said in ("Moon app 3.2", "Pixel 8, Android 15", "A. Owner", "Recorded: 2026-11,", "Apache-2.0"):
        assert said in story
    assert "2026-11-30" not in story


FORMS = [
    bytes.fromhex(ADDRESS.replace(":", "")),
    bytes.fromhex(ADDRESS.replace(":", ""))[::-1],
    ADDRESS.encode(),
    ADDRESS.lower().encode(),
    ADDRESS.replace(":", "").encode(),
    ADDRESS.replace(":", "-").encode(),
    ADDRESS.replace(":", " ").lower().encode(),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.hex())
def test_an_address_is_found_however_it_is_written(form: bytes) -> None:
    assert found_in(b"before " + form + b" after", ADDRESS)
    assert not found_in(b"before " + form[:-2] + b" after", ADDRESS)


@pytest.mark.parametrize("form", FORMS[:6], ids=lambda form: form.hex())
def test_no_file_has_an_address_or_a_name_that_was_in_the_values(form: bytes) -> None:
    capture = captured(b"\xb1" + form, b"\xb2Anna's phone", b"\xb3MOON-Anna")
    for name, data in prepared(capture).items():
        for private in (ADDRESS, PHONE, "D0:11:22:33:44:55", "MOON-Anna", "Anna's phone", "Ben's watch"):
            assert not found_in(data, private), (name, private)


@pytest.mark.parametrize(
    ("text", "app", "said"),
    [
        (PROFILE + f"# mine is {ADDRESS}\n", None, "moon-pump.yaml has the address of a device or phone"),
        (PROFILE + f"# {ADDRESS.replace(':', ' ').lower()}\n", None, "has the address of a device or phone"),
        (PROFILE.replace("MOON-*", "MOON-Anna"), None, "moon-pump.yaml has the name 'MOON-Anna' in it"),
        (PROFILE, "the app on Anna's phone", 'has the name "Anna\'s phone" in it'),
    ],
)
def test_what_names_a_person_or_a_device_is_refused(text: str, app: str | None, said: str) -> None:
    with pytest.raises(ContributionError) as error:
        prepared(captured(), text, app)
    assert said in str(error.value)


def test_the_name_of_a_model_may_stay() -> None:
    text = PROFILE.replace("MOON-*", "MOON-S1")
    with pytest.raises(ContributionError, match="--model-name"):
        prepared(captured(name="MOON-S1"), text)
    assert prepared(captured(name="MOON-S1"), text, model_name="MOON-S1")


def test_a_profile_whose_examples_fail_is_refused() -> None:
    with pytest.raises(ContributionError, match=r"examples of the profile fail \(commands.start\)"):
        prepared(captured(), PROFILE.replace("bytes: a5 01 03 a9", "bytes: a5 01 03 aa"))


def test_a_profile_of_another_device_is_refused() -> None:
    with pytest.raises(ContributionError, match="describes nothing of what is in the capture"):
        prepared(captured(), PROFILE.replace('"fff1"', '"fff8"').replace('"fff2"', '"fff9"'))


def test_a_name_is_found_in_hex_too() -> None:
    assert found_in(b"bytes: a5 56 4c 32 36 30 39 01", "VL2609")
    assert not found_in(b"bytes: a5 56 4c 32 36 30 01", "VL2609")


def test_frames_that_the_profile_does_not_describe_are_counted() -> None:
    decoded = prepared(captured(framed(0x99, 1)))["tests/devices/captures/moon-pump/decoded.yaml"]
    assert b"not_described: 1\n" in decoded
