"""The AsyncAPI 3 document of the MQTT topics, made from the models that are sent and read. A pure function."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from controller.commands import ARGS, Action, Command, NoArgs, Reply
from controller.events import Choices, DeviceView, Event, EventType, Guide, SessionState, Snapshot, Telemetry
from controller.mqtt.instance import Instance
from controller.mqtt.topics import Topics
from devices.link import LinkState
from devices.roles import Phase, PumpReading, Side

Document = dict[str, Any]

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_SESSION = "5f0c"
_REF = "#/components/schemas/{model}"


class Channel(NamedTuple):
    """One topic. `name`: that of its function in `Topics`, whose docstring is its summary.

    `examples`: models, or plain texts; the schema is that of the models, or `texts` if only these are sent.
    """

    name: str
    address: str
    examples: tuple[BaseModel | str, ...]
    retain: bool = False
    qos: Literal[0, 1] = 1
    receives: bool = False
    texts: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What it is, in plain words."""
        return inspect.getdoc(getattr(Topics, self.name)) or ""


PARAMETERS = {
    "station": "The station: devices that are used together, as named in the settings; in the demo, `home`.",
    "device": "The device, as named in the settings.",
    "node": "The controller, as named in the settings (`mqtt.node`).",
    "feature": "What is set, for example `stop`.",
}

# What each command does, and arguments that fit.
ACTIONS: dict[Action, tuple[str, dict[str, Any]]] = {
    Action.START: ("Start a routine.", {"routine": "classic", "side": "both"}),
    Action.STOP: ("Stop everything. Always works.", {}),
    Action.PAIN: ("It hurts: stop everything, and note that it hurt. Always works.", {}),
    Action.PAUSE: ("Pause the session.", {}),
    Action.RESUME: ("Go on after a pause.", {}),
    Action.SKIP: ("Go on to the next step.", {}),
    Action.NOT_YET: ("The flange is not on yet: hold the countdown, and wait for `start_suction`.", {}),
    Action.START_SUCTION: ("The flange is on: start the pumps now.", {}),
    Action.LET_DOWN: ("The milk flows: go on to expressing.", {}),
    Action.VACUUM_UP: ("A little more vacuum.", {}),
    Action.VACUUM_DOWN: ("A little less vacuum.", {}),
    Action.SET_VACUUM: ("Set the vacuum.", {"mmhg": 150}),
    Action.CHOOSE: ("Choose beforehand what a start takes that names nothing.", {"routine": "gentle", "side": "left"}),
    Action.ANSWER: ("Answer a question of the check.", {"question": "asked", "value": False}),
    Action.ACKNOWLEDGE: ("I have looked after it: lift a trip, or a doubt whether a device stopped.", {}),
    Action.LOG_VOLUME: ("Log milk that was measured by hand.", {"left_ml": 60, "right_ml": 55}),
}

_THERE = ("online", "offline")


def channels(topics: Topics) -> tuple[Channel, ...]:
    """Return every topic for programs; `announced` is the controller's own note, and left out."""
    station, device = "{station}", "{device}"
    return (
        Channel("status", topics.status(), _THERE, retain=True, texts=_THERE),
        Channel("instance", topics.instance(), (_instance(),), retain=True),
        Channel("ping", topics.ping(), ("?",), qos=0, receives=True),
        Channel("pong", topics.pong(), (_instance(),), qos=0),
        Channel("radio", topics.radio(), _THERE, retain=True, texts=_THERE),
        Channel("state", topics.state(station), (_snapshot(),), retain=True),
        Channel("guide", topics.guide(station), (_guide(),), retain=True),
        Channel("choices", topics.choices(station), (_choices(),), retain=True),
        Channel("event", topics.event(station), (_event(),)),
        Channel("command", topics.command(station), tuple(map(example, Action)), receives=True),
        Channel("reply", topics.reply(station), (_reply(),)),
        Channel("set", topics.set(station, "{feature}"), ("PRESS",), receives=True),
        Channel("device_set", topics.device_set(station, device, "{feature}"), ("heat", "off"), receives=True),
        Channel("device_state", topics.device_state(station, device), (_device(),), retain=True),
        Channel("device_availability", topics.device_availability(station, device), _THERE, retain=True, texts=_THERE),
        Channel("device_telemetry", topics.device_telemetry(station, device), (_telemetry(),), qos=0),
    )


def example(action: Action) -> Command:
    """Return a command that fits."""
    return Command(id=f"{action.value}-1", action=action, args=ACTIONS[action][1])


def plain(model: BaseModel) -> Any:
    """Return what is sent of an example: of a command, only what was set."""
    return model.model_dump(mode="json", exclude_unset=isinstance(model, Command))


def asyncapi(version: str) -> Document:
    """Return the document."""
    every = channels(Topics(node="{node}"))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Letdown",
            "version": version,
            "description": "A local controller for breast pumps, warm compresses and massagers.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {each.name: _channel(each) for each in every},
        "operations": {each.name: _operation(each) for each in every},
        "components": {"messages": dict(_messages(every)), "schemas": _schemas(every)},
    }


def _channel(channel: Channel) -> Document:
    used = {name: {"description": words} for name, words in PARAMETERS.items() if f"{{{name}}}" in channel.address}
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name, _ in _messages((channel,))}
    return {"address": channel.address, "summary": channel.summary, "parameters": used, "messages": messages}


def _operation(channel: Channel) -> Document:
    made: Document = {
        "action": "receive" if channel.receives else "send",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
    }
    if channel.receives:
        answer = "pong" if channel.name == "ping" else "reply"
        made["reply"] = {"channel": {"$ref": f"#/channels/{answer}"}}
    return made


def _messages(every: Iterable[Channel]) -> Iterable[tuple[str, Document]]:
    for channel in every:
        first = channel.examples[0]
        if isinstance(first, Command):
            for command in map(example, Action):
                words, name = ACTIONS[command.action][0], command.action.value
                yield name, _message(name, words, {"$ref": _REF.format(model=_title(command.action))}, [command])
        elif isinstance(first, BaseModel):
            payload = {"$ref": _REF.format(model=type(first).__name__)}
            yield channel.name, _message(channel.name, channel.summary, payload, channel.examples)
        else:
            text: Document = {"type": "string", **({"enum": list(channel.texts)} if channel.texts else {})}
            made = _message(channel.name, channel.summary, text, channel.examples)
            yield channel.name, {**made, "contentType": "text/plain"}


def _message(name: str, summary: str, payload: Document, examples: Iterable[BaseModel | str]) -> Document:
    shown = [{"payload": plain(each) if isinstance(each, BaseModel) else each} for each in examples]
    return {"name": name, "summary": summary, "payload": payload, "examples": shown}


def _schemas(every: Iterable[Channel]) -> Document:
    sent = {type(each) for channel in every for each in channel.examples if isinstance(each, BaseModel)} - {Command}
    models: list[tuple[type[BaseModel], Literal["serialization", "validation"]]] = []
    models += [(model, "serialization") for model in sorted(sent, key=lambda model: model.__name__)]
    models += [(model, "validation") for model in (Command, NoArgs, *ARGS.values())]
    made = models_json_schema(models, ref_template=_REF)[1]["$defs"]
    command = made.pop("Command")
    return dict(sorted({**made, **{_title(action): _command(command, action) for action in Action}}.items()))


def _command(command: Document, action: Action) -> Document:
    """Return the schema of a command with its own arguments."""
    args = ARGS.get(action, NoArgs)
    needed = any(field.is_required() for field in args.model_fields.values())
    properties = {
        **command["properties"],
        "action": {"const": action.value},
        "args": {"$ref": _REF.format(model=args.__name__)},
    }
    required = ["action", "args"] if needed else ["action"]
    return {
        **command,
        "title": _title(action),
        "description": ACTIONS[action][0],
        "properties": properties,
        "required": required,
    }


def _title(action: Action) -> str:
    return "".join(part.title() for part in action.value.split("_")) + "Command"


# -- one example of each; the models check them --------------------------------------------------------------------


def _snapshot() -> Snapshot:
    return Snapshot(
        station="home",
        state=SessionState.RUNNING,
        session_id=_SESSION,
        routine="classic",
        side=Side.BOTH,
        step="stimulate",
        step_index=3,
        phase=Phase.STIMULATION,
        target_vacuum_mmhg=90,
    )


def _instance() -> Instance:
    return Instance(instance="9c4e", node="kitchen", stations=("home",), host="raspberrypi", since=_NOON)


def _guide() -> Guide:
    return Guide(station="home", step="stimulate", title="Stimulate", words="Lean back.", seconds=120, seconds_left=80)


def _choices() -> Choices:
    return Choices(station="home", routine="classic", side=Side.BOTH, comfort_vacuum_mmhg=180)


def _event() -> Event:
    return Event(id="e1", time=_NOON, station="home", session_id=_SESSION, type=EventType.LET_DOWN, data={})


def _reply() -> Reply:
    return Reply(id="set_vacuum-1", action="set_vacuum", outcome="accepted", session_id=_SESSION)


def _device() -> DeviceView:
    reading = PumpReading(phase=Phase.STIMULATION, target_vacuum_mmhg=90, vacuum_mmhg=88.5)
    return DeviceView(
        station="home",
        device="left-pump",
        profile="open-pump",
        side=Side.LEFT,
        link=LinkState.CONNECTED,
        available=True,
        reading=reading,
    )


def _telemetry() -> Telemetry:
    return Telemetry(station="home", device="left-pump", values={"vacuum_mmhg": 88.5})
