"""`mqtt.publish: minimal`: nothing of a health record is in any topic, through whole sessions; the rest still is."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from controller.contract.commands import Reply
from controller.contract.event_data import EVENT_DATA, EventType
from controller.contract.events import Event, Item
from controller.contract.features.feature import DeviceFeatures, StationFeatures
from controller.contract.features.history_features import HISTORY_FEATURES
from controller.contract.features.station_features import device_features, station_features
from controller.contract.words import load_words
from controller.mqtt import message_examples as examples
from controller.mqtt.asyncapi import asyncapi
from controller.mqtt.backlog import Backlog
from controller.mqtt.home_assistant import payloads
from controller.mqtt.minimal import SYMPTOM_KEYS, health_fields, minimal, minimal_features, minimal_reply, omitted
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.outbox import Outbox
from controller.mqtt.topics import Topics
from controller.safety.limits import OwnerLimits
from devices.roles import HEALTH_RECORD, Capability, DeviceLimits, Phase, PumpReading, ScaleReading
from tests.helpers.home import COMFORTABLE, RunningHome, running_home

pytestmark = pytest.mark.system  # it runs whole sessions

TOPICS = Topics()
EVENTS_LEFT_OUT = {
    "step_started",
    "step_finished",
    "let_down",
    "vacuum_set",
    "pain",
    "volume_logged",
    "session_edited",
}
HEALTH_PARTS = ("_ml", "volume", "let_down", "note", "symptom", "step", "phase", "rate_cpm")  # of names of fields
EMPTY = (None, "", [], {"left": None, "right": None, "both": None})


@functools.cache
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = asyncapi("1")["components"]["schemas"]
    return found


class Published:
    """All that a broker would get."""

    def __init__(self) -> None:
        self.outbox = Outbox(TOPICS, publish="minimal", now=lambda: 0.0)
        self.outbox.on_connected()
        self.topics: dict[str, list[Any]] = {}

    def watch(self, item: Item) -> None:
        self.outbox.watch(item)
        self.take()

    def take(self) -> None:
        while (message := self.outbox.take(paced=False)) is not None:
            payload = json.loads(message.payload) if message.content_type == "application/json" else message.payload
            self.topics.setdefault(message.topic, []).append(payload)
            self.outbox.acknowledged(message)

    @property
    def text(self) -> str:
        return json.dumps(self.topics, ensure_ascii=False)


def marked(payload: Any, schema: dict[str, Any], where: str = "") -> list[tuple[str, Any]]:
    """Return the values of all fields that the schema marks, in whatever is below."""
    if "$ref" in schema:
        return marked(payload, schemas()[schema["$ref"].rpartition("/")[2]], where)
    found: list[tuple[str, Any]] = []
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found += marked(payload, option, where)
    if isinstance(payload, dict):
        for name, field in schema.get("properties", {}).items():
            if name not in payload:
                continue
            path = f"{where}.{name}"
            if any(key in field for key in HEALTH_RECORD):
                found.append((path, payload[name]))
            else:
                found += marked(payload[name], field, path)
    if isinstance(payload, list):
        for each in payload:
            found += marked(each, schema.get("items", {}), where)
    return found


async def a_whole_evening() -> Published:
    """Go through a whole session with milk, then one with a symptom, and one that ends with pain."""
    published = Published()
    async with running_home(owner=COMFORTABLE, parent=True, serve=True, coarse=True) as house:
        house.stream.subscribe(published.watch)

        async def send(action: str, **args: Any) -> None:
            published.outbox.reply("home", await house.send(action, **args))
            published.take()

        await send("start", routine="classic")
        await house.finished()
        await send("log_volume", left_ml=61.27, right_ml=47.53)
        await send("start", routine="milk", no_symptoms=True)
        await _suction(house)
        await send("pain")
        await house.finished(within_seconds=60)
        house.stream.publish(examples.HISTORY)
        house.stream.publish(examples.COMFORT)
        house.stream.publish(examples.RECENT_SESSIONS)
    async with running_home(owner=COMFORTABLE, serve=True, coarse=True) as house:
        house.stream.subscribe(published.watch)
        await send("start", routine="classic")
        for question in ("lump", "redness", "fever", "broken_skin", "numb", "surgery"):
            await send("answer", question=question, value=question == "lump")
        await house.elapse(5)
        await send("answer", question="lump", value=False)  # refused: it counts until tomorrow
        await house.elapse(600)
        await send("stop")
        await house.finished(within_seconds=60)
    return published


async def _suction(house: RunningHome) -> None:
    async with house.clock.timeout(900):
        while house.recorded.snapshot.step != "stimulate":
            await house.elapse(1)
    await house.elapse(40)


@pytest.fixture(scope="module")
def evening() -> Published:
    return asyncio.run(a_whole_evening())


MODELS = {"state": "Snapshot", "guide": "Guide", "event": "Event", "reply": "Reply", "start_defaults": "StartDefaults"}


def test_no_marked_field_is_in_any_topic_of_whole_sessions(evening: Published) -> None:
    seen = 0
    for topic, found in evening.topics.items():
        leaf = topic.rpartition("/")[2]
        name = "DeviceView" if "/device/" in topic and leaf == "state" else MODELS.get(leaf)
        if name is None:
            assert leaf in ("availability", "radio", "telemetry"), topic
            continue
        for payload in found:
            fields = marked(payload, schemas()[name])
            seen += len(fields)
            assert [each for each in fields if each[1] not in EMPTY] == [], topic
    assert seen > 1000


def test_neither_is_anything_else_that_says_the_same(evening: Published) -> None:
    topics = evening.topics
    assert not [topic for topic in topics if topic.endswith(("/history", "/recent_sessions", "/comfort"))]
    kinds = {each["type"] for each in topics[TOPICS.event("home")]}
    assert not kinds & EVENTS_LEFT_OUT
    assert {"session_started", "session_finished"} <= kinds
    for topic, found in topics.items():
        if topic.endswith("/telemetry"):
            assert {name for each in found for name in each["values"]} <= {
                "vacuum_mmhg",
                "peak_vacuum_mmhg",
                "surface_celsius",
                "intensity",
            }
    words = load_words("en")
    secret = [words.reasons[key].partition("{")[0] for key in SYMPTOM_KEYS]
    secret += [words.messages[key] for key in ("no_heat_today", "skip_massage_today", "low_vacuum_today", "let_down")]
    secret += [each.ask for each in words.questions.values()]
    secret += [f'"{each}"' for each in (*Phase, "stimulate", "express", "massage")]
    secret += [
        '":61.27',
        '":47.53',  # as a value, and not in a drawing or a time
        '"let_down"}',
        '"outcome": "let_down"',
        '"not_today"',
        '"dry"',
        '"answer_all"',
        "answer_asked",
    ]
    secret += [f'"{key}"' for key in SYMPTOM_KEYS - {"symptoms"}] + ['"who": "symptoms"', '"key": "symptoms"']
    text = evening.text
    assert [each for each in secret if each and each in text] == []


def test_what_the_devices_do_is_still_there(evening: Published) -> None:
    states = evening.topics[TOPICS.state("home")]
    assert any(each["target_vacuum_mmhg"] for each in states)
    assert {each["state"] for each in states} >= {"running", "completed", "stopped"}
    assert any(each["ends_at"] for each in states)
    pumps = evening.topics[TOPICS.device_state("home", "left-pump")]
    assert {each["reading"]["run_state"] for each in pumps} >= {"running", "stopped"}
    assert any(each["reading"]["target_vacuum_mmhg"] for each in pumps)


def test_every_message_can_still_be_read() -> None:
    every: list[Item] = [
        examples.SNAPSHOT,
        examples.GUIDE,
        examples.START_DEFAULTS,
        examples.DEVICE,
        examples.TELEMETRY,
        *examples.EVENTS,
    ]
    for item in every:
        found = minimal(item)
        if found is None:
            assert isinstance(item, Event)
            assert item.type in EVENTS_LEFT_OUT
        else:
            dumped = found.model_dump(
                mode="json",
                exclude={"volume_total_ml", "weighed_total_ml", "running", "runs_outside", "problem", "connected"},
            )
            type(found).model_validate(dumped)


def test_the_marks_are_in_the_schemas_and_in_the_list() -> None:
    listed = dict(omitted())
    assert listed["HistorySummary"] == listed["RecentSessions"] == listed["ComfortAdvice"] == "all of it"
    assert {kind for kind in EventType if listed.get(kind.value) == "all of it"} == EVENTS_LEFT_OUT
    assert "let_down_seconds" in listed["Snapshot"]
    assert health_fields(ScaleReading) == {"weight_g", "flow_g_per_s"}
    assert health_fields(PumpReading) == {"flow_ml_per_s", "volume_ml", "let_down", "phase", "rate_cpm"}
    assert schemas()["HistorySummary"]["x-health-record"] is True
    assert schemas()["Snapshot"]["properties"]["volume_total_ml"]["x-health-record"] is True
    # Whatever speaks of milk or let-down is marked: a new field must not be forgotten.
    for model in (*EVENT_DATA.values(), PumpReading, ScaleReading, type(examples.SNAPSHOT), type(examples.GUIDE)):
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        fields = {*model.model_fields, *model.model_computed_fields} - {"vacuum_step_mmhg"}
        said = {name for name in fields if any(part in name for part in HEALTH_PARTS)}
        if model.model_config.get("json_schema_extra") != HEALTH_RECORD:
            assert said <= health_fields(model), model


def test_a_refusal_does_not_name_the_symptom() -> None:
    told = Reply(action="start", outcome="refused", reasons=("today's symptoms",), keys=("symptoms",), detail="lump")
    assert minimal_reply(told) == Reply(action="start", outcome="refused")
    other = Reply(action="start", outcome="refused", reasons=("no",), keys=("session_running",))
    assert minimal_reply(other) is other


def test_events_of_an_earlier_run_are_left_out_too_and_forgotten() -> None:
    class Saved(Backlog):
        def __init__(self) -> None:
            self.removed: list[str] = []

        def take_unpublished(self) -> tuple[Event, ...]:
            return examples.EVENTS

        def remove(self, event_id: str) -> None:
            self.removed.append(event_id)

    saved = Saved()
    outbox = Outbox(TOPICS, saved, publish="minimal")
    outbox.on_connected()
    sent = []
    while (message := outbox.take()) is not None:
        sent.append(json.loads(message.payload))
        outbox.acknowledged(message)
    assert not {each["type"] for each in sent} & EVENTS_LEFT_OUT
    assert {each.id for each in examples.EVENTS} == set(saved.removed)


def test_home_assistant_is_offered_nothing_without_a_value() -> None:
    reported = frozenset({Capability.REPORTS_VACUUM, Capability.REPORTS_VOLUME, Capability.REPORTS_FLOW})
    station = StationFeatures(
        name="home",
        features=(*station_features(OwnerLimits(), ("classic",)), *HISTORY_FEATURES),
        devices=(
            DeviceFeatures(name="pump", model="A pump", features=device_features("pump", reported, DeviceLimits())),
        ),
    )
    every, fewer = (payloads(TOPICS, [each], "1", "ha") for each in (station, minimal_features(station)))
    gone = {
        f"{topic.split('/')[-2]}.{key}"
        for topic, payload in every.items()
        for key in payload["components"].keys() - fewer[topic]["components"].keys()
    }
    assert gone == {
        *(f"letdown_home.{each.id}" for each in HISTORY_FEATURES),
        *(
            f"letdown_home.{each}"
            for each in ("volume_left", "volume_right", "volume_total", "let_down_after", "reason")
        ),
        *(f"letdown_home.{each}" for each in ("guide", "let_down_event", "volume_event")),
        *(f"letdown_home.{each}" for each in ("answer_asked_no", "answer_no", "answer_yes")),
        *(f"letdown_home.{each}" for each in ("step", "step_event", "phase", "rate")),
        *(f"letdown_home.on_{each}" for each in ("let_down", "volume_logged", "pain")),
        "letdown_home_device_pump.volume",
        "letdown_home_device_pump.flow",
    }
    assert "pain" not in fewer["ha/device/letdown_home/config"]["components"]["trip_event"]["event_types"]
    assert {"pain", "stop", "let_down"} <= fewer["ha/device/letdown_home/config"]["components"].keys()


def test_recent_sessions_do_not_go_with_it() -> None:
    with pytest.raises(ValidationError, match="publish_recent_sessions goes with publish: all"):
        MqttSettings(publish="minimal", publish_recent_sessions=True)
    assert MqttSettings().publish == "all"
