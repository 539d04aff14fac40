"""The schemas for editors are those of the models: they accept what ships, and refuse what the models refuse."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.cli.editor_schemas import SCHEMAS
from devices.support.yaml_file import read_document
from docs.editor_schemas import FOLDER, text_of
from tests.helpers.command_line import ROOT

SETTINGS = [ROOT / "config/letdown.yaml", ROOT / "config/fleet/letdown.yaml", ROOT / "config/fleet/page.yaml"]
SHIPPED = [
    *(("profile", file) for file in sorted((ROOT / "config/profiles").glob("*.yaml"))),
    *(("routine", file) for file in sorted((ROOT / "config/routines").glob("*.yaml"))),
    *(("settings", file) for file in SETTINGS),
]


@cache
def validator(name: str) -> Any:
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def data_of(file: Path) -> Any:
    """Return a file as JSON has it: the keys of a map are texts."""
    return json.loads(json.dumps(read_document(file).data))


def problems(name: str, data: Any) -> list[str]:
    return [error.message for error in validator(name).iter_errors(data)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_the_one_of_the_models(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text_of(name), "run: make docs"


@pytest.mark.parametrize(("name", "file"), SHIPPED, ids=lambda each: getattr(each, "stem", each))
def test_what_ships_fits(name: str, file: Path) -> None:
    assert problems(name, data_of(file)) == []


WRONG: list[tuple[str, str, str, Any]] = [
    ("profile", "profiles/open-pump", "rolse", ["pump"]),
    ("profile", "profiles/open-pump", "roles", ["bicycle"]),
    ("profile", "profiles/open-pump", "confidence", "certain"),
    ("profile", "profiles/open-pump", "channels.control.write", "loudly"),
    ("profile", "profiles/open-pump", "channels.control.characteristic", "12"),
    ("profile", "profiles/open-pump", "limits.vacuum_mmhg", 900),
    ("profile", "profiles/open-pump", "commands.Start", {"payload": "55"}),
    ("profile", "profiles/open-pump", "commands.stop.payload", [{"seconds": "u12"}]),
    ("profile", "profiles/open-pump", "commands.stop.payload", [{"seconds": "u16", "sclae": 0.1}]),
    ("profile", "profiles/open-pump", "commands.stop.opcode", "5"),
    ("profile", "profiles/tuya-warmer", "tuya.datapoints", {}),
    ("profile", "profiles/shelly-plug", "plug.kind", "toaster"),
    ("routine", "routines/classic", "steps", []),
    ("routine", "routines/classic", "steps", ["check", {"warm": {"minutes": 90}}]),
    ("routine", "routines/classic", "steps", ["check", {"warmth": {"minutes": 5}}]),
    ("settings", "letdown", "limits.heat_celsius", 50),
    ("settings", "letdown", "mqtt.brokesr", []),
    ("settings", "letdown", "reminders.quiet_hours", "late"),
    ("settings", "letdown", "stations.home.devices", [{"name": "left-pump"}]),
]


@pytest.mark.parametrize(("name", "file", "path", "value"), WRONG, ids=lambda each: str(each)[:40])
def test_what_does_not_fit_is_refused(name: str, file: str, path: str, value: Any) -> None:
    data = copy.deepcopy(data_of(ROOT / f"config/{file}.yaml"))
    *parents, last = path.split(".")
    place = data
    for key in parents:
        place = place[key]
    place[last] = value
    assert problems(name, data) != []


@pytest.mark.parametrize(
    ("name", "file", "path", "value"),
    [
        ("profile", "profiles/open-pump", "match", {"name": "One", "manufacturer": 7, "services": "180f"}),
        (
            "profile",
            "profiles/open-pump",
            "match",
            {"name": ["One", "Two"], "manufacturer": {"id": 7, "data": "80 .."}},
        ),
        ("routine", "routines/classic", "steps", ["check", {"warm": None}, {"rest": {"minutes": 1}}]),
        ("settings", "letdown", "mqtt.brokers", "mqtt://127.0.0.1"),
        ("settings", "letdown", "reminders.quiet_hours", "22:00-06:00"),
        ("settings", "letdown", "radio.proxies", [{"host": "nursery.local", "key_file": "proxy.key"}]),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_short_form_fits(name: str, file: str, path: str, value: Any) -> None:
    data = data_of(ROOT / f"config/{file}.yaml")
    *parents, last = path.split(".")
    place = data
    for key in parents:
        place = place[key]
    place[last] = value
    assert problems(name, data) == []


def test_every_setting_is_described() -> None:
    schema = validator("settings").schema
    without = [
        f"{name}.{key}"
        for name, model in schema["$defs"].items()
        if name.endswith(("Settings", "Limits", "Credentials")) and name != "Settings"
        for key, described in model["properties"].items()
        if "description" not in described and "$ref" not in json.dumps(described)
    ]
    assert without == []
