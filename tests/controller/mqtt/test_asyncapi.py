"""The AsyncAPI document is valid, its examples are what the controller reads, and a real session sends what it says."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from controller.contract.commands import Action, parse_command
from controller.contract.event_data import EVENT_DATA, EventType
from controller.mqtt.asyncapi import asyncapi, channels, plain
from controller.mqtt.message_examples import ACTIONS
from controller.mqtt.topics import Topics
from docs.topics_page import mqtt_markdown
from tests.helpers import recorded_session
from tests.helpers.recorded_session import Recording, record_everything

ROOT = Path(__file__).parents[3]
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi("1.0.0")))
MESSAGES = DOCUMENT["components"]["messages"]


@functools.cache
def validator(message: str) -> jsonschema_rs.Draft202012Validator:
    """Return what checks a payload against the document: the quicker library, for thousands of payloads."""
    return jsonschema_rs.Draft202012Validator({**MESSAGES[message]["payload"], "components": DOCUMENT["components"]})


def check(message: str, payload: Any) -> None:
    """Raise if a payload is not what the document says of this message."""
    validator(message).validate(payload)


@pytest.mark.system
def test_the_official_schema_accepts_it() -> None:
    jsonschema.Draft7Validator(OFFICIAL).validate(DOCUMENT)


def test_the_official_schema_would_notice() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate({**DOCUMENT, "operations": {"odd": {"action": "shout"}}})


@pytest.mark.system
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
    [("set_vacuum", {"mmhg": 251}), ("set_vacuum", {}), ("answer", {"question": "asked"}), ("pause", {"odd": 1})],
)
def test_the_schema_refuses_what_the_controller_refuses(action: str, args: dict[str, Any]) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check(action, {"action": action, "args": args})


def test_every_topic_is_described() -> None:
    left_out = {"announced", "feature_in", "is_below_replies", "of_all_controllers", "set_filters"}
    public = {name for name in vars(Topics) if not name.startswith("_")} - left_out
    described = {each.name for each in channels(Topics())}
    assert described == public


def test_the_page_is_what_the_models_say() -> None:
    written = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    assert written == mqtt_markdown(asyncapi(version("letdown"))), "run `make docs`"


def test_a_command_example_sends_only_what_was_set() -> None:
    command = next(each for each in channels(Topics()) if each.name == "command")
    assert {tuple(plain(each)) for each in command.examples if not isinstance(each, str)} == {("id", "action", "args")}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return asyncio.run(record_everything())


@pytest.mark.system
def test_everything_that_is_sent_is_what_the_document_says(recording: Recording) -> None:
    assert {name for name, _ in recording.messages} == {*recorded_session.MESSAGES.values(), "reply"}
    assert {each["type"] for each in recording.of("event")} >= set(EventType) - {
        EventType.UNCERTAIN,
        EventType.STOP_CONFIRMED,
        EventType.ENFORCED,
        EventType.BUTTON_PRESSED,  # there is no button in that home
    }
    assert {each["outcome"] for each in recording.of("reply")} >= {"accepted", "limited", "refused"}
    for name in {name for name, _ in recording.messages}:
        payloads = recording.of(name)
        for payload in payloads if name in ("event", "reply") else (*payloads[:12], *payloads[12::40]):
            validator(name).validate(payload)


def mutations(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value, each with one thing wrong, however deep it is."""
    if isinstance(value, dict):
        if value:  # else it may be a mapping that has no keys now
            yield {**value, "unheard_of": 1}
        for key, inner in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            yield from ({**value, key: changed} for changed in mutations(inner))
    elif isinstance(value, list):
        yield {}
        yield from ([changed, *value[1:]] for changed in (mutations(value[0]) if value else ()))
    else:
        yield [value]


@pytest.mark.parametrize("name", [*recorded_session.MESSAGES.values(), "reply"])
def test_every_mutation_of_a_message_is_noticed(name: str, recording: Recording) -> None:
    # The fullest of each type: most lists have an element, and most values are known.
    fullest: dict[str, Any] = {}
    for payload in recording.of(name):
        kind = payload.get("type") or payload.get("device")
        if len(json.dumps(payload)) > len(json.dumps(fullest.get(kind, {}))):
            fullest[kind] = payload
    for payload in fullest.values():
        unnoticed = [each for each in mutations(payload) if validator(name).is_valid(each)]
        assert all(may_differ(name, payload, each) for each in unnoticed), unnoticed[:3]


def may_differ(name: str, payload: Any, changed: Any) -> bool:
    """Return whether a message may really be so: values that only some devices report, results of any devices."""
    if name == "device_telemetry":
        return changed.get("values") != payload["values"]
    return name == "reply" and changed.get("devices") != payload["devices"]


@pytest.mark.parametrize("kind", EventType)
def test_the_data_of_one_type_of_event_is_not_that_of_another(kind: EventType) -> None:
    example = next(each["payload"] for each in MESSAGES["event"]["examples"] if each["payload"]["type"] == kind)
    others = [
        other for other in EventType if EVENT_DATA[other].model_fields.keys() != EVENT_DATA[kind].model_fields.keys()
    ]
    assert others
    assert not [other for other in others if validator("event").is_valid({**example, "type": other.value})]


def test_what_is_published_has_every_field_and_no_default() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith(("Command", "Args", "SessionEdit")) or "properties" not in schema or "oneOf" in schema:
            continue
        assert set(schema["required"] if schema["properties"] else ()) == set(schema["properties"]), name
        assert [field for field, each in schema["properties"].items() if "default" in each] == [], name
        assert [field for field, each in schema["properties"].items() if not described(each)] == [], name


def described(field: dict[str, Any]) -> bool:
    return "description" in field or "$ref" in field


def test_events_and_commands_have_one_schema_for_each_type() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name, discriminator, types in (("Event", "type", EventType), ("Command", "action", Action)):
        assert schemas[name]["discriminator"] == discriminator
        variants = [schemas[each["$ref"].rpartition("/")[2]] for each in schemas[name]["oneOf"]]
        assert [each["properties"][discriminator]["const"] for each in variants] == [each.value for each in types]
