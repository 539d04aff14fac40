"""docs/threat-model.md covers each interface, and every test that it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.named_tests import problem_of

PAGE = (Path(__file__).parent.parent / "docs/threat-model.md").read_text(encoding="utf-8")
INTERFACES = {
    "Bluetooth LE",
    "ESPHome proxies",
    "MQTT",
    "The web page and the HTTP API",
    "Files: settings, profiles, routines, captures, imports",
    "Plugs",
    "Baby Buddy",
    "The fleet: NATS and PostgreSQL",
    "Metrics and traces",
    "The machine: service, containers, packages",
}
SECTIONS = dict(section.split("\n", 1) for section in PAGE.split("\n## ")[1:])


def rows(section: str) -> list[list[str]]:
    """Return the attacks of an interface: what, against it, tests, what remains."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_interface_has_a_section() -> None:
    assert {name for name, text in SECTIONS.items() if rows(text)} == INTERFACES


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_each_attack_has_a_measure_and_tests_that_exist(interface: str) -> None:
    for attack, measure, tests, _remains in rows(SECTIONS[interface]):
        named = re.findall(r"`([^`]+)`", tests)
        assert measure, attack
        assert named, attack
        assert [problem for test in named if (problem := problem_of(test))] == []
