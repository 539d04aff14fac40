"""What each verb of a role is told: the roles themselves, the check of a profile and its page say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devices.driver.device_roles import DeviceMassager, DevicePump, DeviceScale, DeviceWarmer
from devices.driver.vocabulary import VERB_ARGUMENTS, Value
from devices.profiles.schema import Profile
from devices.roles import Phase, PumpSetting, Side
from devices.support.file_error import FileError
from tests.helpers.profile_snippets import CHANNELS, HEADER, profile
from tests.helpers.yaml_texts import parse_yaml

DOCS = Path(__file__).parents[3] / "docs" / "profiles.md"
MAPPED = """
    commands:
      {start}: {{payload: ["01", {{level: u8, range: [1, 3]}}]}}
      "{stop}": {{payload: "00"}}
    levels: {{{unit}: {{1: {low}, 3: {high}}}, source: measured for this test}}
"""


class Listening:
    """Takes down what a role hands over with each verb."""

    def __init__(self, described: Profile) -> None:
        self.model = described
        self.name, self.side, self.may_control, self.max_level = "a", Side.BOTH, True, None
        self.recorded: dict[str, tuple[str, ...]] = {}

    async def command(self, name: str, values: Mapping[str, Value], **_: Any) -> None:
        self.recorded[name] = tuple(values)

    async def renew(self, values: Mapping[str, Value]) -> None:
        self.recorded["renew"] = tuple(values)

    async def stop(self, verb: str) -> None:
        self.recorded[verb] = ()


async def test_the_table_is_what_the_roles_hand_over() -> None:
    pump_ = Listening(profile(MAPPED.format(start="start", stop="stop", unit="vacuum_mmhg", low=50, high=90)))
    pump, setting = DevicePump(pump_), PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=60, rate_cpm=54)  # type: ignore[arg-type]
    await pump.start(setting, 60, 10)
    await pump.adjust(setting, 900)
    await pump.pause()
    await pump.resume()
    warmer_ = Listening(
        profile(MAPPED.format(start="set_target", stop="off", unit="celsius", low=36, high=40), "warmer")
    )
    warmer = DeviceWarmer(warmer_)  # type: ignore[arg-type]
    await warmer.set_target(40, 60, 10)
    massager_ = Listening(profile('commands: {run: {payload: "01"}, stop: {payload: "00"}}', "massager"))
    massager = DeviceMassager(massager_)  # type: ignore[arg-type]
    await massager.run(1, 60, 10, Side.BOTH)
    scale_ = Listening(profile('commands: {tare: {payload: "01"}}', "scale"))
    await DeviceScale(scale_).tare()  # type: ignore[arg-type]
    for role in (pump, warmer, massager):
        await role.renew(10)
        await role.stop()
    recorded = {"pump": pump_.recorded, "warmer": warmer_.recorded, "massager": massager_.recorded}
    recorded |= {"scale": scale_.recorded, "button": {}, "thermometer": {}}  # these two have no verb
    assert {role: {verb: set(names) for verb, names in verbs.items()} for role, verbs in recorded.items()} == {
        role: {verb: set(names) for verb, names in verbs.items()} for role, verbs in VERB_ARGUMENTS.items()
    }


def test_the_page_lists_the_same() -> None:
    rows = re.findall(
        r"^\| (pump|warmer|massager|scale) \| `(\w+)` \| (.+) \|$", DOCS.read_text(encoding="utf-8"), re.M
    )
    written = [(role, verb, tuple(re.findall(r"`(\w+)`", names))) for role, verb, names in rows]
    assert written == [(role, verb, names) for role, verbs in VERB_ARGUMENTS.items() for verb, names in verbs.items()]


def problems(snippet: str, role: str) -> list[str]:
    text = HEADER.format(role=role) + CHANNELS + snippet
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Profile, "mine.yaml")
    lines = text.splitlines()
    return [f"{lines[problem.line - 1].strip()} <- {problem}" for problem in caught.value.problems]


START = '  start: {payload: "01"}\n  stop: {payload: "00"}\n'
WARM = '  set_target: {payload: "01"}\n  "off": {payload: "00"}\n'


@pytest.mark.parametrize(
    ("role", "commands", "line", "words"),
    [
        (
            "pump",
            START + "  adjust:\n    payload:\n      - {level: u8}\n      - {lease_seconds: u8}\n",
            "- {lease_seconds: u8}",
            "commands.adjust.payload.1: adjust is never given lease_seconds, "
            "it gets phase, vacuum_mmhg, level, rate_cpm, side, duration_seconds, duration_minutes, duration_hours",
        ),
        (
            "pump",
            "  start: {payload: [{celsius: u8}]}\n  stop: {payload: '00'}\n",
            "start: {payload: [{celsius: u8}]}",
            "start is never given celsius, it gets phase, vacuum_mmhg, level, rate_cpm, side, duration_seconds",
        ),
        (
            "pump",
            START + "  pause: {payload: [{minuets: u8}]}\n",
            "pause: {payload: [{minuets: u8}]}",
            "pause is never given minuets, it gets no value at all",
        ),
        (
            "pump",
            "  start: {payload: '01'}\n  stop: {payload: [{lease_seconds: u8}]}\n",
            "stop: {payload: [{lease_seconds: u8}]}",
            "a stop gets no values, but this needs lease_seconds",
        ),
        (
            "pump",
            START + "  power: {payload: [{on: bool}]}\n  resume:\n    sequence:\n      - power\n",
            "- power",
            "commands.resume.sequence.0: resume is never given on, it gets no value at all",
        ),
        (
            "pump",
            START + "  renew: {payload: [{duration_seconds: u8}]}\n",
            "renew: {payload: [{duration_seconds: u8}]}",
            "renew is never given duration_seconds, it gets lease_seconds",
        ),
        (
            "warmer",
            "  set_target: {payload: [{level: u8}]}\n  'off': {payload: '00'}\n",
            "set_target: {payload: [{level: u8}]}",
            "set_target is never given level, it gets celsius, on, duration_seconds",
        ),
        (
            "massager",
            "  run: {payload: [{level: u8}]}\n  stop: {payload: '00'}\n",
            "run: {payload: [{level: u8}]}",
            "run is never given level, it gets intensity, side, duration_seconds",
        ),
    ],
)
def test_what_could_never_be_sent_is_refused_at_its_line(role: str, commands: str, line: str, words: str) -> None:
    (problem,) = problems("commands:\n" + commands, role)
    assert problem.startswith(f"{line} <- ")
    assert words in problem


def test_a_text_field_without_a_value_is_reported() -> None:
    snippet = """\
text: {terminator: ";"}
commands:
  start: {text: "Go;"}
  adjust:
    text: "Level:{strength};"
    fields:
      strength: {range: [0, 20]}
  stop: {text: "Stop;"}
"""
    (problem,) = problems(snippet, "pump")
    assert problem.startswith("strength: {range: [0, 20]} <- commands.adjust.fields.strength: adjust is never given")


def test_fixed_values_of_steps_and_commands_that_are_not_verbs_are_not_checked() -> None:
    described = profile("""
        commands:
          power: {payload: ["01", {on: bool}]}
          ask: {payload: ["02", {ticket: u8}]}
          start: {sequence: [{command: power, values: {on: true}}]}
          stop: {sequence: [{command: power, values: {on: false}}]}
    """)
    assert set(described.commands) == {"power", "ask", "start", "stop"}
