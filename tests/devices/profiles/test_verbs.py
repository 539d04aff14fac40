"""What each verb of a role is told: the roles themselves, the check of a profile and its page say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devices.profiles.roles import ProfileMassager, ProfilePump, ProfileWarmer
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import HANDED_OVER, Value
from devices.roles import Phase, PumpSetting, Side
from devices.yaml_file import FileError, parse_yaml
from tests.devices.profiles.snippets import CHANNELS, HEADER, profile

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
        self.profile = described
        self.name, self.side, self.may_control, self.max_level = "a", Side.BOTH, True, None
        self.told: dict[str, tuple[str, ...]] = {}

    async def command(self, name: str, values: Mapping[str, Value], **_: Any) -> None:
        self.told[name] = tuple(values)

    async def renew(self, values: Mapping[str, Value]) -> None:
        self.told["renew"] = tuple(values)

    async def stop(self, verb: str) -> None:
        self.told[verb] = ()


async def test_the_table_is_what_the_roles_hand_over() -> None:
    pump_ = Listening(profile(MAPPED.format(start="start", stop="stop", unit="vacuum_mmhg", low=50, high=90)))
    pump, setting = ProfilePump(pump_), PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=60, rate_cpm=54)  # type: ignore[arg-type]
    await pump.start(setting, 60, 10)
    await pump.adjust(setting)
    await pump.pause()
    await pump.resume()
    warmer_ = Listening(
        profile(MAPPED.format(start="set_target", stop="off", unit="celsius", low=36, high=40), "warmer")
    )
    warmer = ProfileWarmer(warmer_)  # type: ignore[arg-type]
    await warmer.set_target(40, 60, 10)
    massager_ = Listening(profile('commands: {run: {payload: "01"}, stop: {payload: "00"}}', "massager"))
    massager = ProfileMassager(massager_)  # type: ignore[arg-type]
    await massager.run(1, 60, 10, Side.BOTH)
    for role in (pump, warmer, massager):
        await role.renew(10)
        await role.stop()
    told = {"pump": pump_.told, "warmer": warmer_.told, "massager": massager_.told}
    assert {role: {verb: set(names) for verb, names in verbs.items()} for role, verbs in told.items()} == {
        role: {verb: set(names) for verb, names in verbs.items()} for role, verbs in HANDED_OVER.items()
    }


def test_the_page_says_the_same() -> None:
    rows = re.findall(r"^\| (pump|warmer|massager) \| `(\w+)` \| (.+) \|$", DOCS.read_text(encoding="utf-8"), re.M)
    written = [(role, verb, tuple(re.findall(r"`(\w+)`", names))) for role, verb, names in rows]
    assert written == [(role, verb, names) for role, verbs in HANDED_OVER.items() for verb, names in verbs.items()]


def problems(snippet: str, role: str) -> list[str]:
    text = HEADER.format(role=role) + CHANNELS + snippet
    with pytest.raises(FileError) as caught:
        parse_yaml(text, Profile, "mine.yaml")
    lines = text.splitlines()
    return [f"{lines[problem.line - 1].strip()} <- {problem.message}" for problem in caught.value.problems]


START = '  start: {payload: "01"}\n  stop: {payload: "00"}\n'
WARM = '  set_target: {payload: "01"}\n  "off": {payload: "00"}\n'


@pytest.mark.parametrize(
    ("role", "commands", "line", "words"),
    [
        (
            "pump",
            START + "  adjust:\n    payload:\n      - {level: u8}\n      - {duration_minutes: u8}\n",
            "- {duration_minutes: u8}",
            "commands.adjust.payload.1: adjust is never given duration_minutes, "
            "it gets phase, vacuum_mmhg, level, rate_cpm, side",
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
            "a stop carries nothing that it must be told, but this needs lease_seconds",
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
def test_what_could_never_be_sent_is_refused_where_it_stands(role: str, commands: str, line: str, words: str) -> None:
    (problem,) = problems("commands:\n" + commands, role)
    assert problem.startswith(f"{line} <- ")
    assert words in problem


def test_a_text_says_which_of_its_fields_nobody_fills() -> None:
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


def test_what_a_step_gives_itself_and_what_is_no_verb_is_not_looked_at() -> None:
    described = profile("""
        commands:
          power: {payload: ["01", {on: bool}]}
          ask: {payload: ["02", {ticket: u8}]}
          start: {sequence: [{command: power, values: {on: true}}]}
          stop: {sequence: [{command: power, values: {on: false}}]}
    """)
    assert set(described.commands) == {"power", "ask", "start", "stop"}
