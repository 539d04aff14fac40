"""Parts of a profile that are right alone but do not fit together are reported at their lines."""

from __future__ import annotations

import pytest

from devices.profiles.schema import Profile
from tests.helpers.wrong_profiles import GOOD, changed, errors, line_of_place
from tests.helpers.yaml_texts import parse_yaml

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
        "name its channel, as not exactly one can be written",
    ),
    ("write: both, notify", "notify", "commands.start", "name its channel"),
    ('{opcode: "0f"}', '{opcode: "0f", channel: battery}', "commands.stop", "its channel battery cannot be written"),
    ("{report: result,", "{report: results,", "answer.report", "results is not a report, there is result"),
    ("opcode: request,", "opcode: asked,", "answer.opcode", "the report result carries no asked"),
    ("counter: request_counter,", "counter: asked,", "answer.counter", "the report result carries no asked"),
    ("result: result, accepted", "result: said, accepted", "answer.result", "the report result carries no said"),
    ("accepted: accepted}", "accepted: acepted}", "answer.accepted", "is never acepted, there are accepted, refused"),
    (", accepted: accepted}", "}", "answer.result", "list the results that mean accepted"),
    ("[opcode, counter, payload]", "[opcode, payload]", "answer.counter", "the frame has no counter"),
    ('opcode: "33"', 'opcode: "33 01"', "commands.start.opcode", "it has 2 bytes, the frame's has 1"),
    ('opcode: "33"', 'opcode: ""', "commands.start.opcode", "it has 0 bytes, the frame's has 1"),
    ('{opcode: "0f"}', '{payload: "0f"}', "commands.stop", "the frame has an opcode of 1 bytes, so give this one's"),
    ('    opcode: "96"\n', "", "reports.result", "the frame has an opcode of 1 bytes, so give this one's"),
    ("[opcode, counter, payload]", "[counter, payload]", "commands.start.opcode", "1 bytes, the frame's has 0"),
    ('{opcode: "0f"}', '{opcode: "0f", payload: [{side: u8}]}', "commands.stop", "a stop gets no values"),
    ('{opcode: "0f"}', "{sequence: [start]}", "commands.stop", "this needs vacuum_mmhg"),
    ('{opcode: "0f"}', "{sequence: [halt]}", "commands.stop.sequence.0", "halt is not a plain command"),
    (
        '{opcode: "0f"}',
        '{opcode: "0f", answered_by: ack}',
        "commands.stop.answered_by",
        "ack is not a report, there is result",
    ),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  renew: {repeat: stop}', "commands.renew.repeat", "only a start can be sent"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  renew: {repeat: run}', "commands.renew.repeat", "run is not a command"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  again: {repeat: start}', "commands.again.repeat", "only renew sends"),
    ('{opcode: "0f"}', '{opcode: "0f"}\n  say: {text: "Hi"}', "commands.say.text", "describe the protocol too"),
    ("channel: control\n", "pattern: x\n", "reports.result", "it has a pattern or a payload, not both"),
    (
        "answer:",
        "connection: {clock: tick}\nanswer:",
        "connection.clock",
        "tick is not a command, there are",
    ),
    ("answer:", "connection: {clock: start}\nanswer:", "connection.clock", "start starts something"),
    (
        "answer:",
        "connection: {handshake: {command: hi}}\nanswer:",
        "connection.handshake.command",
        "hi is not a command",
    ),
    (
        "answer:",
        "connection: {handshake: {command: stop, answered_by: hi}}\nanswer:",
        "connection.handshake.answered_by",
        "is not a report",
    ),
    (
        "answer:",
        "connection: {keepalive: {command: start, every_seconds: 5}}\nanswer:",
        "connection.keepalive.command",
        "starts",
    ),
    (
        "answer:",
        "connection: {poll: {channel: control, every_seconds: 5}}\nanswer:",
        "connection.poll.channel",
        "cannot be read",
    ),
    ("channel: control\n", "acknowledge: start\n", "reports.result.acknowledge", "which only a session may do"),
    (
        '{opcode: "0f"}',
        '{opcode: "0f"}\n  ok: {opcode: "01", payload: [{of: u8}]}\n'
        "connection: {poll: {command: ok, every_seconds: 1}}",
        "connection.poll.command",
        "ok needs values that nothing supplies: of",
    ),
    (
        "fields: [{battery_percent: u8}]",
        'fields: ["55", {inverse_of: a}]',
        "channels.battery.fields.1",
        "a is not a number",
    ),
    (
        "answer:",
        "levels: {source: measured by me, vacuum_mmhg: {1: 90, 2: 80}}\nanswer:",
        "levels.vacuum_mmhg",
        "a higher level cannot be weaker",
    ),
]

# The same inside lists, whose items have lines of their own.
IN_LISTS = [
    (
        "- {request: u8}",
        "- {inverse_of: result}",
        "reports.result.payload.0",
        "result is not a number of one byte",
    ),
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
        "{receive: 0f 02, report: reslt, means: {}}",
        "examples.0.report",
        "reslt is not described, there is result",
    ),
    ("bytes: 0f 02", "writes: [[contrl, 0f 02]]", "examples.0.writes", "contrl is not described"),
]


class TestWhatDoesNotFitTogether:
    @pytest.mark.parametrize(("old", "new", "place", "says"), TOGETHER)
    def test_it_is_reported_at_its_line_with_its_key_and_what_would_fit(
        self, old: str, new: str, place: str, says: str
    ) -> None:
        text = changed(old, new)
        said = [
            line for line in errors(text).splitlines() if f": {place}: " in line.replace(".0.", ".") and says in line
        ]
        assert {line.split(": ")[0] for line in said} == {f"pump.yaml:{line_of_place(text, place)}"}

    @pytest.mark.parametrize(("old", "new", "place", "says"), IN_LISTS)
    def test_in_a_list_it_is_reported_at_the_line_of_the_item(self, old: str, new: str, place: str, says: str) -> None:
        text = changed(old, new)
        assert f"pump.yaml:{line_of_place(text, place)}: {place}: {says}" in errors(text)

    @pytest.mark.parametrize(("old", "new", "place", "says"), IN_LISTS)
    def test_in_a_list_it_is_reported(self, old: str, new: str, place: str, says: str) -> None:
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
            ("reports: {b: {pattern: '({b:int}'}}", "reports.b.pattern", "not a pattern"),
            (
                "reports: {b: {pattern: '{b:number}'}}",
                "reports.b.pattern",
                "number is not a kind of placeholder, there are",
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
            '  ok: {opcode: "69"}\nconnection: {poll: [{command: ok, every_seconds: 1}]}',
            '  ok: {opcode: "69", payload: [{hour: u8}]}\nconnection: {clock: ok}',
            '  ok: {opcode: "69", payload: [{me: u8}]}\nconnection: {handshake: {command: ok, values: {me: 5}}}',
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
