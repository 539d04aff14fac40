"""The AsyncAPI document is valid, its examples are what the controller reads, and a real session sends what it says."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from controller.commands import Action, parse_command
from controller.events import Choices, DeviceView, Event, Guide, Item, Snapshot, Telemetry
from controller.mqtt.asyncapi import ACTIONS, asyncapi, channels, plain
from controller.mqtt.page import mqtt_markdown
from controller.mqtt.topics import Topics
from tests.controller.household import household

ROOT = Path(__file__).parents[3]
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi("1.0.0")))
MESSAGES = DOCUMENT["components"]["messages"]


def check(message: str, payload: Any) -> None:
    """Raise if a payload is not what the document says of this message."""
    schema = {**MESSAGES[message]["payload"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(payload)


def test_the_official_schema_accepts_it() -> None:
    jsonschema.Draft7Validator(OFFICIAL).validate(DOCUMENT)


def test_the_official_schema_would_notice() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate({**DOCUMENT, "operations": {"odd": {"action": "shout"}}})


def test_it_is_the_same_every_time() -> None:
    assert json.dumps(asyncapi("1.0.0")) == json.dumps(asyncapi("1.0.0"))


@pytest.mark.parametrize("name", MESSAGES)
def test_every_example_is_what_its_schema_says(name: str) -> None:
    for each in MESSAGES[name]["examples"]:
        check(name, each["payload"])


@pytest.mark.parametrize("action", Action)
def test_every_example_of_a_command_is_accepted(action: Action) -> None:
    payload = MESSAGES[action.value]["examples"][0]["payload"]
    command, _ = parse_command(json.dumps(payload).encode())
    assert command.action is action
    assert command.args == ACTIONS[action][1]


@pytest.mark.parametrize(
    ("action", "args"),
    [("set_vacuum", {"mmhg": 401}), ("set_vacuum", {}), ("answer", {"question": "asked"}), ("pause", {"odd": 1})],
)
def test_the_schema_refuses_what_the_controller_refuses(action: str, args: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(action, {"action": action, "args": args})


def test_every_topic_is_described() -> None:
    left_out = {"announced", "instances", "is_below_replies", "pongs", "set_filters", "statuses"}
    public = {name for name in vars(Topics) if not name.startswith("_")} - left_out
    described = {each.name for each in channels(Topics())}
    assert described == public


def test_the_page_is_what_the_models_say() -> None:
    written = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    assert written == mqtt_markdown(asyncapi(version("letdown"))), "run `make docs`"


def test_a_command_example_sends_only_what_was_set() -> None:
    command = next(each for each in channels(Topics()) if each.name == "command")
    assert {tuple(plain(each)) for each in command.examples if not isinstance(each, str)} == {("id", "action", "args")}


SENT: dict[type, str] = {
    Snapshot: "state",
    Guide: "guide",
    Choices: "choices",
    Event: "event",
    DeviceView: "device_state",
    Telemetry: "device_telemetry",
}


async def test_a_real_session_sends_what_the_document_says() -> None:
    items: list[Item] = []
    async with household(memory=None) as house:
        house.stream.subscribe(items.append)
        await house.send("choose", routine="gentle", comfort_vacuum_mmhg=100)
        await house.reach("express", "classic")
        reply = await house.send("pain")
        await house.finished(within_seconds=5)
    assert {type(item) for item in items} == SENT.keys()
    for item in (*items[:300], *items[-300:]):
        check(SENT[type(item)], json.loads(item.model_dump_json(fallback=str)))
    check("reply", json.loads(reply.model_dump_json()))
