"""The examples in docs/profiles.md are YAML, and those that are whole sections fit into a profile."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.helpers.profile_snippets import profile
from tests.helpers.yaml_texts import read_yaml

PAGE = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
FRAME = "frame: {layout: [opcode, payload]}\n"
COMMANDS = 'commands: {start: {opcode: "10"}, stop: {opcode: "11"}}\n'


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_yaml(block: str) -> None:
    assert read_yaml(textwrap.dedent(block.replace("[...", "[level").replace(", ...,", ",")))


@pytest.mark.parametrize(
    ("part", "around"),
    [
        ("failed: {opcode: command", FRAME + COMMANDS + "BLOCK"),
        ("heat:  {opcode", FRAME + COMMANDS + "BLOCK"),
        ("derived:", FRAME + COMMANDS + "reports:\nBLOCK"),
        ("adjust: {opcode", FRAME + 'commands:\nBLOCK  stop: {opcode: "11"}\n'),
        ("answered_by: [status, charge]", "BLOCK"),
    ],
)
def test_those_that_are_sections_are_of_a_profile(part: str, around: str) -> None:
    (block,) = [block for block in BLOCKS if part in block]
    if "answered_by" in part:
        reports = '  start: {opcode: "10"}\n  stop: {opcode: "11"}\nreports:\n'
        reports += '  status: {opcode: "31", payload: [{level: u8}]}\n'
        reports += '  charge: {opcode: "32", payload: [{battery_percent: u8}]}\n'
        block = FRAME + block.replace("connection:", reports + "connection:")
    assert profile(around.replace("BLOCK", block)).reported or "duration" in block
