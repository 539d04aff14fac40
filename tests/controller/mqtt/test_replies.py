"""Replies over MQTT, of a whole home, in the language of its settings; and what is sent to nobody's feature."""

from __future__ import annotations

from typing import Any

import pytest

from controller.contract.features.feature import accepting
from controller.contract.features.station_features import station_features
from controller.contract.words import load_words
from controller.mqtt.bridge import Bridge
from controller.mqtt.mqtt_settings import BrokerUrl
from controller.safety.limits import OwnerLimits
from tests.helpers.home import RunningHome, running_home
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, Ear, bridge_to, running
from tests.helpers.patience import until


def with_features(bridge: Bridge) -> Bridge:
    for feature in accepting(station_features(OwnerLimits(), ("classic", "gentle"))):
        bridge.commands.register(TOPICS.set(STATION, feature.id), STATION, feature.command)
    return bridge


def bridge_of(house: RunningHome, broker: BrokerUrl, language: str) -> Bridge:
    bridge = bridge_to(broker, desk=HomeDesk(house), words=load_words(language))
    house.stream.subscribe(bridge.watch)
    return with_features(bridge)


class HomeDesk(Desk):
    """Hands commands on to a home."""

    def __init__(self, house: RunningHome) -> None:
        super().__init__()
        self.handle = house.service.handle  # type: ignore[method-assign]


async def answer(other: Ear, topic: str, payload: Any) -> dict[str, Any]:
    """Publish a command, and return its reply."""
    before = len(other.replies())
    if topic == TOPICS.command(STATION):
        await other.command(payload)
    else:
        await other.client.publish(topic, payload, 1)
    await until(lambda: len(other.replies()) > before)
    return dict(other.replies()[before])


SAID = {
    "en": {
        "no_session": "No session is running.",
        "unknown_feature": "Nothing called vacum can be set here. Did you mean vacuum?",
        "session_running": "A session is running. Stop it first.",
        "no_pump_runs": "No pump is running now.",
    },
    "de": {
        "no_session": "Es läuft keine Sitzung.",
        "unknown_feature": "Hier lässt sich nichts einstellen, was vacum heißt. Meintest du vacuum?",
        "session_running": "Es läuft schon eine Sitzung. Stopp sie zuerst.",
        "no_pump_runs": "Gerade läuft keine Pumpe.",
    },
}


@pytest.mark.system
@pytest.mark.parametrize("language", ["en", "de"])
async def test_replies_are_in_the_language_of_the_settings_with_a_key_and_the_session(
    broker: BrokerUrl, other: Ear, language: str
) -> None:
    command, set_ = TOPICS.command(STATION), TOPICS.set
    async with running_home(language=language) as house, running(bridge_of(house, broker, language)):
        replies = [await answer(other, command, {"id": "1", "action": "skip"})]
        assert replies[0]["session_id"] is None
        started = await answer(other, command, {"id": "2", "action": "start", "args": {"routine": "everything"}})
        assert started["outcome"] == "accepted"
        session_id = started["session_id"]
        assert session_id
        malformed = await answer(other, command, "start!")
        assert (malformed["keys"], malformed["session_id"]) == (["bad_command"], session_id)
        beyond = await answer(other, set_(STATION, "vacuum"), "300")
        assert (beyond["keys"], beyond["session_id"]) == (["bad_command"], session_id)
        later = [
            await answer(other, set_(STATION, "vacum"), "100"),
            await answer(other, command, {"id": "3", "action": "start"}),
            await answer(other, set_(STATION, "vacuum_up"), "PRESS"),
        ]
        assert {reply["session_id"] for reply in later} == {session_id}
        stopped = await answer(other, set_(STATION, "pain"), "PRESS")
        assert (stopped["outcome"], stopped["session_id"]) == ("accepted", session_id)
    for reply in (*replies, *later):
        assert reply["outcome"] == "refused"
        (key,), (words,) = reply["keys"], reply["reasons"]
        assert words == SAID[language][key]


@pytest.mark.parametrize(
    ("topic", "closest"),
    [
        ("vacum", "vacuum"),
        ("comfort", "comfort_vacuum"),
        ("VACUUM_UP", "vacuum_up"),
        ("device/pad/warmth", "rout"),
    ],
)
async def test_a_feature_that_there_is_not_is_answered_with_the_closest(
    broker: BrokerUrl, other: Ear, topic: str, closest: str
) -> None:
    desk = Desk()
    async with running(with_features(bridge_to(broker, desk=desk))):
        reply = await answer(other, f"letdown/{STATION}/{topic}/set", "1")
    assert (reply["outcome"], reply["keys"]) == ("refused", ["unknown_feature"])
    assert topic in reply["reasons"][0]
    assert closest in reply["reasons"][0] or topic.startswith("device")
    assert desk.asked == []


@pytest.mark.parametrize("topic", ["STOP", "Pain"])
async def test_a_stop_is_a_stop_however_its_topic_is_written(broker: BrokerUrl, other: Ear, topic: str) -> None:
    desk = Desk()
    async with running(with_features(bridge_to(broker, desk=desk))):
        reply = await answer(other, f"letdown/{STATION}/{topic}/set", "PRESS")
    assert reply["outcome"] == "accepted"
    assert desk.actions() == [topic.lower()]


async def test_what_is_retained_for_a_feature_that_there_is_not_gets_no_reply(broker: BrokerUrl, other: Ear) -> None:
    await other.client.publish(f"letdown/{STATION}/vacum/set", "100", 1, retain=True)
    desk = Desk()
    async with running(with_features(bridge_to(broker, desk=desk))):
        reply = await answer(other, TOPICS.set(STATION, "skip"), "PRESS")
    assert reply["action"] == "skip"
    assert len(other.replies()) == 1
