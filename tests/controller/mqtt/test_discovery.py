"""Announcing: what is at the broker after a start, a change of the settings, and when Home Assistant comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from functools import partial
from unittest import mock

import pytest

from controller.contract.events import StartDefaults
from controller.contract.features.feature import StationFeatures, accepting
from controller.contract.features.station_features import at_cap, station_features
from controller.mqtt.bridge import Bridge
from controller.mqtt.discovery import Discovery
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.safety.limits import OwnerLimits
from devices.roles import Side
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, Ear, ear, guide, running
from tests.helpers.patience import until

CONFIG = "homeassistant/device/letdown_home/config"
ANNOUNCED = TOPICS.announced()
STATIONS = (
    StationFeatures(name=STATION, features=station_features(OwnerLimits(), ("classic", "gentle"))),
    StationFeatures(name="ward", features=station_features(OwnerLimits(), ("classic",))),
)


def bridge_of(
    broker: BrokerUrl, *stations: StationFeatures, desk: Desk | None = None, discovery: str = "device"
) -> Bridge:
    settings = MqttSettings.model_validate({"brokers": (broker,), "node": TOPICS.node, "discovery": discovery})
    handle = (desk or Desk()).handle
    bridge = Bridge(
        settings,
        TOPICS,
        {station.name: handle for station in stations},
        first_wait_seconds=0.02,
        longest_wait_seconds=0.1,
        mqtt_5=False,
    )
    for topic, listener in Discovery(settings, TOPICS, stations, bridge.outbox).listeners.items():
        bridge.listen(topic, listener)
    for station in stations:
        for feature in accepting(station.features):
            bridge.commands.register(TOPICS.set(station.name, feature.id), station.name, feature.command)
    return bridge


@contextlib.asynccontextmanager
async def served(bridge: Bridge) -> AsyncIterator[None]:
    async with running(bridge):
        assert await bridge.flushed(2)
        yield


@pytest.fixture
async def keeper() -> AsyncIterator[BrokerUrl]:
    """A broker that sends what it keeps before it takes in anything new; amqtt (0.12.1) may be late with it."""
    async with mosquitto() as real:
        yield real.url


async def kept(broker: BrokerUrl) -> dict[str, str]:
    """Return what a newcomer finds at the broker."""
    async with ear(broker) as newcomer:
        await asyncio.sleep(0.2)
        return {message.topic.value: bytes(message.payload).decode() for message in newcomer.heard if message.retain}


async def test_everything_is_announced_and_kept_at_the_broker(broker: BrokerUrl) -> None:
    async with served(bridge_of(broker, *STATIONS)):
        found = await kept(broker)
    configs = {topic for topic in found if topic.startswith("homeassistant/")}
    assert configs == {f"homeassistant/device/letdown_{name}/config" for name in ("home", "ward", "controller_test")}
    assert json.loads(found[ANNOUNCED]).keys() == configs


@pytest.mark.parametrize("discovery", ["device", "components", "off"])
async def test_a_new_comfort_cap_is_announced_and_nothing_else_is_again(discovery: str) -> None:
    settings = MqttSettings.model_validate({"brokers": ("mqtt://nowhere",), "discovery": discovery})
    outbox, owner = mock.Mock(), OwnerLimits(comfort_vacuum_mmhg=180)
    found = Discovery(settings, TOPICS, STATIONS, outbox, at_cap=partial(at_cap, owner))
    outbox.reset_mock()

    def announced_at(cap_mmhg: float) -> list[str]:
        outbox.reset_mock()
        found.watch(StartDefaults(station=STATION, routine="classic", side=Side.LEFT, comfort_vacuum_mmhg=cap_mmhg))
        return [call.args[0] for call in outbox.retain.call_args_list]

    topics = {"device": [CONFIG], "components": ["homeassistant/number/letdown_home_vacuum/config"], "off": []}
    announced_at(180)
    assert announced_at(120) == topics[discovery]
    assert announced_at(120) == []
    if topics[discovery]:
        announced_at(130)
        payload = json.loads(outbox.retain.call_args.args[1])
        assert payload.get("components", {"vacuum": payload})["vacuum"]["max"] == 130


@pytest.mark.system
async def test_a_station_that_is_no_more_is_taken_back(keeper: BrokerUrl) -> None:
    async with served(bridge_of(keeper, *STATIONS)):
        pass
    async with served(bridge_of(keeper, STATIONS[0])):
        await asyncio.sleep(0.1)
        found = await kept(keeper)
    assert CONFIG in found
    assert "homeassistant/device/letdown_ward/config" not in found
    assert "homeassistant/device/letdown_ward/config" not in json.loads(found[ANNOUNCED])


@pytest.mark.system
async def test_an_entity_that_is_no_more_is_named_by_its_platform_and_then_not_any_more(keeper: BrokerUrl) -> None:
    async with served(bridge_of(keeper, STATIONS[0])):
        pass
    fewer = STATIONS[0].model_copy(update={"features": tuple(f for f in STATIONS[0].features if f.id != "phase")})

    async with ear(keeper) as other, served(bridge_of(keeper, fewer)):

        def said() -> list[object]:
            return [json.loads(each)["components"].get("phase") for each in other.payloads(CONFIG)]

        # It may have been published without the entity before the list of an earlier run was read.
        await until(lambda: {"platform": "sensor"} in said()[:-1])
    assert said()[-2:] == [{"platform": "sensor"}, None]


@pytest.mark.system
@pytest.mark.parametrize("discovery", ["off", "components"])
async def test_another_way_of_discovery_takes_the_first_one_back(keeper: BrokerUrl, discovery: str) -> None:
    async with served(bridge_of(keeper, STATIONS[0])):
        pass
    async with served(bridge_of(keeper, STATIONS[0], discovery=discovery)):
        await asyncio.sleep(0.1)
        found = await kept(keeper)
    configs = {topic for topic in found if topic.startswith("homeassistant/")}
    assert CONFIG not in configs
    assert ("homeassistant/button/letdown_home_pain/config" in configs) == (discovery == "components")
    assert bool(configs) == (discovery == "components")


@pytest.mark.system
async def test_what_others_announced_is_left_alone(keeper: BrokerUrl) -> None:
    theirs = "homeassistant/device/zigbee_lamp/config"
    wicked = {theirs: {"a": "light"}, "letdown/home/state": {}, "x": {}, CONFIG: []}
    async with ear(keeper) as other:
        for topic in (theirs, "letdown/home/state"):
            await other.client.publish(topic, '{"name": "theirs"}', 1, retain=True)
        await other.client.publish(ANNOUNCED, json.dumps(wicked), 1, retain=True)
    async with served(bridge_of(keeper, STATIONS[0])):
        await asyncio.sleep(0.1)
        found = await kept(keeper)
    assert found[theirs] == found["letdown/home/state"] == '{"name": "theirs"}'


@pytest.mark.system
@pytest.mark.parametrize("nonsense", ["", "no json", "[]", "7", '{"homeassistant/device/letdown_x/config": 3}'])
async def test_a_list_that_is_none_is_passed_over(broker: BrokerUrl, other: Ear, nonsense: str) -> None:
    await other.client.publish(ANNOUNCED, nonsense, 1, retain=True)
    async with served(bridge_of(broker, STATIONS[0])):
        assert CONFIG in await kept(broker)


async def test_home_assistant_that_comes_back_is_told_everything_again(broker: BrokerUrl) -> None:
    bridge = bridge_of(broker, STATIONS[0])
    with mock.patch("controller.mqtt.discovery._BIRTH_SECONDS", 0.05):
        async with served(bridge):
            bridge.watch(guide(title="Rest"))
            assert await bridge.flushed(2)
            async with ear(broker) as other:
                await asyncio.sleep(0.2)
                other.heard.clear()
                await other.client.publish("homeassistant/status", "offline", 1)
                await asyncio.sleep(0.2)
                assert other.payloads(CONFIG) == []
                await other.client.publish("homeassistant/status", "online", 1)
                await until(lambda: bool(other.payloads(CONFIG)) and bool(other.payloads(TOPICS.guide(STATION))))


async def test_a_button_is_a_command_and_its_reply_says_what_became_of_it(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    async with served(bridge_of(broker, STATIONS[0], desk=desk)):
        for feature, payload in (("vacuum", "120"), ("routine", "gentle"), ("start", "PRESS"), ("pain", "PRESS")):
            await other.client.publish(TOPICS.set(STATION, feature), payload, 1)
        await until(lambda: len(desk.asked) == 4)
        await until(lambda: len(other.replies()) == 4)
    assert set(desk.actions()) == {"set_vacuum", "set_start_defaults", "start", "pain"}
    assert not any(retained for *_, retained in desk.asked)


@pytest.mark.parametrize(
    ("feature", "payload", "reason"),
    [
        ("vacuum", "much", "vacuum: 'much' is not a number; send for example 0"),
        ("vacuum", "nan", "mmhg"),
        ("vacuum", "-5", "mmhg"),
        ("side", "middle", "side"),
        ("start", "now", "start: 'now' is unknown; send PRESS"),
    ],
)
async def test_a_payload_that_does_not_fit_is_refused_with_what_would(
    broker: BrokerUrl, other: Ear, feature: str, payload: str, reason: str
) -> None:
    desk = Desk()
    async with served(bridge_of(broker, STATIONS[0], desk=desk)):
        await other.client.publish(TOPICS.set(STATION, feature), payload, 1)
        await until(lambda: bool(other.replies()))
    assert desk.asked == []
    (reply,) = other.replies()
    assert reply["outcome"] == "refused"
    assert reason in reply["reasons"][0]


@pytest.mark.parametrize("payload", ["", "now", "\x00", '{"retain": true}'])
async def test_whatever_is_sent_to_pain_is_pain(broker: BrokerUrl, other: Ear, payload: str) -> None:
    desk = Desk()
    async with served(bridge_of(broker, STATIONS[0], desk=desk)):
        await other.client.publish(TOPICS.set(STATION, "pain"), payload, 1)
        await until(lambda: desk.actions() == ["pain"])


async def test_a_start_that_the_broker_keeps_is_told_to_be_retained(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    topic = TOPICS.set(STATION, "start")
    async with served(bridge_of(broker, STATIONS[0], desk=desk)):
        await other.client.publish(topic, "PRESS", 1, retain=True)  # it comes without the flag to those who are there
        await until(lambda: len(desk.asked) == 1)
        await other.client.publish(topic, "", 1, retain=True)
        await until(lambda: len(other.replies()) == 2)
        await other.client.publish(topic, "PRESS", 1)
        await until(lambda: len(desk.asked) == 2)
        await asyncio.sleep(0.1)
    assert [retained for *_, retained in desk.asked] == [True, False]
