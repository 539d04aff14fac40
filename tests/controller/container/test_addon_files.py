"""The files of the add-on: valid by the published schema, complete, as the code says, and in two languages."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from controller.container.addon import Places
from controller.container.addon_options import AddonOptions
from controller.contract.words import languages
from tests.helpers.command_line import ROOT

ADDON = ROOT / "config/addon"
CONFIG: dict[str, Any] = yaml.safe_load((ADDON / "config.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((ROOT / "tests/system/addon/config.schema.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What an option may be (home-assistant/supervisor, `supervisor/apps/options.py`: RE_SCHEMA_ELEMENT).
OPTION = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?|(str|password|int)(\((-?\d+)?,(-?\d+)?\))?"
    r"|float(\((-?\d*\.?\d+)?,(-?\d*\.?\d+)?\))?|match\(.*\)|list\(.+\))\??"
)
PORT_OF_INGRESS = 8099  # the Supervisor's default


def problems(config: dict[str, Any]) -> list[str]:
    """Return what the linter finds: what is not valid, and what only repeats a default."""
    found = [each.message for each in jsonschema.Draft7Validator(SCHEMA).iter_errors(config)]
    defaults = {key: each["default"] for key, each in SCHEMA["properties"].items() if "default" in each}
    return found + [f"{key} repeats its default" for key, value in config.items() if defaults.get(key, ...) == value]


def test_the_configuration_is_valid_by_the_published_schema() -> None:
    assert problems(CONFIG) == []


@pytest.mark.parametrize("wrong", [{"arch": ["arm"]}, {"startup": "later"}, {"boot": "auto"}, {"hostdbus": True}])
def test_what_is_not_valid_is_found(wrong: dict[str, Any]) -> None:
    assert problems({**CONFIG, **wrong}) != []


def test_it_has_no_right_that_it_does_not_need() -> None:
    rights = ("full_access", "privileged", "host_network", "host_pid", "docker_api", "hassio_api", "homeassistant_api")
    rights += ("auth_api", "devices", "usb", "uart", "udev", "kernel_modules", "ports")
    assert {each: CONFIG[each] for each in rights if each in CONFIG} == {}
    assert CONFIG["host_dbus"] is True
    assert CONFIG["services"] == ["mqtt:want"]


def test_it_is_this_version_of_letdown() -> None:
    assert CONFIG["version"] == PROJECT["version"]
    assert f"## {CONFIG['version']}" in (ADDON / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_options_are_those_of_the_code() -> None:
    assert set(CONFIG["schema"]) == set(AddonOptions.model_fields)
    assert [each for each in CONFIG["schema"].values() if not OPTION.fullmatch(each)] == []
    assert AddonOptions.model_validate(CONFIG["options"])
    required = {name for name, kind in CONFIG["schema"].items() if not kind.endswith("?")}
    assert set(CONFIG["options"]) == required


@pytest.mark.parametrize("name", [name for name, kind in CONFIG["schema"].items() if kind.startswith("list(")])
def test_a_list_has_what_the_code_accepts(name: str) -> None:
    for value in CONFIG["schema"][name].removesuffix("?")[5:-1].split("|"):
        AddonOptions.model_validate({name: value})
    with pytest.raises(ValidationError):
        AddonOptions.model_validate({name: "other"})


def test_its_languages_are_those_of_the_guide() -> None:
    assert set(CONFIG["schema"]["language"][5:-1].split("|")) == set(languages())
    assert {path.stem for path in (ADDON / "translations").iterdir()} == set(languages())


@pytest.mark.parametrize("language", languages())
def test_every_option_has_words_in_every_language(language: str) -> None:
    text = (ADDON / f"translations/{language}.yaml").read_text(encoding="utf-8")
    words = yaml.safe_load(text)["configuration"]
    assert list(words) == list(CONFIG["schema"])
    for each in words.values():
        assert set(each) == {"name", "description"}
        assert all(isinstance(value, str) and value for value in each.values())


def test_the_ingress_finds_the_page() -> None:
    assert CONFIG["ingress"] is True
    assert Places().port == CONFIG.get("ingress_port", PORT_OF_INGRESS)
    assert Places().ingress == "172.30.32.2"


@pytest.mark.parametrize(("name", "wide", "high"), [("icon.png", 128, 128), ("logo.png", 250, 100)])
def test_its_pictures_have_the_size_that_home_assistant_asks_for(name: str, wide: int, high: int) -> None:
    data = (ADDON / name).read_bytes()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (wide, high)


@pytest.mark.parametrize("name", ["README.md", "DOCS.md", "CHANGELOG.md", "apparmor.txt"])
def test_it_has_what_home_assistant_shows(name: str) -> None:
    assert (ADDON / name).read_text(encoding="utf-8").strip()


def test_the_documentation_describes_every_option() -> None:
    text = (ADDON / "DOCS.md").read_text(encoding="utf-8")
    assert [name for name in CONFIG["schema"] if f"`{name}`" not in text] == []


def test_the_profile_has_one_name_as_the_supervisor_wants_it() -> None:
    # It replaces the name in lines that begin so (home-assistant/supervisor, `supervisor/utils/apparmor.py`).
    named = re.findall(r"^profile ([^ ]+).*$", (ADDON / "apparmor.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert named == [CONFIG["slug"]]


def test_the_profile_allows_what_the_add_on_writes() -> None:
    rules = (ADDON / "apparmor.txt").read_text(encoding="utf-8")
    for folder in (Places().state, Places().settings.parent):
        top = Path(*folder.parts[:2])
        assert f"  {top}/** rwk," in rules
