"""The role of each byte of all frames, for a coloured view: it works without labels, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from devices.capture.conversation import CapturedDevice
from devices.capture.draft import ByteRole, FrameGroup
from devices.capture.inference.interpretation import Interpretation, interpret, with_opcode
from devices.capture.inference.traffic import traffic_of
from devices.capture.inference.unwrapped import Unwrapped
from devices.driver.checksums import checksum_size
from devices.profiles.frame_spec import Frame

GroupNames = Mapping[tuple[int, bytes, int], tuple[str, Mapping[int, str]]]
"""By handle, opcode and size of the payload: the name of a command or report, and its named places."""

_ROLES: Mapping[str, ByteRole] = {
    "head": "constant",
    "tail": "constant",
    "length": "length",
    "opcode": "opcode",
    "counter": "counter",
    "checksum": "checksum",
}


def frame_groups(device: CapturedDevice) -> tuple[FrameGroup, ...]:
    """Return the frames of a device in groups, each with the roles of its bytes. No labels are needed."""
    traffic = traffic_of(device)
    return groups_of(with_opcode(interpret(traffic), None)[0], {})


def groups_of(found: Interpretation, names: GroupNames) -> tuple[FrameGroup, ...]:
    """Return the groups of what was taken apart; `names`: what is understood."""
    groups: dict[tuple[int, bool, bytes, int], list[Unwrapped]] = defaultdict(list)
    for message in (*found.written, *found.received):
        data = message.frame.data
        groups[message.frame.handle, message.frame.from_device, message.content.opcode, len(data)].append(message)
    made = []
    for (handle, from_device, opcode, _), each in groups.items():
        name, places = names.get((handle, opcode, len(each[0].payload)), (None, {}))
        frame = found.framing.layout.frame if handle in found.framing.framed else None
        roles = _text_roles(each) if found.text else _roles(each, frame, places)
        frames = tuple((message.at_seconds, message.frame.data) for message in each)
        made.append(FrameGroup(handle, from_device, roles, frames, name))
    return tuple(sorted(made, key=lambda group: (group.handle, group.from_device, group.frames[0][0])))


def _roles(messages: list[Unwrapped], frame: Frame | None, places: Mapping[int, str]) -> tuple[ByteRole, ...]:
    payload = _payload_roles(messages, places)
    if frame is None:
        return payload
    sizes = {
        "head": len(frame.head),
        "tail": len(frame.tail),
        "length": frame.length.width if frame.length else 0,
        "opcode": frame.opcode_bytes,
        "counter": frame.counter_bytes,
        "checksum": checksum_size(frame.checksum.kind) if frame.checksum else 0,
    }
    roles: list[ByteRole] = []
    for part in frame.layout:
        roles += payload if part == "payload" else [_ROLES[part]] * sizes[part]
    return tuple(roles)


def _payload_roles(messages: list[Unwrapped], places: Mapping[int, str]) -> tuple[ByteRole, ...]:
    roles: list[ByteRole] = []
    for at in range(len(messages[0].payload)):
        fixed = len({message.payload[at] for message in messages}) == 1
        roles.append("value" if at in places else "constant" if fixed else "varying")
    return tuple(roles)


def _text_roles(messages: list[Unwrapped]) -> tuple[ByteRole, ...]:
    first = messages[0].frame.data
    return tuple(
        "constant" if len({message.frame.data[at] for message in messages}) == 1 else "varying"
        for at in range(len(first))
    )
