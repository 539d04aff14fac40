"""Which value of a draft profile each byte of its frames belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from devices.capture.draft import Draft, FrameGroup
from devices.driver.checksums import checksum_size
from devices.driver.field_spec import FieldSpec
from devices.profiles.schema import Profile


def names_in_draft(draft: Draft | None, groups: Sequence[FrameGroup]) -> tuple[tuple[str, ...], ...]:
    """Return the names in each group of frames; without a draft, or where it has no profile, there are none."""
    profile = None if draft is None or draft.profile is None else Profile.model_validate(draft.profile)
    return tuple(byte_names(profile, each) for each in groups)


def byte_names(profile: Profile | None, group: FrameGroup) -> tuple[str, ...]:
    """Return the name of the value of each byte of a group's frames, empty for bytes without one."""
    names = [""] * len(group.roles)
    if profile is None or group.name is None:
        return tuple(names)
    at = _before_payload(profile, group.name)
    for field in _payload(profile, group.name):
        for place in range(at, min(at + field.width, len(names))):
            names[place] = ", ".join(field.names)
        at += field.width
    return tuple(names)


def _payload(profile: Profile, name: str) -> tuple[FieldSpec, ...]:
    """Return the fields of a command, a report, or a characteristic that is always the same."""
    if (command := profile.commands.get(name)) is not None:
        return command.payload
    if (report := profile.reports.get(name)) is not None:
        return report.payload
    channel = profile.channels.get(name)
    return (channel.fields or ()) if channel is not None else ()


def _before_payload(profile: Profile, name: str) -> int:
    """Return how many bytes come before the payload."""
    spec = profile.commands.get(name) or profile.reports.get(name)
    if spec is None:
        return 0
    channel = spec.channel or (profile.control if name in profile.commands else None)
    frame = profile.frame
    if frame is None or (channel is not None and not profile.channels[channel].framed):
        return len(spec.opcode) if isinstance(spec.opcode, bytes) else 0
    widths = {
        "head": len(frame.head),
        "tail": len(frame.tail),
        "length": frame.length.width if frame.length else 0,
        "opcode": frame.opcode_bytes,
        "counter": frame.counter_bytes,
        "checksum": checksum_size(frame.checksum.kind) if frame.checksum else 0,
    }
    return sum(widths[part] for part in frame.layout[: frame.layout.index("payload")])
