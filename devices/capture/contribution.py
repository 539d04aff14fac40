"""What an owner shares of a recording: profile, extract, labels and their story, with nothing personal in any of them.

Every file is made in memory and searched before the first one is written.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from devices.bluetooth.advertisement import is_address
from devices.capture.conversation import Capture, CapturedDevice
from devices.capture.extract import write_extract
from devices.capture.label_alignment import clock_offset_seconds
from devices.capture.labels import Labels
from devices.capture.labels_file import labels_text
from devices.capture.private_bytes import FAKE_ADDRESS
from devices.capture.profile_replay import DecodedFrames, replay
from devices.capture.reading.capture_file import read_capture
from devices.driver.device_model import DeviceModel
from devices.profiles.profile_examples import check_examples
from devices.profiles.schema import Profile

EXTRACT, LABELS, DECODED, STORY = "extract.btsnoop", "labels.yaml", "decoded.yaml", "PROVENANCE.md"
SHORTEST_NAME = 4  # characters; a shorter one is found in any text
_FEWEST_OCTETS = 3  # that differ: zeros alone are no address, and in every file
_ATT = b"\x04\x00"
_ACL = 2


class ContributionError(ValueError):
    """Nothing was written. `str()` says what must not be shared, or does not fit, and what to do."""


@dataclass(frozen=True)
class Story:
    """Where a recording comes from. `phone`: model and system; `by`: who is thanked; `None`: not given."""

    phone: str | None = None
    by: str | None = None


@dataclass(frozen=True)
class Contribution:
    """What is to be shared. `files`: by their path in the project. `texts`: what can be read in the captured values."""

    files: Mapping[str, bytes]
    decoded: DecodedFrames
    texts: tuple[str, ...]
    replaced_count: int
    left_out_count: int


def prepare(
    capture: Capture,
    device: CapturedDevice,
    labels: Labels,
    model: DeviceModel,
    profile_text: str,
    story: Story,
    *,
    model_name: str | None = None,
) -> Contribution:
    """Return what is to be shared. Raise `ContributionError`.

    `model`: the profile, and `profile_text` the file that it was read from. `model_name`: the name that every device of
    this model has, which may stay; any other name is left out.
    """
    profile = _checked(model)
    with tempfile.TemporaryDirectory(prefix="letdown-") as folder:
        file = Path(folder) / EXTRACT
        extract = write_extract(capture, device, file, name=model_name)
        data = file.read_bytes()
        (shared,) = read_capture(file).devices or (None,)
    if shared is None:
        raise ContributionError("nothing of this device and its app is in the capture")
    _check_only_att(data)
    replayed = replay(profile, shared)
    if replayed.inexact:
        raise ContributionError(
            f"the profile would write {len(replayed.inexact)} of the captured frames in another way, such as "
            f"{replayed.inexact[0]}: mend it first"
        )
    if not replayed.commands and not replayed.reports:
        raise ContributionError(
            "the profile describes nothing of what is in the capture: is it that of another device?"
        )
    offset_seconds = (clock_offset_seconds(device, labels) or 0.0) + extract.offset_seconds
    began = (labels.began + timedelta(seconds=offset_seconds)).astimezone(UTC)
    moved = labels.model_copy(update={"began": began})
    folder_of = f"tests/devices/captures/{profile.id}"
    files = {
        f"config/profiles/{profile.id}.yaml": profile_text.encode(),
        f"{folder_of}/{EXTRACT}": data,
        f"{folder_of}/{LABELS}": labels_text(moved).encode(),
        f"{folder_of}/{DECODED}": decoded_text(replayed.decoded).encode(),
        f"{folder_of}/{STORY}": _story(profile, labels, story, capture.file_format).encode(),
    }
    _check_private(files, capture, model_name)
    return Contribution(files, replayed.decoded, extract.texts, extract.replaced_count, extract.left_out_count)


def decoded_text(decoded: DecodedFrames) -> str:
    """Return the numbers of frames as YAML."""
    lines = ["# How many frames of the extract the profile reads as what. A test compares them."]
    for key, counts in (("commands", decoded.commands), ("reports", decoded.reports)):
        lines += [f"{key}:", *(f"  {name}: {count}" for name, count in counts.items())] if counts else [f"{key}: {{}}"]
    return "\n".join([*lines, f"not_described: {decoded.not_described}", ""])


def _checked(model: DeviceModel) -> Profile:
    """Return a profile whose examples hold."""
    if not isinstance(model, Profile):
        raise ContributionError(f"{model.id} is described for another driver, which encrypts: a capture shows nothing")
    wrong = [each.what for each in check_examples(model) if each.state == "fails"]
    if wrong:
        listed = ", ".join(wrong)
        raise ContributionError(f"examples of the profile fail ({listed}): `letdown profiles check` shows them")
    return model


def _check_only_att(data: bytes) -> None:
    """Raise `ContributionError` where anything but attribute values of a connection could be in a btsnoop file."""
    at = 16
    while at + 24 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        packet = data[at + 24 : at + 24 + size]
        first = packet[:1] == bytes([_ACL]) and (packet[2] >> 4) & 3 != 1  # else it goes on with the packet before
        if first and packet[7:9] != _ATT:
            raise ContributionError("the extract has more in it than attribute values; please report this")
        at += 24 + size


def private_words(capture: Capture, model_name: str | None) -> Iterator[str]:
    """Yield each address and name that must not be shared."""
    addresses = (*(each.address for each in capture.devices), *capture.private_addresses)
    for each in addresses:
        if is_address(each) and each.upper() != FAKE_ADDRESS and len(set(each.split(":"))) >= _FEWEST_OCTETS:
            yield each
    for name in (*(each.name for each in capture.devices), *capture.private_names):
        if name and len(name) >= SHORTEST_NAME and name != model_name:
            yield name


def found_in(data: bytes, private: str) -> bool:
    """Return whether an address, in either order and however it is written, or a name is in data, also in hex."""
    digits = re.sub(rb"[\s:_.-]", b"", data).lower()
    if not is_address(private):
        name = private.lower().encode()
        return name in data.lower() or private.encode().hex().encode() in digits
    raw = bytes.fromhex(re.sub("[^0-9A-Fa-f]", "", private))
    return any(form in data or form.hex().encode() in digits for form in (raw, raw[::-1]))


def _check_private(files: Mapping[str, bytes], capture: Capture, model_name: str | None) -> None:
    for private in private_words(capture, model_name):
        for name, data in files.items():
            if found_in(data, private):
                what = "the address of a device or phone" if is_address(private) else f"the name {private!r}"
                raise ContributionError(
                    f"{name} has {what} in it: take it out. If it is what every device of this model is called, "
                    "say so with --model-name"
                )


def _story(profile: Profile, labels: Labels, story: Story, file_format: str) -> str:
    return f"""# Where this comes from

- Device: {profile.name}
- App: {labels.app or "unknown"}
- Phone: {story.phone or "unknown"}
- Recorded: {labels.began:%Y-%m}, as {file_format}
- By: {story.by or "somebody who does not want to be named"}

It is the owner's own recording of their own device, and was given to this project under its licence (Apache-2.0).
`{EXTRACT}` has only the messages between this one device and its app. Its address is made up, its time begins on
2020-01-01, and keys, other devices and names are not in it. `{LABELS}` has what was done in the app, in the same time.
"""
