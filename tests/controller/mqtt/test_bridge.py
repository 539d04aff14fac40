"""The bridge on a real broker: what others see of it, and how it takes commands."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from controller.contract.events import Telemetry
from controller.mqtt.bridge import Bridge
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.instance import this_process
from controller.mqtt.message_examples import ABOUT, COMFORT, RECENT_SESSIONS
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from tests.helpers.mqtt_listener import (
    STATION,
    TOPICS,
    Desk,
    Ear,
    bridge_to,
    device,
    ear,
    event,
    guide,
    noted_subscriptions,
    running,
    snapshot,
    task_of,
    telemetry,
)
from tests.helpers.patience import until

STATUS = TOPICS.status()


@pytest.fixture
def silence() -> Iterator[BrokerUrl]:
    """An address where a connection is accepted and nothing is ever said."""
    import socket

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield BrokerUrl(host="127.0.0.1", port=door.getsockname()[1])


async def nobody() -> BrokerUrl:
    """An address where nothing listens."""
    async with embedded_broker(0) as broker:
        return broker


async def test_it_is_online_while_it_runs_and_offline_after(broker: BrokerUrl, other: Ear) -> None:
    bridge = bridge_to(broker)
    async with running(bridge):
        await other.until(STATUS, "online")
        assert bridge.broker == broker
        assert bridge.problem is None
    await other.until(STATUS, "offline")
    assert not bridge.connected


async def test_what_a_controller_is_and_can_do_is_retained_while_it_runs(broker: BrokerUrl, other: Ear) -> None:
    async with running(bridge_to(broker, about=ABOUT)):
        await other.until(TOPICS.about(), ABOUT.model_dump_json())
        async with ear(broker) as late:
            await late.until(TOPICS.about(), ABOUT.model_dump_json())
            assert all(message.retain for message in late.heard)
    await other.until(STATUS, "offline")
    assert other.payloads(TOPICS.about())[-1] == ""
    async with ear(broker) as late:
        await late.until(STATUS, "offline")
        await asyncio.sleep(0.05)
        assert late.payloads(TOPICS.about()) == []


@pytest.mark.parametrize("on", [True, False])
async def test_sessions_that_were_published_are_removed_when_the_owner_turns_that_off(
    broker: BrokerUrl, other: Ear, on: bool
) -> None:
    topic = TOPICS.recent_sessions(STATION)
    await other.client.publish(topic, "{}", 1, retain=True)
    await other.until(topic, "{}")
    async with running(bridge_to(broker, about=ABOUT.model_copy(update={"recent_sessions": on}))):
        await other.until(TOPICS.about(), ABOUT.model_copy(update={"recent_sessions": on}).model_dump_json())
        async with ear(broker) as late:
            await late.until(STATUS, "online")
            await asyncio.sleep(0.05)
            assert late.payloads(topic) == (["{}"] if on else [])


async def test_recent_sessions_are_retained(broker: BrokerUrl, other: Ear) -> None:
    bridge = bridge_to(broker)
    async with running(bridge):
        bridge.watch(RECENT_SESSIONS)
        await other.until(TOPICS.recent_sessions(STATION), RECENT_SESSIONS.model_dump_json())
        async with ear(broker) as late:
            await late.until(TOPICS.recent_sessions(STATION), RECENT_SESSIONS.model_dump_json())


@pytest.mark.parametrize("publish", ["all", "minimal"])
async def test_what_is_learned_is_retained_and_removed_where_no_health_is_published(
    broker: BrokerUrl, other: Ear, publish: str
) -> None:
    topic, about = TOPICS.learned_comfort(STATION), ABOUT.model_copy(update={"history": publish == "all"})
    await other.client.publish(topic, "{}", 1, retain=True)
    await other.until(topic, "{}")
    settings = MqttSettings.model_validate({"brokers": [str(broker)], "node": TOPICS.node, "publish": publish})
    bridge = Bridge(settings, TOPICS, {STATION: Desk().handle}, mqtt_5=False, about=about)
    async with running(bridge):
        bridge.watch(COMFORT)
        await other.until(TOPICS.about(), about.model_dump_json())
        async with ear(broker) as late:
            await late.until(STATUS, "online")
            await asyncio.sleep(0.05)
            assert late.payloads(topic) == ([COMFORT.model_dump_json()] if publish == "all" else [])


async def test_one_who_comes_later_finds_all_that_is_retained(broker: BrokerUrl) -> None:
    bridge = bridge_to(broker)
    async with running(bridge):
        for item in (snapshot(step="warm"), guide(title="Rest"), device(), event(1), telemetry(40)):
            bridge.watch(item)
        assert await bridge.flushed(2)
        async with ear(broker) as late:
            await until(lambda: len(late.heard) >= 6)
            assert all(message.retain for message in late.heard)
            assert {message.topic.value for message in late.heard} == {
                STATUS,
                TOPICS.state(STATION),
                TOPICS.guide(STATION),
                TOPICS.picture(STATION),
                TOPICS.device_state(STATION, "pump"),
                TOPICS.device_availability(STATION, "pump"),
            }


async def test_events_and_telemetry_come_live(broker: BrokerUrl, other: Ear) -> None:
    bridge = bridge_to(broker)
    async with running(bridge):
        for number in range(50):
            bridge.watch(event(number))
        bridge.watch(telemetry(40))
        await until(lambda: len(other.events()) == 50)
        assert other.events() == list(range(50))
        topic = TOPICS.device_telemetry(STATION, "pump")
        await until(lambda: bool(other.payloads(topic)))
        assert Telemetry.model_validate(other.values(topic)[0]) == telemetry(40)


async def test_a_broker_that_is_not_there_is_named_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    url = await nobody()
    wrong = BrokerUrl.parse(f"mqtt://ann:secret@{url.host}:{url.port}")
    bridge = bridge_to(wrong)
    with task_of(bridge):
        await until(lambda: bridge.problem is not None)
        await asyncio.sleep(0.2)  # several attempts
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [f"nothing answers at {url}; start the broker there, or correct mqtt.brokers"]
    assert "secret" not in caplog.text


async def test_the_next_broker_of_the_list_is_tried(broker: BrokerUrl, other: Ear) -> None:
    bridge = bridge_to(await nobody(), broker)
    async with running(bridge):
        await other.until(STATUS, "online")
        assert bridge.broker == broker


async def test_after_a_restart_of_the_broker_all_is_there_again_and_events_come_once() -> None:
    async with embedded_broker(0) as embedded:
        bridge = bridge_to(embedded)
        task = asyncio.create_task(bridge.run())
        await until(lambda: bridge.connected)
        bridge.watch(snapshot(step="warm"))
        bridge.watch(device())
        bridge.watch(event(0))
        assert await bridge.flushed(2)
    await until(lambda: not bridge.connected)
    for number in range(1, 20):
        bridge.watch(event(number))
    bridge.watch(snapshot(step="massage"))
    assert not await bridge.flushed(0.05)
    async with embedded_broker(embedded.port) as again, ear(again) as listener:
        await until(lambda: len(listener.events()) >= 19)
        await until(lambda: STATUS in {message.topic.value for message in listener.heard})
        assert listener.events() == list(range(1, 20))
        assert listener.steps() == ["massage"]
        assert listener.payloads(TOPICS.device_availability(STATION, "pump")) == ["online"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_late_will_of_its_own_is_corrected(broker: BrokerUrl, other: Ear) -> None:
    async with running(bridge_to(broker)):
        await other.until(STATUS, "online")
        await other.client.publish(STATUS, "offline", 1, retain=True)
        await until(lambda: other.payloads(STATUS) == ["online", "offline", "online"])


async def test_on_exit_all_that_waits_is_sent_before_offline(broker: BrokerUrl, other: Ear) -> None:
    bridge = bridge_to(broker)
    async with running(bridge):
        for number in range(40):
            bridge.watch(event(number))
        for progress in (0.1, 0.2, 0.3):
            bridge.watch(snapshot(step="warm", progress=progress))
            await asyncio.sleep(0)
    await other.until(STATUS, "offline")
    assert other.events() == list(range(40))
    assert other.values(TOPICS.state(STATION))[-1]["progress"] == 0.3
    assert other.heard[-1].topic.value == STATUS


async def test_replies_of_commands_under_way_leave_before_it_does(broker: BrokerUrl, other: Ear) -> None:
    desk = Desk()
    desk.slow = True
    async with running(bridge_to(broker, desk=desk)):
        await other.command({"id": "1", "action": "skip"})
        await until(lambda: bool(desk.asked))
        asyncio.get_running_loop().call_later(0.05, desk.let_go.set)
    await other.until(STATUS, "offline")
    assert [reply["id"] for reply in other.replies()] == ["1"]


async def test_cancelling_while_a_broker_says_nothing_is_quick(silence: BrokerUrl) -> None:
    bridge = bridge_to(silence)
    with task_of(bridge) as task:
        await asyncio.sleep(0.1)
        begin = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert time.monotonic() - begin < 1.5
    assert not bridge.connected


async def test_no_task_is_left_behind(silence: BrokerUrl) -> None:
    before = asyncio.all_tasks()
    async with embedded_broker(0) as embedded:
        for url in (embedded, silence, await nobody()):
            with task_of(bridge_to(url)) as task:
                await asyncio.sleep(0.1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_controller_that_may_not_hear_commands_does_not_say_it_is_online() -> None:
    heard = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A broker that lets everybody in and grants no subscription (0x80 in SUBACK)."""
        while head := await reader.read(1):
            body = await reader.readexactly((await reader.readexactly(1))[0])
            heard.append(head[0] >> 4)
            if heard[-1] == 1:  # CONNECT
                writer.write(b"\x20\x02\x00\x00")
            elif heard[-1] == 8:  # SUBSCRIBE
                writer.write(b"\x90\x04" + body[:2] + b"\x80\x01")
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    bridge = bridge_to(BrokerUrl(host="127.0.0.1", port=server.sockets[0].getsockname()[1]))
    with task_of(bridge):
        await until(lambda: bridge.problem is not None)
    server.close()
    assert "does not let us subscribe to letdown/home/command; allow it" in str(bridge.problem)
    assert 3 not in heard  # PUBLISH


async def test_one_with_a_lease_answers_and_looks_for_no_other(
    broker: BrokerUrl, other: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = this_process(TOPICS.node, [STATION])
    asked = noted_subscriptions(monkeypatch)
    async with running(bridge_to(broker, me=me, leased=True)):
        await other.until(TOPICS.instance(), me.model_dump_json())
        await other.client.publish(TOPICS.ping(), "anybody")
        await other.until(TOPICS.pong(), me.model_dump_json())
        assert [topic for topic in asked if "controller/+" in topic or topic == TOPICS.instance()] == []
    await other.until(TOPICS.instance(), "")


async def test_a_bridge_without_broker_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs a broker"):
        Bridge(MqttSettings(), TOPICS, {STATION: Desk().handle})


async def test_a_listener_that_fails_costs_no_connection(broker: BrokerUrl, other: Ear) -> None:
    desk, heard = Desk(), []
    bridge = bridge_to(broker, desk=desk)

    def fail(payload: bytes, retained: bool) -> None:
        heard.append(payload)
        raise RecursionError

    bridge.listen("house/status", fail)
    async with running(bridge):
        await other.client.publish("house/status", "online", 1)
        await until(lambda: bool(heard))
        await other.command({"action": "stop"})
        await until(lambda: desk.actions() == ["stop"])
        assert bridge.problem is None


async def test_a_controller_that_may_not_hear_of_home_assistant_works_without() -> None:
    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A broker that grants all but the fifth subscription, and acknowledges what is published."""
        while head := await reader.read(1):
            length = shift = 0
            while (byte := (await reader.readexactly(1))[0]) & 0x80:
                length, shift = length | (byte & 0x7F) << shift, shift + 7
            body = await reader.readexactly(length | byte << shift)
            match head[0] >> 4:
                case 1:  # CONNECT
                    writer.write(b"\x20\x02\x00\x00")
                case 8:  # SUBSCRIBE
                    writer.write(b"\x90\x07" + body[:2] + b"\x01\x01\x01\x01\x80")
                case 3:  # PUBLISH
                    name = int.from_bytes(body[:2], "big")
                    writer.write(b"\x40\x02" + body[2 + name : 4 + name])
        writer.close()

    server = await asyncio.start_server(strict, "127.0.0.1", 0)
    bridge = bridge_to(BrokerUrl(host="127.0.0.1", port=server.sockets[0].getsockname()[1]))
    bridge.listen("homeassistant/status", lambda *_: None)
    async with running(bridge):
        assert bridge.problem is None
    server.close()
