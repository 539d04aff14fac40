"""The AsyncAPI 3 document of the MQTT topics, generated from the models of the messages. A pure function."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from controller.contract.about import CONTRACT_VERSION
from controller.contract.commands import Action, Command
from controller.mqtt import message_examples as examples
from controller.mqtt.message_schemas import REF, command_title, schemas
from controller.mqtt.topics import Topics

Document = dict[str, Any]

_ABOUT = (
    "A local controller for breast pumps, warm compresses and massagers. A later contract with the same first number "
    "may add topics, fields, types of events and actions: ignore what you do not know."
)


class TopicChannel(NamedTuple):
    """One topic. `name`: that of its method in `Topics`, whose docstring is the summary.

    `examples`: models or plain texts; the schema is that of the models, or `texts` if only these are sent. `rate`: when
    it is published. `content_type`: of plain texts.
    """

    name: str
    address: str
    examples: tuple[BaseModel | str, ...]
    rate: str = ""
    retain: bool = False
    qos: Literal[0, 1] = 1
    receives: bool = False
    texts: tuple[str, ...] = ()
    content_type: str = "text/plain"

    @property
    def summary(self) -> str:
        """The summary in one sentence."""
        return inspect.getdoc(getattr(Topics, self.name)) or ""


PARAMETERS = {
    "station": "The station, as named in the settings; in the demo, `home`.",
    "device": "The device, as named in the settings.",
    "node": "The controller, as named in the settings (`mqtt.node`).",
    "feature": "The feature, for example `stop`.",
}

_PRESENCE = ("online", "offline")


def channels(topics: Topics) -> tuple[TopicChannel, ...]:
    """Return every topic for programs: all but `announced`, which is for the controller itself."""
    station, device = "{station}", "{device}"
    return (
        _presence("status", topics.status(), "When it connects, and when it ends or is lost."),
        TopicChannel(
            "about",
            topics.about(),
            (examples.ABOUT,),
            "When it starts, also with new settings. Removed when it ends; `status` says whether it is there.",
            retain=True,
        ),
        _presence("radio", topics.radio(), "When it changes."),
        TopicChannel(
            "state",
            topics.state(station),
            (examples.SNAPSHOT,),
            "Each state and step, in order; what changes within them at most 5 times a second, the latest only.",
            retain=True,
        ),
        TopicChannel(
            "guide",
            topics.guide(station),
            (examples.GUIDE,),
            "Each change; a countdown about once a second. After a loss of the connection, the latest only.",
            retain=True,
        ),
        TopicChannel(
            "picture",
            topics.picture(station),
            (examples.PICTURE,),
            "When it is another one. About 3 kB; it moves gently, unless the system asks for less motion.",
            retain=True,
            content_type="image/svg+xml",
        ),
        TopicChannel(
            "start_defaults", topics.start_defaults(station), (examples.START_DEFAULTS,), "Each change.", retain=True
        ),
        TopicChannel(
            "event",
            topics.event(station),
            examples.EVENTS,
            "Each event once, in order. It waits until the broker has it, also through a restart: 10,000 at most.",
        ),
        TopicChannel(
            "recent_sessions",
            topics.recent_sessions(station),
            (examples.RECENT_SESSIONS,),
            "When a session starts or ends, or milk is logged. Off by default: all who may read the broker see it.",
            retain=True,
        ),
        TopicChannel(
            "history",
            topics.history(station),
            (examples.HISTORY,),
            "At the start, after a session or a correction (by another program: within a minute), when a session is "
            "older than 24 hours, and at midnight. `null` while the history cannot be read.",
            retain=True,
        ),
        TopicChannel(
            "learned_comfort",
            topics.learned_comfort(station),
            (examples.COMFORT,),
            "At the start, when a session starts or ends or is corrected, and after a decision about it.",
            retain=True,
        ),
        TopicChannel(
            "reminders",
            topics.reminders(station),
            (examples.REMINDERS,),
            "Each change. Off by default.",
            retain=True,
        ),
        TopicChannel(
            "uploads",
            topics.uploads(station),
            (examples.UPLOADS,),
            "Each change. Numbers of sessions alone. Off by default.",
            retain=True,
        ),
        TopicChannel("command", topics.command(station), tuple(map(examples.example, Action)), receives=True),
        TopicChannel(
            "reply", topics.reply(station), tuple(map(examples.example_reply, Action)), "Once for each command."
        ),
        TopicChannel("set", topics.set(station, "{feature}"), ("PRESS",), receives=True),
        TopicChannel("device_set", topics.device_set(station, device, "{feature}"), ("heat", "off"), receives=True),
        TopicChannel(
            "device_state",
            topics.device_state(station, device),
            (examples.DEVICE,),
            "At once when `link`, `available` or what it does changes; measured values at most once a second.",
            retain=True,
        ),
        _presence("device_availability", topics.device_availability(station, device), "When it changes."),
        TopicChannel(
            "device_telemetry",
            topics.device_telemetry(station, device),
            (examples.TELEMETRY,),
            "As the device reports, at most 10 times a second, the latest only. Nothing is sent later.",
            qos=0,
        ),
        TopicChannel(
            "instance", topics.instance(), (examples.INSTANCE,), "When it starts. Removed when it ends.", retain=True
        ),
        TopicChannel("ping", topics.ping(), ("?",), qos=0, receives=True),
        TopicChannel("pong", topics.pong(), (examples.INSTANCE,), "At each ping.", qos=0),
    )


def _presence(name: str, address: str, rate: str) -> TopicChannel:
    return TopicChannel(name, address, _PRESENCE, rate, retain=True, texts=_PRESENCE)


def plain(model: BaseModel) -> Any:
    """Return the JSON of an example; of a command, only what was set."""
    return model.model_dump(mode="json", exclude_unset=isinstance(model, Command))


def asyncapi(version: str) -> Document:
    """Return the document."""
    every = channels(Topics(node="{node}"))
    shown = (each for channel in every for each in channel.examples)
    published = {type(each): None for each in shown if isinstance(each, BaseModel) and not isinstance(each, Command)}
    summaries = {action: words for action, (words, _) in examples.ACTIONS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Letdown",
            "version": version,
            "description": _ABOUT,
            "x-contract-version": CONTRACT_VERSION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {each.name: _channel(each) for each in every},
        "operations": {each.name: _operation(each) for each in every},
        "components": {"messages": dict(_messages(every)), "schemas": schemas(published, summaries)},
    }


def _channel(channel: TopicChannel) -> Document:
    parameters = {
        name: {"description": words} for name, words in PARAMETERS.items() if f"{{{name}}}" in channel.address
    }
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name, _ in _messages((channel,))}
    found = {"address": channel.address, "summary": channel.summary, "parameters": parameters, "messages": messages}
    return {**found, "description": f"Published: {channel.rate}"} if channel.rate else found


def _operation(channel: TopicChannel) -> Document:
    operation: Document = {
        "action": "receive" if channel.receives else "send",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
    }
    if channel.receives:
        answer = "pong" if channel.name == "ping" else "reply"
        operation["reply"] = {"channel": {"$ref": f"#/channels/{answer}"}}
    return operation


def _messages(every: Iterable[TopicChannel]) -> Iterable[tuple[str, Document]]:
    for channel in every:
        first = channel.examples[0]
        if isinstance(first, Command):
            for command in map(examples.example, Action):
                words, name = examples.ACTIONS[command.action][0], command.action.value
                yield name, _message(name, words, {"$ref": REF.format(model=command_title(command.action))}, [command])
        elif isinstance(first, BaseModel):
            payload = {"$ref": REF.format(model=type(first).__name__)}
            yield channel.name, _message(channel.name, channel.summary, payload, channel.examples)
        else:
            text: Document = {"type": "string", **({"enum": list(channel.texts)} if channel.texts else {})}
            message = _message(channel.name, channel.summary, text, channel.examples)
            yield channel.name, {**message, "contentType": channel.content_type}


def _message(name: str, summary: str, payload: Document, examples: Iterable[BaseModel | str]) -> Document:
    shown = [{"payload": plain(each) if isinstance(each, BaseModel) else each} for each in examples]
    return {"name": name, "summary": summary, "payload": payload, "examples": shown}


def json_schema(document: Document) -> Document:
    """Return the schemas of all messages as one JSON schema, for generators that do not read AsyncAPI."""
    prefix = REF.format(model="")
    messages = document["components"]["messages"]
    sent = (messages[name]["payload"].get("$ref", "") for name in messages if name not in set(Action))
    names = dict.fromkeys([*(ref.removeprefix(prefix) for ref in sent if ref), "Command"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Message",
        "description": "Any JSON message of Letdown on MQTT.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names],
        "$defs": {name: _with_plain_references(each) for name, each in document["components"]["schemas"].items()},
    }


def _with_plain_references(schema: Any) -> Any:
    """Return a schema whose references stand alone: some generators make a new type of each that has a description."""
    if isinstance(schema, list):
        return [_with_plain_references(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(REF.format(model=""), "#/$defs/")}
    return {key: _with_plain_references(each) for key, each in schema.items()}
