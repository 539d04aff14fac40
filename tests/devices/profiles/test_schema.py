"""A profile that is wrong says what would fit, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.profiles.schema import Profile
from devices.support.yaml_file import FileError, load_yaml
from tests.helpers.wrong_profiles import FAMILY, GOOD, changed, errors, line_of_place
from tests.helpers.yaml_texts import parse_yaml


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
        ("u16, range", "u16, scale: 0.1, full_scale: 10, range", "give scale or full_scale, not both"),
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
        ("0x33: refused}", "0x33: refused}, flags: {0: late}", "give what the number `is` or what its bits are"),
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
        ("{0x0F: accepted, 0x33: refused}", "[accepted, refused]", "needs keys below it"),
    ],
    "reports.result.payload.2.is.51": [
        ("0x33: refused}", "0x33: 1}", "(found 1)"),  # a number is not a meaning
    ],
    "answer.refused_by": [
        (
            "answer: {report: result",
            "answer: {refused_by: failed, report: result",
            "failed is not a report, there is result",
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
        ('{name: "Test*"}', "{}", "give at least one of: name, services, manufacturer, service_data, address"),
        (
            '{name: "Test*"}',
            "{ambiguous: true}",
            "give at least one of: name, services, manufacturer, service_data, address",
        ),
        ('"Test*"}', '"Test*", partial: true}', "partial: of name, services and manufacturer, two or more are given"),
        ('{name: "Test*"}', '{services: "ffb0", not_name: Lamp}', "not_name: give name as well, from which these are"),
    ],
    "match.manufacturer": [
        ('{name: "Test*"}', "{manufacturer: 0x10000}", "less than or equal to 65535"),
    ],
    "match.manufacturer.data.1": [
        ('{name: "Test*"}', '{manufacturer: {id: 93, data: ["01", "0"]}}', "(found '0')"),
    ],
    "channels.battery.must_be": [
        (
            "read: true, fields",
            "read: true, must_be: manufacturer, fields",
            "match.manufacturer has no data, so give the",
        ),
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
        (
            'match: {name: "Test*"}',
            f'match: {{services: "{FAMILY}"}}',
            f"give one published service of the family {FAMILY[:8]}",
        ),
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
            "what it must be has to be read, so add read: true",
        ),
        ("write: both, notify: true", "optional: true", "give what it does: write, read, notify or indicate"),
        ('service: "ffb0", characteristic: "ffb1", write', "write", "give its service and characteristic"),
        ('service: "ffb0", characteristic: "ffb1"', 'characteristic: "ffb1"', "give the service"),
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
        ("[opcode, counter, payload]", "[opcode, opcode, payload]", "a part is in the layout once"),
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
            "an example is {send: {command: values}, bytes (or text, or writes): …}, or {receive (or receive_text)",
        ),
        ("{send: {stop: {}}, counter: 2, bytes: 0f 02}", '{receive: "55"}', "an example is {send:"),
        ("counter: 2, bytes: 0f 02", "counter: 2, bytes: 0f 02, means: {}", "an example is {send:"),
        ("{send: {stop: {}}, counter: 2, bytes: 0f 02}", '{receive: "55", means: {}, dropped: noise}', "an example is"),
        (
            "{send: {stop: {}}, counter: 2, bytes: 0f 02}",
            '{send: {stop: {}}, bytes: 0f, receive: "55", means: {}}',
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
        ('{opcode: "0f"}', '{opcode: "0f", paylod: "01"}', "is not known here; did you mean payload?"),
    ],
    "commands.say.fields.level.rnage": [
        (
            'stop: {opcode: "0f"}',
            'stop: {opcode: "0f"}\n  say: {text: "V:{level}", fields: {level: {rnage: [0, 20]}}}',
            "is not known here; did you mean range?",
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
    "connection.keepalive": [
        (
            "answer:",
            "connection:\n  keepalive: {every_seconds: 5}\nanswer:",
            "give the command that is sent, or the channel",
        ),
    ],
    "connection.keepalive.every_seconds": [
        (
            "answer:",
            "connection:\n  keepalive: {command: ping, every_seconds: 0.1}\nanswer:",
            "greater than or equal to 0.2",
        ),
    ],
    "connection.handshake.within_seconds": [
        ("answer:", "connection:\n  handshake: {command: ping, within_seconds: 0}\nanswer:", "greater than 0"),
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
            "is not known here; did you mean vacuum_mmhg?",
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
    def test_a_broken_rule_is_reported_with_its_line_and_key(self, key: str, old: str, new: str, says: str) -> None:
        text = changed(old, new)
        said = [line for line in errors(text).splitlines() if f": {key}: " in line and says in line]
        assert {line.split(": ")[0] for line in said} == {f"pump.yaml:{line_of_place(text, key)}"}

    @pytest.mark.parametrize("key", ["id", "name", "roles", "confidence", "provenance", "match"])
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
