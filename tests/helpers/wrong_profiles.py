"""A good profile, ways to spoil it, and the errors that reading it reports by line."""

from __future__ import annotations

import pytest
import yaml

from devices.profiles.schema import Profile
from devices.support.yaml_file import FileError
from tests.helpers.yaml_texts import parse_yaml

GOOD = """\
id: test-pump
name: Test pump
roles: [pump]
confidence: unverified
provenance: made up for a test
match: {name: "Test*"}
channels:
  control: {service: "ffb0", characteristic: "ffb1", write: both, notify: true}
  battery: {service: "180f", characteristic: "2a19", read: true, fields: [{battery_percent: u8}]}
frame: {layout: [opcode, counter, payload]}
commands:
  start:
    opcode: "33"
    payload:
      - {vacuum_mmhg: u16, range: [0, 250]}
  stop: {opcode: "0f"}
reports:
  result:
    opcode: "96"
    channel: control
    payload:
      - {request: u8}
      - {request_counter: u8}
      - {result: u8, is: {0x0F: accepted, 0x33: refused}}
answer: {report: result, opcode: request, counter: request_counter, result: result, accepted: accepted}
examples:
  - {send: {stop: {}}, counter: 2, bytes: 0f 02}
"""

FAMILY = "??300001-0023-4bd4-bbd5-a6920e4c5653"


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} stands in the good profile once"
    return GOOD.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def line_of_place(text: str, place: str) -> int:
    """Return the line where a dotted place, or as much of it as there is, begins."""
    node, line = yaml.compose(text), 1
    for part in place.split("."):
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if part in (key.value, str(int(key.value, 16) if key.value.startswith("0x") else key.value)):
                    node, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and part.isdigit():
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line


def errors(text: str) -> str:
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Profile, "pump.yaml")
    return str(caught.value)
