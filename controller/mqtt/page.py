"""The page of the MQTT topics, docs/mqtt.md, made from the AsyncAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from controller.features.device import device_features
from controller.features.feature import Feature, accepting
from controller.features.station import station_features
from controller.mqtt.topics import Topics
from controller.routine import load_routines
from controller.safety import OwnerLimits
from devices.roles import Capability, DeviceLimits

_UNITS = {"mmhg": "mmHg", "seconds": "s", "celsius": "°C", "cpm": "cycles/min", "ml": "mL", "s": "mL/s", "dbm": "dBm"}

_TOP = """# Letdown on MQTT

Made from the models; `make docs` renews it. `letdown schema asyncapi` prints the same as an AsyncAPI 3 document.

Subscribe to what you show, publish to `…/command`, and read what became of it on `…/reply`. Topics begin with `letdown`
unless the settings say otherwise. An unknown value is `null`; nothing is made up.

## What holds for every command

- `id` (at most 128 characters) comes back in the reply. A second command with the same `id` is refused.
- `sent` is the time at the sender, with its zone, such as `2026-01-01T12:00:00Z`. If it differs by more than 10 s from
  this controller's clock, the command is refused. Send it: then no old command is ever carried out.
- `expires` is a time with its zone; after it the command is refused, and also if it lies more than 10 min ahead.
- `session` names the session that it is meant for; if another runs, or none, it is refused.
- Send without the retain flag: a retained command is refused.
- Without `sent` and `expires` a command is carried out whenever it arrives.
- `vacuum_down` works late, retained, and for whatever session. `stop` and `pain` always work, whatever else is in the
  payload, and whatever is wrong with it: also as a plain word, in capitals, and in JSON that is cut off or too long.
- With MQTT 5, the reply also goes to the response topic of the command, with its correlation data, if that is a topic
  below `…/reply/`.
- A reply is `accepted`, `limited` (done, but less than asked), `refused` (not done) or `failed`; why, in `reasons`.
"""


def mqtt_markdown(document: dict[str, Any]) -> str:
    """Return the page."""
    words = [_TOP, "## Topics\n"]
    operations, messages = document["operations"], document["components"]["messages"]
    for name, channel in document["channels"].items():
        bound = operations[name]["bindings"]["mqtt"]
        way = "You send it" if operations[name]["action"] == "receive" else "Letdown sends it"
        kept = "retained" if bound["retain"] else "not retained"
        words.append(f"### `{channel['address']}`\n\n{channel['summary']}\n\n{way}; {kept}, QoS {bound['qos']}.\n")
        if name == "command":
            words.append("See [Commands](#commands).\n")
        else:
            words.append(_message(messages[name], document))
    words.append("## Features that can be set\n")
    words.append("Each has a topic of its own, for a plain payload. Whatever is sent to `stop` or `pain` is one.\n")
    rows = [f"| `{topic}` | {_payloads(feature)} | {feature.words} |" for topic, feature in _settable()]
    words.append("\n".join(["| topic | payload | what |", "|---|---|---|", *rows, ""]))
    words.append("## Commands\n")
    topic = document["channels"]["command"]["address"].replace("{station}", "home")
    words += [_command(name, topic, document) for name in document["channels"]["command"]["messages"]]
    return "\n".join(words)


def _settable() -> Iterable[tuple[str, Feature]]:
    """Yield the features that accept something: of a station as it is shipped, and of a compress that can be set."""
    topics, warmer = Topics(), frozenset({Capability.START, Capability.TARGET_CELSIUS})
    for feature in accepting(station_features(OwnerLimits(), load_routines())):
        yield topics.set("{station}", feature.id), feature
    for feature in accepting(device_features("warmer", warmer, DeviceLimits())):
        yield topics.device_set("{station}", "{device}", feature.id), feature


def _payloads(feature: Feature) -> str:
    if feature.says:
        return ", ".join(f"`{payload}`" for payload in feature.says)
    if feature.options:
        return ", ".join(f"`{option}`" for option in feature.options)
    return f"a number, {feature.least:g} to {feature.most:g} {feature.unit or ''}".strip()


def _message(message: dict[str, Any], document: dict[str, Any]) -> str:
    if "contentType" in message:
        return "Plain text: " + " or ".join(f"`{each['payload']}`" for each in message["examples"]) + ".\n"
    shown = json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False)
    return f"```json\n{shown}\n```\n\n{_table(_target(message['payload'], document), document)}"


def _command(name: str, topic: str, document: dict[str, Any]) -> str:
    message = document["components"]["messages"][name]
    payload = json.dumps(message["examples"][0]["payload"])
    schema = _target(message["payload"], document)
    table = _table(_target(schema["properties"]["args"], document), document)
    send = f"mosquitto_pub -q 1 -t {topic} -m '{payload}'"
    return f"### {name}\n\n{message['summary']}\n\n```sh\n{send}\n```\n" + (f"\n{table}" if table else "")


def _table(schema: dict[str, Any], document: dict[str, Any]) -> str:
    if not (fields := schema.get("properties")):
        return ""
    rows = [
        f"| `{name}` | {_type(field, document)} | {_unit(name)} | {_range(field)} |" for name, field in fields.items()
    ]
    about = " ".join(schema.get("description", "").split())
    return "\n".join([about, "", "| field | type | unit | range |", "|---|---|---|---|", *rows, ""])


def _target(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    ref = schema.get("$ref")
    found: dict[str, Any] = document["components"]["schemas"][ref.rpartition("/")[2]] if ref else schema
    return found


def _type(field: dict[str, Any], document: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each, document) for each in field["anyOf"])
    if "$ref" in field:
        target = _target(field, document)
        return _type(target, document) if "enum" in target else str(target.get("title", "anything"))
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'], document)}"
    return str(field.get("format", field.get("type", "anything")))


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition("_")[2], "") if name != "s" else ""


def _range(field: dict[str, Any]) -> str:
    for each in (field, *field.get("anyOf", ())):
        if "minimum" in each and "maximum" in each:
            return f"{each['minimum']:g} to {each['maximum']:g}"
        if "maxLength" in each:
            return f"at most {each['maxLength']} characters"
    return ""
