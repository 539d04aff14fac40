"""A profile that is wrong says what would fit, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from devices.profiles.field_spec import FieldSpec
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import full_uuid
from devices.yaml_file import FileError, load_yaml, parse_yaml

GOOD = """\
id: test-pump
name: Test pump
roles: [pump]
confidence: unverified
provenance: made up for a test
match: {name: "Test*"}
channels:
  control: {service: "ffb0", characteristic: "ffb1", write: both, notify: true}
  battery: {service: "180f", characteristic: "2a19", read: true, gives: [{battery_percent: u8}]}
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


def test_the_good_profile_is_good() -> None:
    profile = parse_yaml(GOOD, Profile)
    assert profile.control == "control"
    assert profile.commands["start"].opcode == b"\x33"
    assert profile.commands["start"].payload[0].names == ("vacuum_mmhg",)
    assert profile.reported == {"battery_percent", "request", "request_counter", "result"}
    assert profile.answer is not None
    assert profile.answer.accepted == ("accepted",)


# What is wrong with each key: (in place of, this, what it says)
RULES: dict[str, list[tuple[str, str, str]]] = {
    "commands.start.opcode": [
        ('opcode: "33"', "opcode: 33", 'hex digits in quotes, like "55 aa"'),
        ('opcode: "33"', "opcode: 0x33", 'hex digits in quotes, like "55 aa"'),
        ('opcode: "33"', 'opcode: "3"', 'pairs of hex digits, like "55 aa"'),
        ('opcode: "33"', "opcode: start", 'pairs of hex digits, like "55 aa"'),
    ],
    "examples.0.bytes": [
        ("bytes: 0f 02", "bytes: 15", 'hex digits in quotes, like "55 aa"'),
    ],
    "commands.start.payload.0": [
        (
            "{vacuum_mmhg: u16, range",
            "{vacuum_mmhg: u16, rate_cpm: u8, range",
            "a field has one name, like {battery_percent: u8}; here: vacuum_mmhg, rate_cpm",
        ),
        ("{vacuum_mmhg: u16, range", "{vacuum_mmhg: u16, rnage", "here: vacuum_mmhg, rnage"),
        ("{vacuum_mmhg: u16, range", "{scale: 0.1, range", "here: none"),
        ("{vacuum_mmhg: u16, range", "{vacuum_mmhg: u16, skip: 2, range", "a field is one thing: a value, fixed bytes"),
        ("{vacuum_mmhg: u16, range: [0, 250]}", "{rest: 3}", "what follows can only be skipped: {rest: skip}"),
        ("u16, range: [0, 250]", "text", "a text has a size in bytes"),
        ("u16, range: [0, 250]", "u16, size: 2", "a text has a size in bytes"),
        (
            "{vacuum_mmhg: u16, range",
            "{vacuum_mmhg: u64, range",
            "'u64' is no field type; there are u8, s8, u16, s16, u24, u32, s32, bool, text",
        ),
        ("vacuum_mmhg: u16, range", "vacuum_mmhg: u16, scale: 0, range", "scale cannot be 0"),
        ("u16, range", "u16, scale: 0.1, full_scale: 10, range", "say scale or full_scale, not both"),
        ("u16, range", "u16, scale: .inf, range", "numbers are finite"),
        ("u16, range", "u16, offset: .nan, range", "numbers are finite"),
        ("range: [0, 250]", "range: [.nan, 5]", "numbers are finite"),
        ("range: [0, 250]", "range: [250, 0]", "range is [lowest, highest]"),
        ("range: [0, 250]", "unknown: 0x10000", "65536 does not fit into u16 (0 to 65535)"),
        ("u16, range: [0, 250]", "s8, unknown: 128", "128 does not fit into s8 (-128 to 127)"),
    ],
    "reports.result.payload.2": [
        ("0x33: refused}", "0x133: refused}", "307 does not fit into u8 (0 to 255)"),
        ("0x33: refused}", "-1: refused}", "-1 does not fit into u8 (0 to 255)"),
        ("0x33: refused}", "0x33: accepted}", "two codes mean the same"),
        ("0x33: refused}", "0x33: refused}, unknown: 0x33", "51 cannot both mean something and be unknown"),
        ("0x33: refused}", "0x33: refused}, flags: {0: late}", "say what the number `is` or what its bits are"),
    ],
    "reports.result.payload.0": [
        ("{request: u8}", "{request: u8, flags: {8: late}}", "bit 8 is not in u8"),
        ("{request: u8}", "{request: u8, flags: {-1: late}}", "bit -1 is not in u8"),
        ("{request: u8}", "{request: bool, is: {1: late}}", "`is` and `flags` belong to integers"),
        ("{request: u8}", "{request: bool, flags: {1: late}}", "`is` and `flags` belong to integers"),
        ("{request: u8}", "{Request: u8}", "pattern"),
    ],
    "reports.result.payload.0.order": [
        ("{request: u8}", "{request: u8, order: middle}", "'little' or 'big'"),
    ],
    "reports.result.payload.2.is": [
        ("{0x0F: accepted, 0x33: refused}", "[accepted, refused]", "dictionary"),
    ],
    "reports.result.payload.2.is.51": [
        ("0x33: refused}", "0x33: 1}", "(found 1)"),  # a number is not a meaning
    ],
    "answer.refused_by": [
        (
            "answer: {report: result",
            "answer: {refused_by: failed, report: result",
            "failed is no report, there is result",
        ),
        ("answer: {report: result", "answer: {refused_by: result, report: result", "another report than the one that"),
    ],
    "reports.result.length": [
        ("channel: control\n", "channel: control\n    length: many\n", "(found 'many')"),
    ],
    "reports.result.every_seconds": [
        ("channel: control\n", "channel: control\n    every_seconds: 0\n", "greater than 0 (found 0)"),
    ],
    "match": [
        ('{name: "Test*"}', "{}", "say at least one of: name, services, manufacturer, address"),
        ('{name: "Test*"}', "{ambiguous: true}", "say at least one of: name, services, manufacturer, address"),
        ('"Test*"}', '"Test*", partial: true}', "partial: of name, services and manufacturer, two or more are given"),
        ('{name: "Test*"}', '{services: "ffb0", not_name: Lamp}', "not_name: say name as well, from which these are"),
    ],
    "match.manufacturer": [
        ('{name: "Test*"}', "{manufacturer: 0x10000}", "less than or equal to 65535"),
    ],
    "match.manufacturer.data.1": [
        ('{name: "Test*"}', '{manufacturer: {id: 93, data: ["01", "0"]}}', "(found '0')"),
    ],
    "channels.battery.must_be": [
        ("read: true, gives", "read: true, must_be: manufacturer, gives", "match.manufacturer has no data, so say the"),
    ],
    "match.manufacturer.data": [
        ('{name: "Test*"}', '{manufacturer: {id: 93, data: "01 ?? 03"}}', "(found '01 ?? 03')"),
    ],
    "match.address": [
        ('{name: "Test*"}', '{address: "my pump"}', "(found 'my pump')"),
    ],
    "match.services": [
        ('{name: "Test*"}', '{services: "18"}', "four hex digits (180f, in quotes) or 32 in the form 8-4-4-4-12"),
    ],
    "channels.control.service": [
        ('service: "ffb0"', 'service: "ff?0"', "a family of UUIDs has 32 hex digits in the form 8-4-4-4-12, with ?"),
        ('service: "ffb0"', 'service: "????????-?300-4bd4-bbd5-a6920e4c5653"', "8 digits open at most, and this 9"),
        ('service: "ffb0"', "service: fffb0", "four hex digits (180f, in quotes)"),
    ],
    "member": [
        ('match: {name: "Test*"}', f'match: {{services: "{FAMILY}"}}', f"say one service of the family {FAMILY} that"),
        (
            'match: {name: "Test*"}',
            f'match: {{services: "{FAMILY}"}}\nmember: 4c310001-0023-4bd4-bbd5-a6920e4c5653',
            f"4c310001-0023-4bd4-bbd5-a6920e4c5653 is not of the family {FAMILY}",
        ),
        (
            'match: {name: "Test*"}',
            'match: {name: "Test*"}\nmember: "ffb0"',
            "no service here has digits that are open",
        ),
    ],
    "channels": [
        (
            'match: {name: "Test*"}\nchannels:\n  control: {service: "ffb0", characteristic: "ffb1"',
            f'match: {{services: "{FAMILY}"}}\nchannels:\n'
            '  control: {service: "????0001-0023-4bd4-bbd5-a6920e4c5653", characteristic: "ffb1"',
            "there is one family of services in a profile, and here are",
        ),
    ],
    "channels.control": [
        (
            'characteristic: "ffb1"',
            f'characteristic: "{FAMILY}"',
            "leaves open (?) only digits that its service leaves",
        ),
        (
            "write: both, notify: true",
            'write: both, must_be: "01"',
            "what it must be has to be read, so say read: true",
        ),
        ("write: both, notify: true", "optional: true", "say what it does: write, read, notify or indicate"),
        ('service: "ffb0", characteristic: "ffb1", write', "write", "say which it is: its service and characteristic"),
        ('service: "ffb0", characteristic: "ffb1"', 'characteristic: "ffb1"', "say in which service"),
        ('service: "ffb0", characteristic: "ffb1"', 'characteristic: "ffb1", handle: 3', "or its handle"),
    ],
    "channels.control.handle": [
        ('service: "ffb0", characteristic: "ffb1"', "handle: 0", "greater than or equal to 1 (found 0)"),
    ],
    "channels.battery.service": [
        ('service: "180f"', "service: 0x180f", "four hex digits (180f, in quotes)"),
    ],
    "channels.control.write": [
        ("write: both", "write: yes", "'with-response', 'without-response' or 'both'"),
    ],
    "frame": [
        ("[opcode, counter, payload]", "[opcode, opcode, payload]", "a part stands in the layout once"),
        ("[opcode, counter, payload]", "[opcode, counter]", "the layout needs its payload"),
        ("[opcode, counter, payload]", "[head, opcode, payload]", "head is in the layout or it is described"),
        ("[opcode, counter, payload]}", '[opcode, payload], head: "55"}', "head is in the layout or it is described"),
        ("[opcode, counter, payload]", "[length, opcode, payload]", "length is in the layout or it is described"),
        ("[opcode, counter, payload]", "[opcode, payload, checksum]", "checksum is in the layout or it is described"),
        (
            "[opcode, counter, payload]}",
            "[checksum, payload], checksum: {kind: sum8}}",
            "the checksum is the last part",
        ),
        (
            "[opcode, counter, payload]}",
            "[opcode, payload, checksum], checksum: {kind: sum8, over: [counter, payload]}}",
            "the checksum cannot span counter",
        ),
        (
            "[opcode, counter, payload]}",
            "[opcode, payload, checksum], checksum: {kind: sum8, over: [payload, opcode]}}",
            "the checksum spans from payload to opcode, which comes before it",
        ),
        ("[opcode, counter, payload]}", '[opcode, head, payload], head: "55"}', "the head is the first part"),
        ("counter, payload]}", "counter, payload], joined: true}", "a length or a tail must tell where one ends"),
        (
            "counter, payload]}",
            "counter, payload, length], joined: true, length: {counts: rest}}",
            "the length comes before the payload",
        ),
        ("counter, payload]}", 'tail, payload], joined: true, tail: "0d"}', "the tail is the last part"),
    ],
    "frame.opcode_bytes": [
        ("counter, payload]}", "counter, payload], opcode_bytes: 5}", "less than or equal to 4 (found 5)"),
    ],
    "frame.checksum.kind": [
        ("[opcode, counter, payload]}", "[payload, checksum], checksum: {kind: crc99}}", "'crc16-modbus'"),
    ],
    "frame.length.counts": [
        ("[opcode, counter, payload]}", "[length, payload], length: {type: u8}}", "Field required"),
    ],
    "frame.layout.1": [
        ("[opcode, counter, payload]", "[opcode, tial, payload]", "'checksum' or 'tail' (found 'tial')"),
    ],
    "examples.0": [
        (
            "counter: 2, bytes: 0f 02",
            "counter: 2",
            "an example is {send: {command: values}, bytes (or text, or writes): …}, or {receive (or says)",
        ),
        ("{send: {stop: {}}, counter: 2, bytes: 0f 02}", '{receive: "55"}', "an example is {send:"),
        ("counter: 2, bytes: 0f 02", "counter: 2, bytes: 0f 02, gives: {}", "an example is {send:"),
        ("{send: {stop: {}}, counter: 2, bytes: 0f 02}", '{receive: "55", gives: {}, dropped: noise}', "an example is"),
        (
            "{send: {stop: {}}, counter: 2, bytes: 0f 02}",
            '{send: {stop: {}}, bytes: 0f, receive: "55", gives: {}}',
            "an example is {send:",
        ),
        ("send: {stop: {}}", "send: {stop: {}, start: {}}", "an example is {send:"),
    ],
    "commands.stop": [
        ('{opcode: "0f"}', "{}", "a command is one of: opcode and payload, text, sequence, repeat"),
        ('{opcode: "0f"}', '{opcode: "0f", text: "Stop;"}', "a command is one of"),
        ('{opcode: "0f"}', '{opcode: "0f", sequence: [start]}', "a command is one of"),
    ],
    "commands.stop.sequence.0.then_wait_seconds": [
        ('{opcode: "0f"}', "{sequence: [{command: start, then_wait_seconds: 9}]}", "less than or equal to 2"),
    ],
    "commands.stop.paylod": [
        ('{opcode: "0f"}', '{opcode: "0f", paylod: "01"}', "is not known here; is it misspelt?"),
    ],
    "commands.say.fields.level.rnage": [
        (
            'stop: {opcode: "0f"}',
            'stop: {opcode: "0f"}\n  say: {text: "V:{level}", fields: {level: {rnage: [0, 20]}}}',
            "is not known here; is it misspelt?",
        ),
    ],
    "commands.say.fields.level": [
        (
            'stop: {opcode: "0f"}',
            'stop: {opcode: "0f"}\n  say: {text: "V:{level}", fields: {level: u8}}',
            "pairs of hex",
        ),
        (
            'stop: {opcode: "0f"}',
            'stop: {opcode: "0f"}\n  say: {text: "V:{level}", fields: {level: 8}}',
            "needs keys below it",
        ),
    ],
    "text": [
        ("frame: {layout", "text: {encoding: klingon}\nframe: {layout", "klingon is no encoding; ascii and utf-8 are"),
        ("frame: {layout", "text: {terminator: §}\nframe: {layout", "cannot be written in ascii"),
    ],
    "session.keepalive": [
        (
            "answer:",
            "session:\n  keepalive: {every_seconds: 5}\nanswer:",
            "say which command is sent, or which channel",
        ),
    ],
    "session.keepalive.every_seconds": [
        (
            "answer:",
            "session:\n  keepalive: {command: ping, every_seconds: 0.1}\nanswer:",
            "greater than or equal to 0.2",
        ),
    ],
    "session.hello.within_seconds": [
        ("answer:", "session:\n  hello: {command: ping, within_seconds: 0}\nanswer:", "greater than 0"),
    ],
    "link.gap_seconds": [
        ("answer:", "link: {gap_seconds: 5}\nanswer:", "less than or equal to 2 (found 5)"),
    ],
    "link.chunk_bytes": [
        ("answer:", "link: {chunk_bytes: 0}\nanswer:", "greater than or equal to 1 (found 0)"),
    ],
    "levels.source": [
        ("answer:", "levels: {vacuum_mmhg: {1: 50}, source: me}\nanswer:", "at least 10"),
    ],
    "on_link_loss": [
        ("answer:", "on_link_loss: explodes\nanswer:", "'stops', 'continues' or 'unknown'"),
    ],
    "id": [
        ("id: test-pump", "id: Test Pump", "pattern"),
    ],
    "roles": [
        ("roles: [pump]", "roles: []", "at least 1"),
    ],
    "roles.0": [
        ("roles: [pump]", "roles: [kettle]", "'pump', 'warmer' or 'massager'"),
    ],
    "provenance": [
        ("provenance: made up for a test", "provenance: me", "at least 10"),
    ],
    "confidence": [
        ("confidence: unverified", "confidence: sure", "'verified' or 'unverified'"),
    ],
    "lease_seconds": [
        ("confidence: unverified", "confidence: unverified\nlease_seconds: 1", "greater than or equal to 2"),
    ],
    "limits.celsius": [
        ("confidence: unverified", "confidence: unverified\nlimits: {celsius: 80}", "less than or equal to 60"),
    ],
    "limits.vacum_mmhg": [
        (
            "confidence: unverified",
            "confidence: unverified\nlimits: {vacum_mmhg: 80}",
            "is not known here; is it misspelt?",
        ),
    ],
    "capabilities.0": [
        ("confidence: unverified", "confidence: unverified\ncapabilities: [fly]", "'vacuum_mmhg'"),
    ],
}


class TestOneRuleEach:
    @pytest.mark.parametrize(
        ("key", "old", "new", "says"), [(key, *rule) for key, rules in RULES.items() for rule in rules]
    )
    def test_a_rule_that_is_broken_is_told_at_its_line_and_key(self, key: str, old: str, new: str, says: str) -> None:
        text = changed(old, new)
        said = [line for line in errors(text).splitlines() if f": {key}: " in line and says in line]
        assert {line.split(": ")[0] for line in said} == {f"pump.yaml:{line_of_place(text, key)}"}

    @pytest.mark.parametrize("key", ["id", "name", "roles", "confidence", "provenance", "match", "channels"])
    def test_each_part_a_profile_needs_is_asked_for(self, key: str) -> None:
        lines = GOOD.splitlines(keepends=True)
        began = next(at for at, line in enumerate(lines) if line.startswith(f"{key}:"))
        ended = next(at for at in range(began + 1, len(lines)) if not lines[at].startswith(" "))
        assert f": {key}: Field required" in errors("".join(lines[:began] + lines[ended:]))

    def test_the_line_is_the_one_in_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "pump.yaml"
        file.write_text("# A comment\n\n" + changed("roles: [pump]", "roles: [kettle]"), encoding="utf-8")
        with pytest.raises(FileError) as caught:
            load_yaml(file, Profile)
        assert str(caught.value).startswith(f"{file}:5: roles.0: ")


# What does not fit together: (in place of, this, the place that it names, what it says of it)
TOGETHER = [
    ('  stop: {opcode: "0f"}\n', "", "commands.start", "must be stoppable, and there is no command stop"),
    (
        '{opcode: "0f"}',
        '{opcode: "0f", channel: contrl}',
        "commands.stop.channel",
        "contrl is not described, there are control, battery",
    ),
    (
        "channel: control\n",
        "channel: contrl\n",
        "reports.result.channel",
        "contrl is not described, there are control, battery",
    ),
    (
        'characteristic: "2a19", read: true',
        'characteristic: "2a19", read: true, write: both',
        "commands.start",
        "say through which channel, as not exactly one can be written",
    ),
    ("write: both, notify", "notify", "commands.start", "say through which channel"),
    ('{opcode: "0f"}', '{opcode: "0f", channel: battery}', "commands.stop", "its channel battery cannot be written"),
    ("{report: result,", "{report: results,", "answer.report", "results is no report, there is result"),
    ("opcode: request,", "opcode: asked,", "answer.opcode", "the report result carries no asked"),
    ("counter: request_counter,", "counter: asked,", "answer.counter", "the report result carries no asked"),
    ("result: result, accepted", "result: said, accepted", "answer.result", "the report result carries no said"),
    ("accepted: accepted}", "accepted: acepted}", "answer.accepted", "never is acepted, there are accepted, refused"),
    (", accepted: accepted}", "}", "answer.result", "say which results mean yes"),
    ("[opcode, counter, payload]", "[opcode, payload]", "answer.counter", "the frame has no counter"),
    ('opcode: "33"', 'opcode: "33 01"', "commands.start.opcode", "it has 2 bytes, the frame's has 1"),
    ('opcode: "33"', 'opcode: ""', "commands.start.opcode", "it has 0 bytes, the frame's has 1"),
    ('{opcode: "0f"}', '{payload: "0f"}', "commands.stop", "the frame has an opcode of 1 bytes, so say which"),
    ('    opcode: "96"\n', "", "reports.result", "the frame has an opcode of 1 bytes, so say which"),
    ("[opcode, counter, payload]", "[counter, payload]", "commands.start.opcode", "1 bytes, the frame's has 0"),
    ('{opcode: "0f"}', '{opcode: "0f", payload: [{side: u8}]}', "commands.stop", "a stop carries nothing that it must"),
    ('{opcode: "0f"}', "{sequence: [start]}", "commands.stop", "this needs vacuum_mmhg"),
    ('{opcode: "0f"}', "{sequence: [halt]}", "commands.stop.sequence.0", "halt is no plain command"),
    (
        '{opcode: "0f"}',
        '{opcode: "0f", answered_by: ack}',
        "commands.stop.answered_by",
        "ack is no report, there is result",
    ),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  renew: {repeat: stop}', "commands.renew.repeat", "only a start can be sent"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  renew: {repeat: run}', "commands.renew.repeat", "run is no command"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  again: {repeat: start}', "commands.again.repeat", "only renew sends"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  say: {text: "Hi"}', "commands.say.text", "describe the protocol too"),
    ("channel: control\n", "pattern: x\n", "reports.result", "it has a pattern or a payload, not both"),
    ("answer:", "session: {clock: tick}\nanswer:", "session.clock", "tick is no command, there are start, stop"),
    ("answer:", "session: {clock: start}\nanswer:", "session.clock", "start starts something"),
    ("answer:", "session: {hello: {command: hi}}\nanswer:", "session.hello.command", "hi is no command"),
    (
        "answer:",
        "session: {hello: {command: stop, answered_by: hi}}\nanswer:",
        "session.hello.answered_by",
        "is no report",
    ),
    (
        "answer:",
        "session: {keepalive: {command: start, every_seconds: 5}}\nanswer:",
        "session.keepalive.command",
        "starts",
    ),
    (
        "answer:",
        "session: {poll: {channel: control, every_seconds: 5}}\nanswer:",
        "session.poll.channel",
        "cannot be read",
    ),
    ("channel: control\n", "acknowledge: start\n", "reports.result.acknowledge", "which only a session may do"),
    (
        '{opcode: "0f"}',
        '{opcode: "0f"}\n  ok: {opcode: "01", payload: [{of: u8}]}\nsession: {poll: {command: ok, every_seconds: 1}}',
        "session.poll.command",
        "nobody tells ok what it needs: of",
    ),
    ("gives: [{battery_percent: u8}]", 'gives: ["55", {inverse_of: a}]', "channels.battery.gives.1", "a is no number"),
    (
        "answer:",
        "levels: {source: measured by me, vacuum_mmhg: {1: 90, 2: 80}}\nanswer:",
        "levels.vacuum_mmhg",
        "a higher level cannot be weaker",
    ),
]


# The same inside lists, whose items have lines of their own.
IN_LISTS = [
    ("- {request: u8}", "- {inverse_of: result}", "reports.result.payload.0", "result is no number of one byte before"),
    ("- {request: u8}", "- {rest: skip}", "reports.result.payload.0", "{rest: skip} is the last field"),
    (
        "{vacuum_mmhg: u16, range: [0, 250]}",
        "{side: u8, is: {1: left}, otherwise: both}",
        "commands.start.payload.0",
        "otherwise is for reading",
    ),
    ("{send: {stop: {}}", "{send: {vent: {}}", "examples.0.send", "vent is not described, there are start, stop"),
    ("{send: {stop: {}}", "{channel: contrl, send: {stop: {}}", "examples.0.channel", "contrl is not described"),
    (
        "{send: {stop: {}}, counter: 2, bytes: 0f 02}",
        "{receive: 0f 02, report: reslt, gives: {}}",
        "examples.0.report",
        "reslt is not described, there is result",
    ),
    ("bytes: 0f 02", "writes: [[contrl, 0f 02]]", "examples.0.writes", "contrl is not described"),
]


class TestWhatDoesNotFitTogether:
    @pytest.mark.parametrize(("old", "new", "place", "says"), TOGETHER)
    def test_it_is_said_at_its_line_with_its_place_and_what_would_fit(
        self, old: str, new: str, place: str, says: str
    ) -> None:
        text = changed(old, new)
        said = [
            line for line in errors(text).splitlines() if f": {place}: " in line.replace(".0.", ".") and says in line
        ]
        assert {line.split(": ")[0] for line in said} == {f"pump.yaml:{line_of_place(text, place)}"}

    @pytest.mark.parametrize(("old", "new", "place", "says"), IN_LISTS)
    def test_in_a_list_it_is_said_at_the_line_of_the_item(self, old: str, new: str, place: str, says: str) -> None:
        text = changed(old, new)
        assert f"pump.yaml:{line_of_place(text, place)}: {place}: {says}" in errors(text)

    @pytest.mark.parametrize(("old", "new", "place", "says"), IN_LISTS)
    def test_in_a_list_it_is_said(self, old: str, new: str, place: str, says: str) -> None:
        assert f": {place}: {says}" in errors(changed(old, new))

    def test_each_problem_has_its_own_line(self) -> None:
        text = changed('{opcode: "0f"}', '{opcode: "0f", channel: contrl}').replace("{report: result,", "{report: r,")
        assert [line.split(": ")[1] for line in errors(text).splitlines()] == ["commands.stop.channel", "answer.report"]

    @pytest.mark.parametrize(
        ("role", "start", "stop"),
        [("pump", "start", "stop"), ("warmer", "set_target", "off"), ("massager", "run", "stop")],
    )
    def test_no_role_may_be_started_that_cannot_be_stopped(self, role: str, start: str, stop: str) -> None:
        text = (
            changed("roles: [pump]", f"roles: [{role}]")
            .replace("vacuum_mmhg: u16, range: [0, 250]", "duration_seconds: u16")
            .replace("  start:", f"  {start}:")
            .replace("  stop:", "  vent:")
        )
        text = text.replace("send: {stop: {}}", "send: {vent: {}}")
        assert f"commands.{start}: what can be started must be stoppable, and there is no command {stop}" in errors(
            text
        )
        assert parse_yaml(text.replace("vent:", f"{stop}:"), Profile).roles == (role,)

    def test_reports_that_are_a_number_are_a_problem_of_the_file(self) -> None:
        assert "pump.yaml:2: reports: " in errors("id: a\nreports: 5\n")

    @pytest.mark.parametrize(
        ("more", "place", "says"),
        [
            ("commands: {stop: {text: 'Stärke;'}}", "commands.stop.text", "it cannot be written in ascii"),
            ("commands: {say: {text: 'V:{level};'}}", "commands.say.text", "describe level, like fields: {level:"),
            ("commands: {say: {text: V, fields: {level: }}}", "commands.say.fields.level", "the text has no {level}"),
            ("reports: {b: {pattern: '({b:int}'}}", "reports.b.pattern", "it is no pattern"),
            (
                "reports: {b: {pattern: '{b:number}'}}",
                "reports.b.pattern",
                "number is no kind of placeholder, there are",
            ),
            (
                "reports: {b: {pattern: '{b:word}', fields: {b: {full_scale: 20}}}}",
                "reports.b.fields.b",
                "a number in the pattern, like {b:int}, is missing",
            ),
            (
                "reports: {b: {pattern: 'T{surface_celsius:word}'}}",
                "reports.b.pattern",
                "surface_celsius is a number, so find it with {surface_celsius:float}",
            ),
            (
                "reports: {b: {pattern: '(?P<vacuum_mmhg>\\S+)'}}",
                "reports.b.pattern",
                "vacuum_mmhg is a number, so find it with {vacuum_mmhg:float}",
            ),
            ("frame: {layout: [payload]}", "text", "a profile has a frame or a text protocol, not both"),
        ],
    )
    def test_text_protocols_have_rules_of_their_own(self, more: str, place: str, says: str) -> None:
        text = f"{GOOD[: GOOD.index('frame:')]}text: {{terminator: ;}}\n{more}\n"
        (line,) = [line for line in errors(text).splitlines() if f": {place}: " in line]
        assert says in line
        assert line.startswith(f"pump.yaml:{line_of_place(text, place)}: ")

    @pytest.mark.parametrize(
        "more",
        [
            '  ok: {opcode: "69"}\nsession: {poll: [{command: ok, every_seconds: 1}]}',
            '  ok: {opcode: "69", payload: [{hour: u8}]}\nsession: {clock: ok}',
            '  ok: {opcode: "69", payload: [{me: u8}]}\nsession: {hello: {command: ok, values: {me: 5}}}',
            "  renew: {repeat: start}",
            "  halt: {sequence: [stop, {command: stop, then_wait_seconds: 1}]}",
        ],
    )
    def test_a_profile_that_fits_together_loads(self, more: str) -> None:
        text = changed('{opcode: "0f"}', f'{{opcode: "0f"}}\n{more}')
        assert parse_yaml(text, Profile)

    def test_a_frame_without_opcodes_needs_none(self) -> None:
        text = changed("[opcode, counter, payload]", "[counter, payload]")
        text = text.replace('opcode: "33"', "answered: false").replace('    opcode: "96"\n', "")
        text = text.replace('{opcode: "0f"}', '{payload: "0f"}').replace("opcode: request, ", "")
        assert parse_yaml(text, Profile).commands["stop"].opcode is None

    def test_a_report_that_is_only_an_opcode_needs_no_payload(self) -> None:
        assert parse_yaml(changed("answer:", '  ack: {opcode: "97", channel: control}\nanswer:'), Profile)


class TestUuid:
    @pytest.mark.parametrize("short", ["180f", "180F"])
    def test_four_digits_are_short_for_one_of_the_bluetooth_sig(self, short: str) -> None:
        assert full_uuid(short) == "0000180f-0000-1000-8000-00805f9b34fb"

    def test_a_long_one_is_told_in_lower_case(self) -> None:
        assert full_uuid("218A0001-A4D8-44D5-85B6-6C6574646F77") == "218a0001-a4d8-44d5-85b6-6c6574646f77"

    @pytest.mark.parametrize(
        "wrong", ["", "18", "180", "180fg", "0x180f", "218a0001a4d844d585b66c6574646f77", "180f\n"]
    )
    def test_anything_else_is_refused_with_what_would_fit(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="four hex digits"):
            full_uuid(wrong)


class TestShorthand:
    def test_hex_alone_is_a_fixed_part(self) -> None:
        field = FieldSpec.model_validate("55 aa")
        assert field.const == b"\x55\xaa"
        assert field.names == ()

    def test_the_key_is_the_name_and_its_value_the_type(self) -> None:
        field = FieldSpec.model_validate({"vacuum_mmhg": "u16", "scale": 0.1})
        assert (field.name, field.type, field.scale) == ("vacuum_mmhg", "u16", 0.1)

    def test_flags_carry_their_own_names(self) -> None:
        assert FieldSpec.model_validate({"signs": "u8", "flags": {0: "let_down", 3: "leak"}}).names == (
            "let_down",
            "leak",
        )

    def test_one_of_something_needs_no_list(self) -> None:
        match = parse_yaml(changed('{name: "Test*"}', '{name: "Test*", services: "ffb0"}'), Profile).match
        assert match.name == ("Test*",)
        assert match.services == (full_uuid("ffb0"),)
