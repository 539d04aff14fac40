"""Write docs/mqtt.md, the page of the MQTT topics, from the AsyncAPI document. Run by `make docs`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from controller.contract.commands import Action
from controller.contract.event_data import EventType
from controller.contract.events import TELEMETRY
from controller.contract.features.feature import Feature, accepting
from controller.contract.features.station_features import device_features, station_features
from controller.contract.words import load_words
from controller.mqtt.asyncapi import asyncapi
from controller.mqtt.message_schemas import command_title, event_title
from controller.mqtt.minimal import omitted
from controller.mqtt.topics import Topics
from controller.safety.limits import OwnerLimits
from controller.session.routine import load_routines
from devices.roles import Capability, DeviceLimits
from docs.schema_tables import SchemaTables
from docs.topics_text import MINIMAL, TOP, generating, rules, session, values

Document = dict[str, Any]


def mqtt_markdown(document: Document) -> str:
    """Return the page."""
    tables = SchemaTables(document["components"]["schemas"])
    parts = [TOP, rules(), session(load_words("en")), "## Topics\n"]
    parts += [_topic(name, document, tables) for name in document["channels"]]
    parts += ["## Events\n", _events(document, tables), "## Commands\n", _commands(document, tables)]
    parts += ["## Features that can be set\n", _features(), values(load_words("en")), MINIMAL, _omitted(), generating()]
    return "\n".join(parts)


def _topic(name: str, document: Document, tables: SchemaTables) -> str:
    channel, operation = document["channels"][name], document["operations"][name]
    binding = operation["bindings"]["mqtt"]
    sender = "You publish it" if operation["action"] == "receive" else "Letdown publishes it"
    retained = "retained" if binding["retain"] else "not retained"
    rate = channel.get("description", "").removeprefix("Published: ")
    line = f"{sender}: {retained}, QoS {binding['qos']}. {rate}".strip()
    parts = [f"### `{channel['address']}`\n", f"{channel['summary']}\n", f"{line}\n"]
    messages = document["components"]["messages"]
    if name == "command":
        return "\n".join([*parts, "See [Commands](#commands).\n"])
    message = messages[name]
    if "contentType" in message:
        kind = "Plain text" if message["contentType"] == "text/plain" else f"`{message['contentType']}`"
        return "\n".join([*parts, f"{kind}: " + " or ".join(map(_code, _payloads_of(message))) + ".\n"])
    parts.append(_json(_payloads_of(message)[0]))
    if name == "event":
        parts.append("`data` depends on `type`: see [Events](#events).\n")
        schema = document["components"]["schemas"][event_title(EventType.LET_DOWN)]
        types = ", ".join(f"`{kind.value}`" for kind in EventType)
        table = tables.table(schema).replace("| `type` | `let_down` |", f"| `type` | {types} |")
        return "\n".join([*parts, "\n".join(row for row in table.split("\n") if not row.startswith("| `data."))])
    parts.append(_about(tables.target(message["payload"])))
    parts.append(tables.table(message["payload"]))
    for field, each in tables.unions(message["payload"]):
        parts += [f"`{field}`, {_about(each)[:1].lower()}{_about(each)[1:]}", tables.table(each)]
    if name == "device_telemetry":
        parts.append(_telemetry())
    return "\n".join(parts)


def _telemetry() -> str:
    rows = [f"| {role} | {', '.join(map(_code, names))} |" for role, names in TELEMETRY.items()]
    return "\n".join(["| role | values |", "|---|---|", *rows, ""])


def _events(document: Document, tables: SchemaTables) -> str:
    examples = {each["type"]: each for each in _payloads_of(document["components"]["messages"]["event"])}
    parts = []
    for kind in EventType:
        schema = document["components"]["schemas"][event_title(kind)]
        data = tables.target(schema["properties"]["data"])
        example = json.dumps(examples[kind.value]["data"], ensure_ascii=False)
        parts.append(f"### `{kind.value}`\n\n{_about(schema)}")
        if table := tables.table(data):
            parts.append(f"`data`: `{example}`\n\n{table}")
        else:
            parts.append("`data`: `{}`\n")
    return "\n".join(parts)


def _commands(document: Document, tables: SchemaTables) -> str:
    topic = document["channels"]["command"]["address"].replace("{station}", "home")
    messages, schemas = document["components"]["messages"], document["components"]["schemas"]
    replies = {each["action"]: each for each in _payloads_of(messages["reply"])}
    parts = ["All have these fields; `args` are below.\n"]
    actions = ", ".join(f"`{action.value}`" for action in Action)
    table = tables.table(schemas[command_title(Action.STOP)], skip=("args",), marked=True)
    parts.append(table.replace("| `action` | `stop` |", f"| `action` | {actions} |"))
    for action in Action:
        message = messages[action.value]
        payload = json.dumps(_payloads_of(message)[0])
        reply = json.dumps(replies[action.value], ensure_ascii=False)
        args = tables.target(tables.target(message["payload"])["properties"]["args"])
        parts.append(f"### `{action.value}`\n\n{message['summary']}\n")
        parts.append(f"```sh\nmosquitto_pub -q 1 -t {topic} -m '{payload}'\n```\n")
        parts.append(f"Reply: `{reply}`\n")
        if table := tables.table(args, marked=True):
            parts += [_about(args), table]
    return "\n".join(parts)


def _features() -> str:
    rows = [f"| `{topic}` | {_values(feature)} | {feature.words} |" for topic, feature in _settable()]
    top = (
        "For home automation: each has its own topic, with a plain payload, and a reply without `id`. Any payload "
        "works for `stop` and `pain`.\n"
    )
    return "\n".join([top, "| topic | payload | description |", "|---|---|---|", *rows, ""])


def _omitted() -> str:
    rows = [f"| `{message}` | {fields} |" for message, fields in omitted()]
    return "\n".join(["| message, or type of event | left out |", "|---|---|", *rows, ""])


def _settable() -> Iterable[tuple[str, Feature]]:
    """Yield the features that can be set: of a station with default settings, and of a warm compress."""
    topics, warmer = Topics(), frozenset({Capability.START, Capability.TARGET_CELSIUS})
    for feature in accepting(station_features(OwnerLimits(), load_routines())):
        yield topics.set("{station}", feature.id), feature
    for feature in accepting(device_features("warmer", warmer, DeviceLimits())):
        yield topics.device_set("{station}", "{device}", feature.id), feature


def _values(feature: Feature) -> str:
    if feature.payloads or feature.options:
        return ", ".join(map(_code, feature.payloads or feature.options))
    return f"a number, {feature.least:g} to {feature.most:g} {feature.unit or ''}".strip()


def _payloads_of(message: Document) -> list[Any]:
    return [each["payload"] for each in message["examples"]]


def _about(schema: Document) -> str:
    return " ".join(schema.get("description", "").split()).replace("`None`", "`null`") + "\n"


def _json(payload: Any) -> str:
    return f"```json\n{json.dumps(payload, indent=2, ensure_ascii=False)}\n```\n"


def _code(text: object) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    Path(__file__).with_name("mqtt.md").write_text(mqtt_markdown(asyncapi(version("letdown"))), encoding="utf-8")
