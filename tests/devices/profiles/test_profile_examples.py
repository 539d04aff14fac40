"""What examples show of a profile, and where nothing shows anything."""

from __future__ import annotations

from typing import Any

import pytest

from devices.driver.example_check import ExampleCheck, State
from devices.profiles.profile_examples import check_examples
from devices.tuya.tuya_examples import check_examples as check_tuya_examples
from devices.tuya.tuya_schema import TuyaSpec
from tests.helpers.profile_snippets import profile

FRAMED = """
channels:
  tx: {service: "ffb0", characteristic: "ffb1", write: both}
  other: {service: "ffb0", characteristic: "ffb3", write: both}
  rx: {service: "ffb0", characteristic: "ffb2", notify: true}
  battery: {service: "180f", characteristic: "2a19", read: true, notify: true, fields: [{battery_percent: u8}]}
  warmth: {service: "181a", characteristic: "2a6e", read: true, fields: [{surface_celsius: u8, unit: display_unit}]}
frame: {layout: [head, opcode, payload, checksum], head: "55", checksum: {kind: sum8}}
commands:
  run: {sequence: [power, {command: speed, values: {intensity: 1}}]}
  power: {channel: tx, opcode: "01", payload: "01"}
  speed: {channel: tx, opcode: "02", payload: [{intensity: u8, full_scale: 20, range: [0.05, 1]}]}
  renew: {repeat: run}
  stop: {channel: tx, opcode: "01", payload: "00"}
reports:
  state:
    channel: rx
    opcode: "81"
    payload: [{run_state: u8, is: {0: stopped, 1: running}}, {level: u8, unknown: 255}]
  done: {channel: rx, opcode: "82"}
  failed: {channel: rx, opcode: "83"}
examples:
"""


def found(*examples: str) -> dict[str, ExampleCheck]:
    lines = "\n".join(f"  - {each}" for each in examples) or "  []"
    return {each.what: each for each in check_examples(profile(FRAMED + lines, "massager"))}


def state(what: str, *examples: str) -> State:
    return found(*examples)[what].state


def failure(what: str, *examples: str) -> tuple[str, str]:
    """Return what the only failing example expected, and what was found."""
    (tried,) = [each for each in found(*examples)[what].examples if not each.holds]
    return tried.expected, tried.found


def test_without_examples_nothing_counts_as_holding() -> None:
    assert {each.state for each in found().values()} == {"no example"}
    assert list(found()) == [
        *("commands.run", "commands.power", "commands.speed", "commands.renew", "commands.stop"),
        *("reports.state", "reports.done", "reports.failed", "channels.battery", "channels.warmth"),
    ]


def test_a_command_without_an_example_shows_its_lowest_bytes_and_still_has_none() -> None:
    speed = found()["commands.speed"]
    assert (speed.shows, speed.state) == ("tx 55 02 01 58", "no example")


def test_an_example_counts_for_its_command_or_report_alone() -> None:
    held = found(
        '{send: {stop: {}}, bytes: "55 01 00 56"}',
        "{channel: rx, receive: 55 81 01 04 db, means: {run_state: running}}",
    )
    assert [what for what, each in held.items() if each.state == "holds"] == ["commands.stop", "reports.state"]
    assert held["reports.state"].examples[0].path == ("examples", 1)


def test_bytes_that_differ_fail_with_both() -> None:
    assert failure("commands.stop", '{send: {stop: {}}, bytes: "55 01 00 57"}') == ("55 01 00 57", "55 01 00 56")


def test_a_value_that_differs_fails_with_both_values() -> None:
    said = failure("reports.state", "{receive: 55 81 01 04 db, means: {run_state: stopped, level: 4}}")
    assert said == ("run_state: stopped", "run_state: running")


def test_unknown_is_not_the_same_as_not_there() -> None:
    assert state("reports.state", "{receive: 55 81 01 ff d6, means: {run_state: running, level: null}}") == "holds"
    said = failure("reports.state", "{receive: 55 81 01 ff d6, means: {run_state: running, phase: null}}")
    assert said == ("phase: null", "no value")


def test_the_example_of_a_sequence_shows_its_commands_and_the_repetition() -> None:
    held = found("{send: {run: {}}, writes: [[tx, 55 01 01 57], [tx, 55 02 14 6b]]}")
    assert [what for what, each in held.items() if each.state == "holds"] == [
        *("commands.run", "commands.power", "commands.speed", "commands.renew"),
    ]


def test_the_examples_of_its_commands_do_not_show_a_sequence() -> None:
    power, speed = '{send: {power: {}}, bytes: "55 01 01 57"}', "{send: {speed: {intensity: 1}}, bytes: 55 02 14 6b}"
    assert state("commands.run", power, speed) == "no example"


def test_a_sequence_in_another_order_fails() -> None:
    said = failure("commands.run", "{send: {run: {}}, writes: [[tx, 55 02 14 6b], [tx, 55 01 01 57]]}")
    assert said == ("tx 55 02 14 6b, tx 55 01 01 57", "tx 55 01 01 57, tx 55 02 14 6b")


def test_the_bytes_of_one_command_of_a_sequence_are_not_the_sequence() -> None:
    assert state("commands.run", "{send: {run: {}}, bytes: 55 01 01 57}") == "fails"


def test_a_command_on_another_channel_fails() -> None:
    right = "{send: {stop: {}}, channel: tx, bytes: 55 01 00 56}"
    wrong = right.replace("tx", "other")
    assert state("commands.stop", right) == "holds"
    assert failure("commands.stop", wrong) == ("other 55 01 00 56", "tx 55 01 00 56")


def test_a_value_that_a_command_does_not_take_fails() -> None:
    assert failure("commands.speed", "{send: {speed: {intensity: 2}}, bytes: 55 02 28 7f}") == (
        "55 02 28 7f",
        "intensity is from 0.05 to 1, not 2",
    )


def test_an_example_may_name_its_report() -> None:
    assert state("reports.done", "{report: done, receive: 55 82 d7, means: {}}") == "holds"
    said = failure("reports.done", "{report: done, receive: 55 83 d8, means: {}}")
    assert said == ("done (no value)", "failed (no value)")


def test_bytes_that_mean_nothing_are_to_be_dropped() -> None:
    assert state("dropped", "{channel: rx, receive: 55 82 d8, dropped: its checksum is wrong}") == "holds"
    assert state("dropped", "{channel: rx, receive: 55 81 07 04 e1, dropped: no such state}") == "holds"
    said = failure("dropped", "{channel: rx, receive: 55 82 d7, dropped: its checksum is wrong}")
    assert said == ("nothing", "done (no value)")


def test_what_is_dropped_shows_no_report() -> None:
    assert state("reports.done", "{channel: rx, receive: 55 82 d8, dropped: its checksum is wrong}") == "no example"


def test_bytes_that_mean_nothing_fail_where_they_should_mean_something() -> None:
    expected, said = failure("reports.state", "{channel: rx, receive: 55 81 01 04 dc, means: {run_state: running}}")
    assert expected == "run_state: running"
    assert "checksum" in said
    assert state("examples", "{channel: rx, receive: 55 84 d9, means: {}}") == "fails"
    assert state("channels.battery", "{channel: battery, receive: 55 55, means: {battery_percent: 85}}") == "fails"


def test_a_plain_value_may_need_a_value_received_before() -> None:
    example = '{channel: warmth, receive: "62", %smeans: {surface_celsius: 36.67}}'
    assert state("channels.warmth", example % "known: {display_unit: fahrenheit}, ") == "holds"
    assert state("channels.warmth", example % "") == "fails"


@pytest.mark.parametrize(("line", "expected"), [("85;", "holds"), ("85", "fails"), ("85;85;", "fails")])
def test_a_line_is_whole_and_alone(line: str, expected: str) -> None:
    text = f"""
    text: {{terminator: ";"}}
    reports: {{battery: {{pattern: "{{battery_percent:int}};"}}}}
    examples: [{{receive_text: "{line}", means: {{battery_percent: 85}}}}]
    """
    (battery,) = check_examples(profile(text))
    assert battery.state == expected


# Tuya

SPEC: dict[str, Any] = {
    "datapoints": {
        "switch": {"id": 1, "type": "bool"},
        "level": {"id": 2, "type": "value", "range": [1, 9]},
        "side": {"id": 3, "type": "string"},
        "turn": {"id": 4, "type": "bool", "trigger": True},
    },
    "means": {"run_state": {"of": "switch", "is": {True: "running", False: "stopped"}}},
    "verbs": {
        "adjust": [{"level": "$level"}, {"write": {"turn": True}, "differs": "phase"}],
        "stop": {"switch": False},
    },
}


def tuya(*examples: dict[str, Any]) -> dict[str, ExampleCheck]:
    return {each.what: each for each in check_tuya_examples(TuyaSpec.model_validate(SPEC | {"examples": examples}))}


def test_verbs_and_datapoints_need_examples_but_triggers_do_not() -> None:
    assert {what: each.state for what, each in tuya().items()} == dict.fromkeys(
        [
            *("tuya.verbs.adjust", "tuya.verbs.stop"),
            *("tuya.datapoints.switch", "tuya.datapoints.level", "tuya.datapoints.side"),
        ],
        "no example",
    )


@pytest.mark.parametrize(
    ("name", "data", "means"),
    [
        ("switch", "01", {"switch": True, "run_state": "running"}),
        ("level", "00 00 00 07", {"level": 7}),
        ("side", "6c 65 66 74", {"side": "left"}),
    ],
)
def test_a_datapoint_of_any_type_may_be_received(name: str, data: str, means: dict[str, Any]) -> None:
    what = f"tuya.datapoints.{name}"
    assert tuya({"receive": [name, data], "means": means})[what].state == "holds"
    assert tuya({"receive": [name, data], "means": means | {"more": 1}})[what].state == "fails"
    assert tuya({"receive": [name, data], "means": {}})[what].state == "fails"


def test_what_a_verb_writes_may_depend_on_reported_values() -> None:
    example = {"send": {"adjust": {"level": 3, "phase": "expression"}}, "known": {"phase": "stimulation"}}
    written = [[["level", "00 00 00 03"]], [["turn", "01"]]]
    assert tuya(example | {"writes": written})["tuya.verbs.adjust"].state == "holds"
    (tried,) = tuya(example | {"writes": written[:1]})["tuya.verbs.adjust"].examples
    assert (tried.expected, tried.found) == ("level 00 00 00 03", "level 00 00 00 03; turn 01")


def test_the_report_of_a_trigger_is_dropped_and_shows_no_datapoint() -> None:
    held = tuya({"receive": ["turn", "01"], "means": {}})
    assert held["dropped"].state == "holds"
    assert "tuya.datapoints.turn" not in held
    assert tuya({"receive": ["turn", "01"], "means": {"turn": True}})["dropped"].state == "fails"


def test_a_datapoint_that_is_not_described_is_named() -> None:
    (tried,) = tuya({"receive": ["swich", "01"], "means": {}})["tuya.datapoints.swich"].examples
    assert tried.found == "there is no datapoint swich, there are switch, level, side, turn"
