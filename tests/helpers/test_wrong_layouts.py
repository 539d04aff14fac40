"""The changes of layouts themselves: each kind of mistake is made, and one that no example notices is found."""

from __future__ import annotations

from typing import Any

import pytest

from devices.driver.registry import driver_of
from tests.helpers.profile_snippets import CHANNELS, HEADER
from tests.helpers.wrong_layouts import Change, changes
from tests.helpers.yaml_texts import read_yaml


def raw(snippet: str) -> dict[str, Any]:
    found = read_yaml(HEADER.format(role="massager") + ("" if "channels:" in snippet else CHANNELS) + snippet)
    assert isinstance(found, dict)
    return found


def becoming(snippet: str, where: str) -> set[str]:
    return {change.becomes for change in changes(raw(snippet)) if change.where == where}


def unnoticed(snippet: str) -> list[Change]:
    return [
        each
        for each in changes(raw(snippet))
        if not any(part.state == "fails" for part in driver_of(each.profile).check_examples(each.profile))
    ]


@pytest.mark.parametrize(
    ("field", "becomes"),
    [
        ("{level: u8}", "{'level': 's8'}"),
        ("{level: u8}", "{'level': 'u16'}"),
        ("{level: u8}", "{'level': 'u8', 'scale': 10}"),
        ("{level: u8}", "{'level': 'u8', 'bias': 1}"),
        ("{level: u8, scale: 0.5}", "{'level': 'u8', 'scale': -0.5}"),
        ("{level: u16}", "{'level': 'u16', 'order': 'big'}"),
        ("{level: u16, order: big}", "{'level': 'u16', 'order': 'little'}"),
        ("{intensity: u8, full_scale: 20}", "{'intensity': 'u8', 'full_scale': 21}"),
        ("{target_celsius: u8}", "{'target_celsius': 'u8', 'unit': 'fahrenheit'}"),
        ("{level: u8, unknown: 255}", "{'level': 'u8'}"),
        ("{mode: u8, is: {1: up, 2: down}}", "{'mode': 'u8', 'is': {1: 'down', 2: 'up'}}"),
        ("{mode: u8, is: {1: up, 4: down}}", "{'mode': 'u8', 'is': {4: 'down', 2: 'up'}}"),
        ("{state: u8, flags: {0: on, 1: hot}}", "{'state': 'u8', 'flags': {0: 'hot', 1: 'on'}}"),
        ('"55 aa"', "'54 aa'"),
        ('"55 aa"', "'55'"),
        ("{skip: 2}", "{'skip': 3}"),
    ],
)
def test_a_field_becomes_another(field: str, becomes: str) -> None:
    assert becomes in becoming(f"reports: {{state: {{payload: [{field}, {{rest: skip}}]}}}}", "reports.state.payload.0")


def test_fields_change_places_and_are_left_out() -> None:
    found = becoming("reports: {state: {payload: [{level: u8}, {mode: u8}]}}", "reports.state.payload")
    assert found == {"[{'mode': 'u8'}, {'level': 'u8'}]", "[{'mode': 'u8'}]", "[{'level': 'u8'}]"}


@pytest.mark.parametrize(
    ("field", "matters"),
    [("{level: u8}", False), ("{level: u16}", True), ("{level: u16, order: big}", False)],
)
def test_the_order_of_a_profile_changes_where_something_takes_it(field: str, matters: bool) -> None:
    found = becoming(f"reports: {{state: {{payload: [{field}]}}}}", "byte_order")
    assert found == ({"'big'"} if matters else set())


def test_a_sign_that_no_value_reaches_is_left_alone() -> None:
    command = "commands: {nudge: {payload: [{level: u8, range: [0, %d]}]}}"
    for highest, reached in ((127, False), (128, True)):
        found = [each for each in becoming(command % highest, "commands.nudge.payload.0") if "'s8'" in each]
        assert bool(found) is reached


@pytest.mark.parametrize(
    ("where", "becomes"),
    [
        ("frame.layout", "['head', 'payload', 'opcode', 'checksum']"),
        ("frame.head", "'54'"),
        ("frame.checksum.kind", "'crc16-modbus'"),
        ("frame.checksum", "{'kind': 'crc16-xmodem', 'over': 'payload'}"),
        ("frame.checksum", "{'kind': 'crc16-xmodem', 'order': 'big'}"),
        ("commands.run.sequence", "['two', 'one']"),
        ("commands.one.opcode", "'00'"),
        ("reports.state.opcode", "'80'"),
        ("byte_order", "'big'"),
    ],
)
def test_frames_commands_and_reports_become_others(where: str, becomes: str) -> None:
    assert becomes in becoming(
        """
frame: {layout: [head, opcode, payload, checksum], head: "55", checksum: {kind: crc16-xmodem}}
commands:
  run: {sequence: [one, two]}
  one: {opcode: "01", payload: "01"}
  two: {opcode: "02", payload: "01"}
  stop: {opcode: "03", payload: "00"}
reports: {state: {opcode: "81", payload: [{level: u8}]}}
""",
        where,
    )


def test_words_of_a_text_and_the_places_of_its_values_change() -> None:
    snippet = """
text: {terminator: ";"}
commands:
  run: {text: "go:{intensity}:{lease_seconds};", fields: {intensity: {range: [0, 1]}, lease_seconds: {range: [0, 9]}}}
  stop: {text: "go:0;"}
reports: {battery: {pattern: "s?{battery_percent:int};"}}
"""
    found = becoming(snippet, "commands.run.text")
    assert found == {"'GO:{intensity}:{lease_seconds};'", "'go:{lease_seconds}:{intensity};'"}
    assert "'{battery_percent:int};'" in becoming(snippet, "reports.battery.pattern")


WEAK = """
frame: {layout: [opcode, payload]}
commands: {run: {opcode: "01", payload: [{intensity: u8, full_scale: 20, range: [0.05, 1]}]}, stop: {opcode: "00"}}
examples:
  - {send: {run: {intensity: 0.5}}, bytes: 01 0a}
  - {channel: tx, send: {stop: {}}, bytes: "00"}
"""


def test_a_scale_that_no_example_shows_survives_until_one_does() -> None:
    (change,) = unnoticed(WEAK)
    assert change.becomes == "{'intensity': 'u8', 'full_scale': 21, 'range': [0.05, 1]}"
    assert unnoticed(WEAK + "  - {send: {run: {intensity: 1}}, bytes: 01 14}\n") == []


def test_numbers_texts_and_steps_of_tuya_become_others() -> None:
    snippet = """
id: made-up
name: Made up
roles: [warmer]
confidence: verified
provenance: made up for a test
match: {name: "Made*"}
tuya:
  datapoints:
    switch: {id: 1, type: bool}
    target_celsius: {id: 2, type: value, scale: 0.1}
  means: {run_state: {of: switch, is: {true: running, false: stopped}}}
  verbs: {set_target: [{target_celsius: $celsius}, {switch: true}], "off": {switch: false}}
"""
    found = read_yaml(snippet)
    assert isinstance(found, dict)
    made = {(change.where, change.becomes) for change in changes(found)}
    assert ("tuya.datapoints.target_celsius", "{'id': 2, 'type': 'value', 'scale': 1.0}") in made
    assert ("tuya.means.run_state.is", "{True: 'stopped', False: 'running'}") in made
    assert ("tuya.verbs.off.switch", "True") in made
    assert ("tuya.verbs.set_target", "[{'switch': True}, {'target_celsius': '$celsius'}]") in made
