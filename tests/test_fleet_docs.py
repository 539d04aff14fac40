"""docs/fleet.md keeps its word: its settings are those that are shipped and valid, and its topics and users exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from controller.fleet.fleet_document import read_fleet_document
from controller.mqtt.topics import Topics
from controller.settings import load_settings
from tests.helpers.command_line import ROOT

PAGE = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
(SETTINGS,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
NATS = (ROOT / "config/fleet/nats.conf").read_text(encoding="utf-8")
USERS = re.findall(r"\{ user: ([\w-]+), password: \$(?!ADMIN_|NODE_)", NATS)


def test_the_settings_are_valid_and_make_the_controller_a_node_of_a_fleet(tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    settings = load_settings(file)
    assert settings.fleet is not None
    assert settings.fleet.ttl_seconds == float(re.findall(r"`ttl_seconds` \((\d+) s\)", PAGE)[0])
    assert not settings.mqtt.embedded


def test_the_settings_are_those_of_the_shipped_file() -> None:
    shipped = (ROOT / "config/fleet/letdown.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(SETTINGS) == yaml.safe_load(shipped)


def test_a_document_of_stations_as_the_page_describes_it_is_accepted() -> None:
    text = "stations:\n  bed-12:\n    devices:\n    - {name: pump, profile: open-pump, advertised_name: Pump 12}\n"
    assert set(read_fleet_document(text, "stations.yaml").stations) == {"bed-12"}


def test_every_topic_exists() -> None:
    named = re.findall(r"`(letdown/[^`]*)`", PAGE)
    known = Topics("letdown", "bed-1")
    assert len(named) > 2
    assert known.state("bed-1").startswith("letdown/bed-1/")
    assert known.status().startswith("letdown/controller/bed-1/")
    for topic in named:
        assert re.fullmatch(r"letdown/(controller/)?(bed-1|<station>)/(#|…)", topic), topic


def test_the_users_are_those_of_the_configuration() -> None:
    table = PAGE.split("\n## Who may do what\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == USERS
    assert len(USERS) == 5


@pytest.mark.parametrize("page", ["docs/fleet.md", "docs/command-line.md"])
def test_every_command_of_a_fleet_is_described(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for command in ("status", "drain", "undrain", "assign", "diff", "apply", "rollback"):
        assert re.search(rf"(fleet|config|`){{1}} ?`?{command}\b", text), command
