"""Two controllers on one broker: who is refused, who gives way, and that nobody is disturbed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import timedelta
from typing import Any

import aiomqtt
import pytest

from controller.app import check_alone
from controller.assembly.extras import SetupError
from controller.mqtt import presence
from controller.mqtt.bridge import V311, Bridge
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.instance import Instance, read_instance
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.outbox import Outbox
from controller.mqtt.presence import Presence, find_rival, find_rivals
from controller.mqtt.topics import Topics
from tests.helpers.instances import NOON, instance
from tests.helpers.mqtt_listener import STATION, TOPICS, Desk, Ear, running
from tests.helpers.patience import until

STATUS, INSTANCE = TOPICS.status(), TOPICS.instance()
START = {"action": "start", "args": {"routine": "gentle"}}
FIRST = instance("first", TOPICS.node)
LATER = instance("later", TOPICS.node, since=NOON + timedelta(minutes=1))
ELSEWHERE = LATER.model_copy(update={"node": "bedroom", "host": "attic"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(presence, "_EVERY_SECONDS", 0.05)


def bridge_of(me: Instance, broker: BrokerUrl, desk: Desk | None = None, **more: Any) -> Bridge:
    options = {"first_wait_seconds": 0.02, "longest_wait_seconds": 0.1, "mqtt_5": False, **more}
    settings = MqttSettings(brokers=(broker,), node=me.node)
    handles = dict.fromkeys(me.stations, (desk or Desk()).handle)
    return Bridge(settings, Topics(node=me.node), handles, me=me, **options)


def settings_of(me: Instance, *brokers: BrokerUrl) -> MqttSettings:
    return MqttSettings(brokers=brokers, node=me.node)


class TestAtTheStart:
    @pytest.mark.system
    @pytest.mark.parametrize("second", [LATER, ELSEWHERE, LATER.model_copy(update={"stations": ("ward",)})])
    async def test_a_second_one_is_refused_and_the_first_is_not_disturbed(
        self, broker: BrokerUrl, other: Ear, second: Instance
    ) -> None:
        async with running(bridge_of(FIRST, broker)):
            await until(lambda: bool(other.payloads(INSTANCE)))
            with pytest.raises(SetupError, match=r"node test on the host pi, running since 2026-01-01 12:00:00 UTC"):
                await check_alone(settings_of(second, broker), second)
            assert other.payloads(STATUS) == ["online"]

    @pytest.mark.system
    async def test_one_of_other_stations_and_another_node_is_welcome(self, broker: BrokerUrl) -> None:
        async with running(bridge_of(FIRST, broker)):
            third = ELSEWHERE.model_copy(update={"stations": ("ward",)})
            assert await check_alone(settings_of(third, broker), third) == {broker}

    @pytest.mark.system
    async def test_under_another_base_topic_nobody_collides(self, broker: BrokerUrl) -> None:
        async with running(bridge_of(FIRST, broker)):
            settings = settings_of(LATER, broker).model_copy(update={"base_topic": "neighbours/letdown"})
            assert await check_alone(settings, LATER) == {broker}

    @pytest.mark.system
    async def test_after_a_crash_its_own_announcement_is_no_hindrance(self, broker: BrokerUrl, other: Ear) -> None:
        await other.client.publish(INSTANCE, FIRST.model_dump_json(), 1, retain=True)
        await other.client.publish(STATUS, "online", 1, retain=True)
        assert await check_alone(settings_of(LATER, broker), LATER) == {broker}
        async with running(bridge_of(LATER, broker, checked={broker})):
            await until(lambda: read_instance(other.payloads(INSTANCE)[-1].encode()) == LATER)
        await other.until(INSTANCE, "")  # a clean end takes it back
        await other.until(STATUS, "offline")

    @pytest.mark.system
    @pytest.mark.parametrize(("status", "waits"), [("online", True), ("offline", False), (None, True)])
    async def test_one_whose_will_the_broker_has_published_is_not_waited_for(
        self, broker: BrokerUrl, other: Ear, monkeypatch: pytest.MonkeyPatch, status: str | None, waits: bool
    ) -> None:
        monkeypatch.setattr(presence, "_ANSWER_SECONDS", 1.0)
        if status is not None:
            await other.client.publish(STATUS, status, 1, retain=True)
        await other.client.publish(INSTANCE, FIRST.model_dump_json(), 1, retain=True)
        began = time.monotonic()
        assert await find_rival(broker, settings_of(LATER, broker), LATER, V311) is None
        assert (time.monotonic() - began >= 1.0) is waits

    async def test_retained_answers_of_the_past_do_not_count(self, broker: BrokerUrl, other: Ear) -> None:
        await other.client.publish(TOPICS.pong(), FIRST.model_dump_json(), 1, retain=True)
        assert await find_rival(broker, settings_of(LATER, broker), LATER, V311) is None

    @pytest.mark.system
    async def test_it_is_found_on_whichever_broker_it_is(self, broker: BrokerUrl) -> None:
        async with embedded_broker(0) as second, running(bridge_of(FIRST, second)):
            rival, reached = await find_rivals([broker, second], settings_of(LATER, broker, second), LATER)
            assert (rival, reached) == (FIRST, {broker, second})

    async def test_a_broker_that_cannot_be_reached_is_no_reason_not_to_start(self) -> None:
        async with embedded_broker(0) as gone:
            pass
        assert await check_alone(settings_of(LATER, gone), LATER) == frozenset()


class TestWhileItRuns:
    """Two that could not see each other when they started, because the broker was away."""

    @pytest.mark.parametrize("second", [LATER, ELSEWHERE])
    async def test_the_later_one_starts_no_session_until_the_other_has_ended(
        self, broker: BrokerUrl, other: Ear, second: Instance, caplog: pytest.LogCaptureFixture
    ) -> None:
        desks = Desk(), Desk()
        async with running(bridge_of(second, broker, desks[1])) as _:
            async with running(bridge_of(FIRST, broker, desks[0])):
                await until(lambda: "Until it ends, this one starts no session there" in caplog.text)
                await until(lambda: caplog.text.count("ERROR") == 2)
                await other.command(START)
                await until(lambda: len(other.replies()) == 2)
                assert {each["outcome"] for each in other.replies()} == {"accepted", "refused"}
                refused = next(each for each in other.replies() if each["outcome"] == "refused")
                assert refused["keys"] == ["other_controller"]
                assert "Another controller serves home: test, on the computer pi." in refused["reasons"][0]
                assert (desks[0].actions(), desks[1].actions()) == (["start"], [])
                await other.command({"action": "stop"})
                await until(lambda: desks[1].actions() == ["stop"])  # each stops what it runs
            await until(lambda: "the other controller is gone" in caplog.text)
            await other.command(START)
            await until(lambda: desks[1].actions() == ["stop", "start"])
            await until(lambda: other.payloads(STATUS)[-1] == "online" or second is ELSEWHERE)

    @pytest.mark.system
    async def test_both_of_one_node_stay_connected(
        self, broker: BrokerUrl, other: Ear, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "controller.mqtt.bridge")
        async with running(bridge_of(FIRST, broker)), running(bridge_of(LATER, broker)) as _:
            await until(lambda: caplog.text.count("ERROR") >= 2)
            await asyncio.sleep(0.3)
            assert caplog.text.count("connected to the broker") == 2  # nobody was thrown out
            await until(lambda: read_instance(other.payloads(INSTANCE)[-1].encode()) == FIRST)
        await other.until(STATUS, "offline")

    async def test_one_that_takes_over_has_its_way(
        self, broker: BrokerUrl, other: Ear, caplog: pytest.LogCaptureFixture
    ) -> None:
        desks = Desk(), Desk()
        taking = LATER.model_copy(update={"take_over": True})
        async with running(bridge_of(FIRST, broker, desks[0])), running(bridge_of(taking, broker, desks[1])):
            await until(lambda: "this one starts no session there" in caplog.text)
            await until(lambda: read_instance(other.payloads(INSTANCE)[-1].encode()) == taking)
            await other.command(START)
            await until(lambda: desks[1].actions() == ["start"])
            assert desks[0].actions() == []

    @pytest.mark.system
    async def test_a_crashed_one_that_is_announced_troubles_nobody(
        self, broker: BrokerUrl, other: Ear, caplog: pytest.LogCaptureFixture
    ) -> None:
        ghost = ELSEWHERE.model_copy(update={"since": NOON - timedelta(days=1)})
        await other.client.publish(Topics(node="bedroom").instance(), ghost.model_dump_json(), 1, retain=True)
        desk = Desk()
        async with running(bridge_of(FIRST, broker, desk)):
            await other.until(Topics(node="bedroom").ping(), FIRST.instance)
            await other.command(START)
            await until(lambda: desk.actions() == ["start"])
        assert "ERROR" not in caplog.text

    @pytest.mark.system
    @pytest.mark.parametrize("payload", ["", "x", "[" * 1000, json.dumps({"node": "a/b", "stations": ["home"]})])
    async def test_nothing_that_others_write_there_costs_the_connection(
        self, broker: BrokerUrl, other: Ear, payload: str
    ) -> None:
        desk = Desk()
        async with running(bridge_of(FIRST, broker, desk)):
            for topic in (INSTANCE, TOPICS.ping(), TOPICS.pong(), Topics(node="bedroom").instance()):
                await other.client.publish(topic, payload, 1)
            await other.command(START)
            await until(lambda: desk.actions() == ["start"])

    async def test_a_broker_that_does_not_let_the_check_in_is_used_all_the_same(
        self, broker: BrokerUrl, other: Ear, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def refuse(*_: object) -> None:
            raise aiomqtt.MqttError("not authorized")

        monkeypatch.setattr("controller.mqtt.bridge.find_rival", refuse)
        async with running(bridge_of(FIRST, broker)):
            await other.until(STATUS, "online")

    @pytest.mark.system
    async def test_it_answers_anybody_who_asks_but_not_itself(self, broker: BrokerUrl, other: Ear) -> None:
        async with running(bridge_of(FIRST, broker)):
            await other.client.publish(TOPICS.ping(), FIRST.instance, 1)
            await other.client.publish(TOPICS.ping(), "anybody", 1)
            await until(lambda: bool(other.payloads(TOPICS.pong())))
            await asyncio.sleep(0.1)
            assert [read_instance(each.encode()) for each in other.payloads(TOPICS.pong())] == [FIRST]


def test_claims_of_very_many_controllers_are_not_all_kept() -> None:
    outbox = Outbox(TOPICS)
    mine = Presence(LATER, TOPICS, outbox)
    for number in range(1000):
        mine.listeners[TOPICS.of_all_controllers("pong")](
            FIRST.model_copy(update={"instance": str(number)}).model_dump_json().encode(), False
        )
    assert len(mine._rivals) == 100
    assert mine.refusal(STATION) is not None
    assert mine.refusal("office") is None


def test_notices_are_sent_next_and_only_the_latest_of_a_topic() -> None:
    outbox = Outbox(TOPICS)
    outbox.notify("a", "1")
    assert outbox.take() is None  # nobody is connected
    outbox.on_connected()
    for text in ("2", "3"):
        outbox.notify("a", text)
    outbox.retain("b", "4")
    assert outbox.due_in() == 0.0
    taken = [outbox.take(), outbox.take(), outbox.take()]
    assert [(each.topic, each.payload, each.retain) for each in taken if each] == [("a", "3", False), ("b", "4", True)]
    outbox.notify("a", "5")
    outbox.on_disconnected()
    outbox.on_connected()
    assert "a" not in [each.topic for each in iter(outbox.take, None)]
