"""MQTT 5 with a broker that has it: replies where they are asked for, flags as they were sent, and 3.1.1 otherwise."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from unittest import mock

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.contract.commands import parse_command
from controller.mqtt.embedded_broker import embedded_broker
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, ear, event, running
from tests.helpers.mqtt_listener import bridge_to as any_bridge_to
from tests.helpers.patience import until

pytestmark = pytest.mark.system

COMMAND = TOPICS.command(STATION)
V5 = {"protocol": aiomqtt.ProtocolVersion.V5}
bridge_to = partial(any_bridge_to, mqtt_5=True)


def asking(topic: str, correlation: bytes = b"7") -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = topic
    properties.CorrelationData = correlation
    return properties


async def test_a_reply_goes_where_it_is_asked_for_too_with_what_tells_the_commands_apart() -> None:
    mine = f"{TOPICS.reply(STATION)}/my-app"
    async with mosquitto() as broker, ear(broker.url, **V5) as other, running(bridge_to(broker.url)):
        await other.client.publish(COMMAND, '{"id": "1", "action": "pain"}', 1, properties=asking(mine))
        await until(lambda: bool(other.payloads(mine)) and bool(other.replies()))
        reply = next(message for message in other.heard if message.topic.value == mine)
    assert json.loads(bytes(reply.payload))["outcome"] == "accepted"
    assert reply.properties is not None
    assert reply.properties.CorrelationData == b"7"
    assert reply.properties.ContentType == "application/json"


@pytest.mark.parametrize(
    "wanted",
    ["zigbee2mqtt/heater/set", COMMAND, "letdown/home/pain/set", "letdown/ward/reply/x", "letdown/home/reply/"],
)
async def test_nobody_can_have_us_write_elsewhere(wanted: str) -> None:
    async with mosquitto() as broker, ear(broker.url, **V5) as other, running(bridge_to(broker.url)):
        await other.client.publish(COMMAND, '{"id": "1", "action": "pain"}', 1, properties=asking(wanted))
        await until(lambda: bool(other.replies()))
        await asyncio.sleep(0.1)
        heard = [message for message in other.heard if message.topic.value == wanted]
    assert len(heard) == (1 if wanted == COMMAND else 0)  # the command itself


@pytest.mark.parametrize("topic", [COMMAND, TOPICS.set(STATION, "start")])
async def test_a_start_that_is_kept_is_known_by_its_flag_and_one_that_is_not_waits_for_nothing(topic: str) -> None:
    desk, payload = Desk(), '{"action": "start"}'
    async with mosquitto() as broker, ear(broker.url) as other:
        bridge = bridge_to(broker.url, desk=desk)
        bridge.commands.register(topic, STATION, parse_command)
        async with running(bridge):
            await other.client.publish(topic, payload, 1, retain=True)
            await until(lambda: len(desk.asked) == 1)
            await other.client.publish(topic, payload, 1)
            await until(lambda: len(desk.asked) == 2)
    assert [retained for *_, retained in desk.asked] == [True, False]


async def test_a_command_whose_time_is_over_is_not_delivered() -> None:
    desk = Desk()
    async with mosquitto() as broker, ear(broker.url, **V5) as other:
        late = Properties(PacketTypes.PUBLISH)
        late.MessageExpiryInterval = 1
        await other.client.publish(COMMAND, '{"action": "start"}', 1, retain=True, properties=late)
        await asyncio.sleep(2.1)
        async with running(bridge_to(broker.url, desk=desk)):
            await other.command({"action": "stop"})
            await until(lambda: "stop" in desk.actions())
    assert desk.actions() == ["stop"]


async def test_a_broker_that_knows_only_the_older_version_is_used_all_the_same() -> None:
    async with embedded_broker(0) as broker:
        bridge = bridge_to(broker)
        with mock.patch("controller.mqtt.connection._ANSWER_SECONDS", 0.5):
            async with running(bridge):
                bridge.watch(event(1))
                assert await bridge.flushed(2)
        assert bridge._protocols == {broker: aiomqtt.ProtocolVersion.V311}
