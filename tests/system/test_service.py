"""The service in a process of its own, on mosquitto, as an owner runs it, controlled by plain MQTT clients."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from pathlib import Path

import pytest

from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.mosquitto import find, free_port, mosquitto
from tests.helpers.mqtt_listener import TOPICS, ear
from tests.helpers.service_process import (
    DEVICES,
    EVENT,
    GUIDE,
    HOME,
    PATIENCE_SECONDS,
    PUMPS,
    REPLY,
    STATE,
    STATUS,
    ask,
    devices_are_there,
    in_order,
    in_step,
    kinds,
    latest,
    program,
    publish,
    reading,
    refused,
    reply_to,
    run_states,
    service,
    session,
    start,
    start_suction,
    technique,
    wait,
)

pytestmark = pytest.mark.system


# One session, and pain in it


async def test_a_session_is_followed_and_pain_stops_it(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        await wait(lambda: session(other).get("state") == "idle")
        await start(other, "classic")
        await in_step(other, "warm")
        await wait(lambda: run_states(other, "warm-pad") == ["running"])
        assert (await ask(other, "skip"))["outcome"] == "accepted"
        techniques: list[tuple[str, str]] = []
        while True:
            await wait(
                lambda: session(other).get("step") == "stimulate" or technique(other) not in (None, *techniques[-1:])
            )
            if session(other)["step"] == "stimulate":
                break
            techniques.append(technique(other))
            assert (await ask(other, "skip"))["outcome"] == "accepted"
        order = ["spiral", "palm-sweep", "roll", "roll-around"]
        assert techniques == [(each, side) for side in ("left", "right") for each in order]
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
        assert (await ask(other, "let_down"))["outcome"] == "accepted"
        await in_step(other, "express")
        await wait(lambda: [reading(other, pump).get("phase") for pump in PUMPS] == ["expression", "expression"])

        began = time.monotonic()
        await publish(broker, "-t", TOPICS.command(HOME), "-m", '{"id": "hurts", "action": "pain"}')
        reply = await reply_to(other, "hurts")
        assert time.monotonic() - began < 1
        assert reply["outcome"] == "accepted"
        assert reply["devices"] == dict.fromkeys(DEVICES, "stopped")
        await wait(lambda: session(other)["state"] == "stopped")

        async with ear(broker.url) as late:
            await wait(lambda: None not in run_states(late, *DEVICES))
            assert run_states(late, *DEVICES) == ["stopped"] * 4
            await wait(lambda: session(late).get("state") == "stopped")
            assert session(late)["reason"] == "pain"

        states = [key for key, _ in itertools.groupby(each["state"] for each in other.values(STATE))]
        assert states[:3] == ["idle", "checking", "running"]
        assert states[3:] in (["stopping", "stopped"], ["stopped"])
        steps = [each["data"]["step"] for each in other.values(EVENT) if each["type"] == "step_started"]
        assert steps == ["check", "warm", "massage", "stimulate", "express"]
        await wait(lambda: kinds(other)[-1] == "session_finished")
        assert kinds(other)[:2] == ["session_started", "step_started"]
        assert in_order(kinds(other), "let_down", "pain", "session_finished")
        ids = [each["id"] for each in other.values(EVENT)]
        assert len(set(ids)) == len(ids)


async def test_pain_switches_the_heater_off(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker, speed=10), ear(broker.url) as other:
        await start(other, "classic")
        await wait(lambda: run_states(other, "warm-pad") == ["running"])
        began = time.monotonic()
        await publish(broker, "-t", TOPICS.command(HOME), "-m", '{"id": "hurts", "action": "pain"}')
        reply = await reply_to(other, "hurts")
        assert time.monotonic() - began < 1
        assert reply["devices"] == dict.fromkeys(DEVICES, "stopped")
        async with ear(broker.url) as late:
            await wait(lambda: run_states(late, "warm-pad") == ["stopped"])


async def test_what_a_person_can_do_in_a_session(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker, "--ask", speed=10), ear(broker.url) as other:
        assert "no_session" in await refused(other, "skip")
        assert "unknown_question" in await refused(other, "answer", question="nonsense", value=False)

        await start(other, "power-pumping")
        await wait(lambda: latest(other, GUIDE).get("question") is not None)
        assert session(other)["state"] == "checking"
        first = latest(other, GUIDE)["question"]
        assert (await ask(other, "answer", question=first, value=False))["outcome"] == "accepted"
        await wait(lambda: latest(other, GUIDE).get("question") not in (None, first))
        assert (await ask(other, "answer", question="all", value=False))["outcome"] == "accepted"
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])

        assert "not_paused" in await refused(other, "resume")
        assert (await ask(other, "pause"))["outcome"] == "accepted"
        await wait(lambda: session(other)["state"] == "paused")
        await wait(lambda: "running" not in run_states(other, *PUMPS))
        assert (await ask(other, "resume"))["outcome"] == "accepted"
        await wait(lambda: session(other)["state"] == "running")
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])

        await wait(lambda: session(other)["target_vacuum_mmhg"] is not None)
        before = session(other)["target_vacuum_mmhg"]
        assert (await ask(other, "vacuum_down"))["outcome"] == "accepted"
        await wait(lambda: session(other)["target_vacuum_mmhg"] == before - 20)
        limited = await ask(other, "set_vacuum", mmhg=250)  # far above what stimulation is allowed
        assert limited["outcome"] == "limited"
        assert limited["reasons"]
        assert (await ask(other, "set_vacuum", mmhg=10))["outcome"] == "accepted"
        await wait(lambda: session(other)["target_vacuum_mmhg"] == 10)
        assert (await ask(other, "vacuum_up"))["outcome"] in ("accepted", "limited")  # within ten seconds of a raise

        assert (await ask(other, "let_down"))["outcome"] == "accepted"
        await in_step(other, "express")
        await wait(lambda: session(other)["let_down_by"] == "tap")
        assert (await ask(other, "skip"))["outcome"] == "accepted"
        await in_step(other, "rest")
        await wait(lambda: run_states(other, *PUMPS) == ["stopped", "stopped"])

        stopped = await ask(other, "stop")
        assert stopped["devices"] == dict.fromkeys(DEVICES, "stopped")
        await wait(lambda: session(other)["state"] == "stopped")
        assert (await ask(other, "log_volume", left_ml=50, right_ml=45.5))["outcome"] == "accepted"
        await wait(lambda: session(other)["volume_ml"] == {"left": 50, "right": 45.5, "both": None})
        assert "nothing_to_acknowledge" in await refused(other, "acknowledge")
        assert in_order(kinds(other), "paused", "resumed", "let_down", "session_finished", "volume_logged")


# Commands that are none


async def test_commands_that_cannot_be_carried_out_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        assert "unknown_routine" in await refused(other, "start", routine="nope")
        assert "side" in await refused(other, "start", side="up")
        assert "mmhg" in await refused(other, "set_vacuum")
        assert "mmhg" in await refused(other, "set_vacuum", mmhg=-1)
        assert "action" in await refused(other, "explode")
        assert "nonsense is unknown" in await refused(other, "skip", nonsense=1)
        assert session(other)["state"] == "idle"

        await other.command("this is not JSON")
        await wait(lambda: other.replies()[-1]["id"] is None)
        assert other.replies()[-1]["outcome"] == "refused"
        assert "not valid JSON" in other.replies()[-1]["reasons"][0]

        await start_suction(other)
        running = session(other)["session_id"]
        assert "session_running" in await refused(other, "start")
        assert other.replies()[-1]["session_id"] == running
        await other.command({"id": "old", "action": "skip", "session": "another"})
        assert (await reply_to(other, "old"))["outcome"] == "refused"
        await other.command({"id": "late", "action": "skip", "expires": "2020-01-01T00:00:00Z"})
        assert (await reply_to(other, "late"))["keys"] == ["expired"]
        await other.command({"id": "late", "action": "skip"})  # the reply to an expired one does not use its id up
        await wait(lambda: [reply["id"] for reply in other.replies()].count("late") == 2)
        await other.command({"id": "late", "action": "skip"})
        await wait(lambda: [reply["id"] for reply in other.replies()].count("late") == 3)
        assert other.replies()[-1]["keys"] == ["duplicate"]
        assert session(other)["session_id"] == running


async def test_a_topic_that_is_no_stations_gets_no_answer(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        for topic in ("letdown/elsewhere/command", "letdown/home/commands", "letdown/command", "other/home/command"):
            await publish(broker, "-t", topic, "-m", '{"id": "lost", "action": "start"}')
        await wait(lambda: sum(b"lost" in bytes(each.payload) for each in other.heard) == 4)
        assert "no_session" in await refused(other, "skip")  # whatever was received before has been dealt with by now
        assert all(reply["id"] != "lost" for reply in other.replies())
        assert {each.topic.value for each in other.heard if each.topic.value.endswith("/reply")} == {REPLY}
        assert session(other)["state"] == "idle"


async def test_a_retained_start_starts_nothing(tmp_path: Path) -> None:
    async with mosquitto() as broker, ear(broker.url) as other:
        await other.command({"id": "before", "action": "start"}, retain=True)
        async with service(tmp_path, broker):
            reply = await reply_to(other, "before")
            assert reply["outcome"] == "refused"
            assert reply["keys"] == ["retained"]
            assert session(other)["state"] == "idle"
            assert kinds(other) == []


async def test_a_start_that_is_sent_to_be_retained_starts_nothing(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        await other.command({"id": "while", "action": "start"}, retain=True)
        assert (await reply_to(other, "while"))["outcome"] == "refused"


async def test_a_start_that_was_retained_is_not_carried_out_again(tmp_path: Path) -> None:
    """It is carried out when it is sent. What counts is that the copy on the broker never starts anything."""
    async with mosquitto() as broker, service(tmp_path, broker) as running, ear(broker.url) as other:
        await other.command({"id": "once", "action": "start", "args": {"routine": "power-pumping"}}, retain=True)
        await reply_to(other, "once")
        await running.kill()
        await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        async with service(tmp_path, broker):
            await wait(lambda: sum(reply["id"] == "once" for reply in other.replies()) == 2)
            assert other.replies()[-1]["outcome"] == "refused"
            assert session(other)["state"] == "idle"


# The end, of either


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
async def test_a_signal_in_mid_session_stops_everything_and_says_goodbye(
    number: signal.Signals, expected: int, tmp_path: Path
) -> None:
    async with mosquitto() as broker, service(tmp_path, broker) as running, ear(broker.url) as other:
        await start_suction(other)
        code, seconds = await running.end_by(number)
        assert code == expected
        assert seconds < 3
        await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        topics = [each.topic.value for each in other.heard]
        for pump in PUMPS:
            states = other.values(TOPICS.device_state(HOME, pump))
            stopped = max(n for n, each in enumerate(states) if each["reading"]["run_state"] == "running") + 1
            assert states[stopped]["reading"]["run_state"] == "stopped"
        assert session(other)["state"] == "stopped"
        assert session(other)["reason"] == "shut_down"
        assert kinds(other)[-1] == "session_finished"
        assert topics[-1] == STATUS, "nothing comes after the goodbye"


async def test_the_broker_tells_when_the_service_dies(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker) as running, ear(broker.url) as other:
        await wait(lambda: other.payloads(STATUS) == ["online"])
        await running.kill()
        await wait(lambda: other.payloads(STATUS) == ["online", "offline"])
        async with ear(broker.url) as late:
            await wait(lambda: late.payloads(STATUS) == ["offline"])


async def test_a_session_goes_on_without_the_broker(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker) as running:
        async with ear(broker.url) as other:
            await start_suction(other)
            before = session(other)
        await broker.stop()
        await running.logged("was lost")
        await broker.start()
        async with ear(broker.url) as other:
            await devices_are_there(other)
            await wait(lambda: bool(session(other)) and bool(latest(other, GUIDE)))
            assert session(other)["session_id"] == before["session_id"]
            assert session(other)["state"] == "running"
            assert session(other)["progress"] >= before["progress"]
            assert run_states(other, *PUMPS) == ["running", "running"]
            reply = await ask(other, "pain")
            assert reply["devices"] == dict.fromkeys(DEVICES, "stopped")


# The embedded broker


async def test_the_embedded_broker_can_be_followed(tmp_path: Path) -> None:
    port = free_port()
    options = ("-h", "127.0.0.1", "-p", str(port), "-t", "letdown/#", "-v")
    async with program(tmp_path, "run", "--virtual", "--speed", "30", LETDOWN_MQTT__EMBEDDED_PORT=str(port)) as running:
        await running.logged(f"serving home over MQTT at mqtt://127.0.0.1:{port}")
        heard: list[str] = []
        follower = await asyncio.create_subprocess_exec(
            find("mosquitto_sub"), *options, stdout=asyncio.subprocess.PIPE, limit=2**20
        )

        async def follow() -> None:
            assert follower.stdout is not None
            while line := await follower.stdout.readline():
                heard.append(line.decode())

        following = asyncio.create_task(follow())
        try:
            await wait(lambda: f"{STATUS} online\n" in heard)
            await publish(
                BrokerUrl(host="127.0.0.1", port=port),
                *("-q", "1", "-t", TOPICS.command(HOME), "-m", '{"id": "1", "action": "start"}'),
            )
            await wait(lambda: any(line.startswith(f"{STATE} ") and '"step":"warm"' in line for line in heard))
            assert any(line.startswith(f"{REPLY} ") and '"accepted"' in line for line in heard)
            code, seconds = await running.end_by(signal.SIGTERM)
            assert code == 0
            assert seconds < 3
            await wait(lambda: f"{STATUS} offline\n" in heard)
        finally:
            follower.kill()
            await follower.wait()
            await following


async def test_the_embedded_broker_loses_no_pain_of_a_client_that_hangs_up_at_once(tmp_path: Path) -> None:
    url = BrokerUrl(host="127.0.0.1", port=free_port())
    async with program(tmp_path, "run", "--virtual", LETDOWN_MQTT__EMBEDDED_PORT=str(url.port)) as running:
        await running.logged(f"serving home over MQTT at {url}")
        async with ear(url) as other:
            await devices_are_there(other)
            for number in range(100):
                await publish(url, "-t", TOPICS.command(HOME), "-m", f'{{"id": "{number}", "action": "pain"}}')
            assert (await ask(other, "stop"))["outcome"] == "accepted"  # all before it have been answered by now
            answered = {reply["id"] for reply in other.replies()}
            assert sum(str(number) in answered for number in range(100)) == 100


async def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    async with (
        mosquitto() as broker,
        program(tmp_path, "run", "--virtual", LETDOWN_MQTT__EMBEDDED_PORT=str(broker.port)) as running,
    ):
        async with asyncio.timeout(PATIENCE_SECONDS):
            code = await running.process.wait()
        assert code == 1
        assert running.log.count("\n") == 1
        assert running.log.startswith(f"letdown: the embedded broker cannot use port {broker.port}: ")
