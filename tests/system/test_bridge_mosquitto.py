"""The bridge on mosquitto: what only a real broker in a process of its own can show."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from controller.mqtt.bridge import Bridge
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from tests.helpers.mosquitto import find, mosquitto
from tests.helpers.mqtt_listener import (
    STATION,
    TOPICS,
    Desk,
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
from tests.helpers.mqtt_listener import bridge_to as any_bridge_to
from tests.helpers.patience import until

pytestmark = pytest.mark.system

STATUS = TOPICS.status()
bridge_to = partial(any_bridge_to, mqtt_5=True)

_BRIDGE = """
import asyncio, sys
from tests.helpers.mqtt_listener import bridge_to, BrokerUrl
asyncio.run(bridge_to(BrokerUrl(host="127.0.0.1", port=int(sys.argv[1])), mqtt_5=True).run())
"""


async def run(program: str, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(find(program), *arguments, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


async def test_the_will_tells_when_the_process_dies() -> None:
    async with mosquitto() as broker, ear(broker.url) as other:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _BRIDGE, str(broker.port))
        await other.until(STATUS, "online")
        process.kill()
        await process.wait()
        await other.until(STATUS, "offline")


async def test_a_clean_exit_says_offline_and_sends_no_will() -> None:
    async with mosquitto() as broker, ear(broker.url) as other:
        bridge = bridge_to(broker.url)
        async with running(bridge):
            bridge.watch(event(1))
        await other.until(STATUS, "offline")
        await asyncio.sleep(0.1)
        assert other.payloads(STATUS) == ["online", "offline"]
        assert other.events() == [1]


async def test_with_mqtt_5_too_only_commands_are_subscribed_to_with_qos_1(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = noted_subscriptions(monkeypatch)
    async with mosquitto() as broker:
        bridge = bridge_to(broker.url)
        bridge.listen("others/status", lambda *_: None)
        async with running(bridge):
            pass
    assert asked == dict.fromkeys(bridge.commands.filters, 1) | {STATUS: 0, "others/status": 0}


async def test_a_broker_that_forgot_everything_is_told_everything() -> None:
    async with mosquitto() as broker:
        bridge = bridge_to(broker.url)
        async with running(bridge):
            for item in (snapshot(step="warm"), guide(title="Rest"), device()):
                bridge.watch(item)
            assert await bridge.flushed(2)
            await broker.restart()
            await until(lambda: bridge.connected)
            assert await bridge.flushed(2)
            async with ear(broker.url) as late:
                await until(lambda: len(late.heard) >= 5)
                assert all(message.retain for message in late.heard)
                assert late.payloads(STATUS) == ["online"]
                assert late.steps() == ["warm"]


async def test_events_of_a_time_without_broker_arrive_once_and_in_order() -> None:
    async with mosquitto() as broker:
        # A wait that leaves the ear time to be there first: events are not retained.
        bridge = bridge_to(broker.url, first_wait_seconds=0.5, longest_wait_seconds=0.5)
        async with running(bridge):
            await broker.stop()
            await until(lambda: not bridge.connected)
            for number in range(300):
                bridge.watch(event(number))
            for step in ("warm", "massage", "express"):
                bridge.watch(snapshot(step=step))
            await broker.start()
            async with ear(broker.url) as other:
                await until(lambda: len(other.events()) >= 300)
                await asyncio.sleep(0.1)
                assert other.events() == list(range(300))
                assert other.steps() == ["warm", "massage", "express"]


async def test_a_wrong_password_is_told_apart_and_never_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    passwords = tmp_path / "passwords"
    await run("mosquitto_passwd", "-b", "-c", str(passwords), "ann", "right")
    async with mosquitto(config_lines=["allow_anonymous false", f"password_file {passwords}"]) as broker:
        wrong = bridge_to(BrokerUrl.parse(f"mqtt://ann:wr0ng@127.0.0.1:{broker.port}"))
        with task_of(wrong):
            await until(lambda: wrong.problem is not None)
        assert wrong.problem == (
            f"the broker {broker.url} refuses the user 'ann'; "
            "set user name and password in mqtt.brokers: mqtt://user:password@host:port"
        )
        assert "wr0ng" not in caplog.text
        right = bridge_to(BrokerUrl.parse(f"mqtt://ann:right@127.0.0.1:{broker.port}"))
        async with running(right), ear(broker.url, username="ann", password="right") as other:
            await other.until(STATUS, "online")


async def test_pain_is_heard_while_thirty_slow_commands_are_under_way() -> None:
    async with mosquitto() as broker, ear(broker.url) as other:
        desk = Desk()
        desk.slow = True
        async with running(bridge_to(broker.url, desk=desk)):
            for number in range(30):
                await other.command({"id": str(number), "action": "skip"})
            await until(lambda: len(desk.asked) == 30)
            begin = time.monotonic()
            await other.command({"id": "p", "action": "pain"})
            await until(lambda: bool(other.replies()))
            assert time.monotonic() - begin < 0.5
            assert [reply["action"] for reply in other.replies()] == ["pain"]


async def test_leaving_a_broker_that_hangs_is_bounded() -> None:
    async with mosquitto() as broker:
        bridge = bridge_to(broker.url)
        async with running(bridge) as task:
            broker.freeze()
            for number in range(100):
                bridge.watch(event(number))
            await asyncio.sleep(0.1)
            begin = time.monotonic()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert time.monotonic() - begin < 1.5
            assert task.cancelled()
            broker.thaw()


async def test_a_second_controller_of_the_same_name_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    async with mosquitto() as broker:
        one, two = bridge_to(broker.url), bridge_to(broker.url)
        async with running(one):
            with task_of(two):
                await until(lambda: "no other controller has the same mqtt.node" in caplog.text)


async def test_tls_with_an_own_authority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
    )
    async with mosquitto(config_lines=[f"certfile {certificate}", f"keyfile {key}"]) as broker:
        url = BrokerUrl(host="127.0.0.1", port=broker.port, tls=True)
        distrustful = bridge_to(url)
        with task_of(distrustful):
            await until(lambda: distrustful.problem is not None)
        assert "set mqtt.ca_file" in (distrustful.problem or "")
        settings = MqttSettings(brokers=(url,), node="test", ca_file=certificate)
        async with running(Bridge(settings, TOPICS, {STATION: Desk().handle})) as task:
            assert not task.done()
    assert all(record.levelno < logging.ERROR for record in caplog.records)


async def test_a_busy_ward_is_no_load() -> None:
    """Eight stations at the pace of the outbox; what is not needed is never written out."""
    async with mosquitto() as broker, ear(broker.url) as other:
        bridge = bridge_to(broker.url)
        async with running(bridge):
            for number in range(2000):
                bridge.watch(snapshot(step="warm", progress=number / 2000))
                bridge.watch(telemetry(number))
                if number % 10 == 0:
                    await asyncio.sleep(0)
            bridge.watch(snapshot(step="express"))
            assert await bridge.flushed(2)
            await until(lambda: other.steps()[-1:] == ["express"])
            assert bridge.outbox.published < 30
