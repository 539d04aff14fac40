"""The service in a process of its own, on mosquitto, as a household runs it; told what to do by plain clients."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.mqtt.settings import BrokerUrl
from tests.controller.mqtt.ear import TOPICS, Ear, ear
from tests.helpers.patience import until
from tests.system.mosquitto import Mosquitto, find, free_port, mosquitto
from tests.test_cli import LETDOWN, environment

pytestmark = pytest.mark.system

HOME = "home"
STATUS = TOPICS.status()
STATE, GUIDE, EVENT, REPLY = TOPICS.state(HOME), TOPICS.guide(HOME), TOPICS.event(HOME), TOPICS.reply(HOME)
PUMPS = ("left-pump", "right-pump")
DEVICES = (*PUMPS, "warm-pad", "massager")
PATIENCE_SECONDS = 60.0  # for what takes a few seconds on an idle machine
NUMBERS = itertools.count(1)


class Program:
    """One `letdown` process; what it logs is in a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it logged so far."""
        return self._log.read_text(encoding="utf-8")

    async def logged(self, words: str) -> None:
        """Wait until it has logged these words."""
        await until(lambda: words in self.log or self.process.returncode is not None, PATIENCE_SECONDS)
        assert words in self.log

    async def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self.process.kill()
        await self.process.wait()

    async def end_by(self, number: signal.Signals, seconds: float = 15.0) -> tuple[int, float]:
        """Send a signal; return the exit code and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
        return code, time.monotonic() - began


@contextlib.asynccontextmanager
async def program(folder: Path, *arguments: str, complains: bool = False, **env: str) -> AsyncIterator[Program]:
    """Run `letdown` for the block. It must never log an error of its own, unless it `complains`."""
    log = folder / f"log-{next(NUMBERS)}"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *LETDOWN,
            *arguments,
            cwd=folder,
            env=environment(**{"LETDOWN_MQTT__NODE": TOPICS.node, **env}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    running = Program(process, log)
    try:
        yield running
    finally:
        if process.returncode is None:
            await running.kill()
        print(running.log)  # noqa: T201 - pytest shows it when the test fails
    assert "Traceback" not in running.log
    assert complains or " ERROR " not in running.log


@contextlib.asynccontextmanager
async def service(folder: Path, broker: Mosquitto, *more: str, speed: int = 30) -> AsyncIterator[Program]:
    """Run the service on virtual devices, and wait until all of it is there."""
    options = ("run", "--virtual", "--broker", str(broker.url), "--speed", str(speed), *more)
    async with program(folder, *options) as running:
        async with ear(broker.url) as other:
            await devices_are_there(other)
        yield running


async def wait(done: Callable[[], bool]) -> None:
    await until(done, PATIENCE_SECONDS)


async def devices_are_there(other: Ear) -> None:
    await wait(lambda: other.payloads(STATUS)[-1:] == ["online"])
    await wait(lambda: availability(other) == ["online"] * 4)


def availability(other: Ear) -> list[str]:
    return [(other.payloads(TOPICS.device_availability(HOME, device)) or [""])[-1] for device in DEVICES]


def latest(other: Ear, topic: str) -> dict[str, Any]:
    return (other.values(topic) or [{}])[-1]


def reading(other: Ear, device: str) -> dict[str, Any]:
    return latest(other, TOPICS.device_state(HOME, device)).get("reading", {})


def run_states(other: Ear, *devices: str) -> list[Any]:
    return [reading(other, device).get("run_state") for device in devices]


def session(other: Ear) -> dict[str, Any]:
    return latest(other, STATE)


def kinds(other: Ear) -> list[str]:
    return [event["type"] for event in other.values(EVENT)]


async def ask(other: Ear, action: str, **args: Any) -> dict[str, Any]:
    """Send a command, and return the reply to it."""
    id_ = f"test-{next(NUMBERS)}"
    await other.command({"id": id_, "action": action, "args": args})
    return await reply_to(other, id_)


async def reply_to(other: Ear, id_: str | None) -> dict[str, Any]:
    await wait(lambda: any(reply["id"] == id_ for reply in other.replies()))
    (reply,) = [reply for reply in other.replies() if reply["id"] == id_]
    return reply


async def refused(other: Ear, action: str, **args: Any) -> str:
    reply = await ask(other, action, **args)
    assert reply["outcome"] == "refused"
    (reason,) = reply["reasons"]
    return reason


async def in_step(other: Ear, step: str) -> None:
    await wait(lambda: session(other).get("step") == step)


async def start(other: Ear, routine: str) -> None:
    reply = await ask(other, "start", routine=routine, side="both")
    assert reply["outcome"] == "accepted"
    await wait(lambda: session(other).get("session_id") == reply["session_id"])


async def start_suction(other: Ear) -> None:
    """Start the routine whose first step after the questions is suction, and wait until both pumps say they run."""
    await start(other, "power-pumping")
    await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])


async def publish(broker: BrokerUrl | Mosquitto, *options: str) -> None:
    """Publish with `mosquitto_pub`."""
    where = ("-h", broker.host, "-p", str(broker.port))
    process = await asyncio.create_subprocess_exec(find("mosquitto_pub"), *where, *options)
    assert await process.wait() == 0


def in_order(found: list[str], *wanted: str) -> bool:
    rest = iter(found)
    return all(each in rest for each in wanted)


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


def technique(other: Ear) -> tuple[str, str] | None:
    says = latest(other, GUIDE)
    return (says["technique"], says["side"]) if says.get("technique") else None


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
        assert "no session" in await refused(other, "skip")
        assert "no question" in await refused(other, "answer", question="nonsense", value=False)

        await start(other, "power-pumping")
        await wait(lambda: latest(other, GUIDE).get("question") is not None)
        assert session(other)["state"] == "checking"
        first = latest(other, GUIDE)["question"]
        assert (await ask(other, "answer", question=first, value=False))["outcome"] == "accepted"
        await wait(lambda: latest(other, GUIDE).get("question") not in (None, first))
        assert (await ask(other, "answer", question="all", value=False))["outcome"] == "accepted"
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])

        assert "not paused" in await refused(other, "resume")
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
        assert "nothing has tripped" in await refused(other, "acknowledge")
        assert in_order(kinds(other), "paused", "resumed", "let_down", "session_finished", "volume_logged")


# Commands that are none


async def test_commands_that_cannot_be_carried_out_are_refused_with_the_reason(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        assert "there is no routine nope" in await refused(other, "start", routine="nope")
        assert "side" in await refused(other, "start", side="up")
        assert "mmhg" in await refused(other, "set_vacuum")
        assert "mmhg" in await refused(other, "set_vacuum", mmhg=-1)
        assert "action" in await refused(other, "explode")
        assert "nonsense is not known" in await refused(other, "skip", nonsense=1)
        assert session(other)["state"] == "idle"

        await other.command("this is not JSON")
        await wait(lambda: other.replies()[-1]["id"] is None)
        assert other.replies()[-1]["outcome"] == "refused"
        assert "not valid JSON" in other.replies()[-1]["reasons"][0]

        await start_suction(other)
        running = session(other)["session_id"]
        assert f"session {running} is running" in await refused(other, "start")
        await other.command({"id": "old", "action": "skip", "session": "another"})
        assert (await reply_to(other, "old"))["outcome"] == "refused"
        await other.command({"id": "late", "action": "skip", "expires": "2020-01-01T00:00:00Z"})
        assert "expired" in (await reply_to(other, "late"))["reasons"][0]
        await other.command({"id": "late", "action": "skip"})  # the reply to an expired one does not use its id up
        await wait(lambda: [reply["id"] for reply in other.replies()].count("late") == 2)
        await other.command({"id": "late", "action": "skip"})
        await wait(lambda: [reply["id"] for reply in other.replies()].count("late") == 3)
        assert "came before" in other.replies()[-1]["reasons"][0]
        assert session(other)["session_id"] == running


async def test_a_topic_that_is_no_stations_gets_no_answer(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker), ear(broker.url) as other:
        for topic in ("letdown/elsewhere/command", "letdown/home/commands", "letdown/command", "other/home/command"):
            await publish(broker, "-t", topic, "-m", '{"id": "lost", "action": "start"}')
        await wait(lambda: sum(b"lost" in bytes(each.payload) for each in other.heard) == 4)
        assert "no session" in await refused(other, "skip")  # whatever came before has been dealt with by now
        assert all(reply["id"] != "lost" for reply in other.replies())
        assert {each.topic.value for each in other.heard if each.topic.value.endswith("/reply")} == {REPLY}
        assert session(other)["state"] == "idle"


async def test_a_retained_start_starts_nothing(tmp_path: Path) -> None:
    async with mosquitto() as broker, ear(broker.url) as other:
        await other.command({"id": "before", "action": "start"}, retain=True)
        async with service(tmp_path, broker):
            reply = await reply_to(other, "before")
            assert reply["outcome"] == "refused"
            assert "retain" in reply["reasons"][0]
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_mid_session_stops_everything_and_says_goodbye(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with mosquitto() as broker, service(tmp_path, broker) as running, ear(broker.url) as other:
        await start_suction(other)
        code, seconds = await running.end_by(number)
        assert code == 0
        assert seconds < 3
        await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        topics = [each.topic.value for each in other.heard]
        for pump in PUMPS:
            states = other.values(TOPICS.device_state(HOME, pump))
            stopped = max(n for n, each in enumerate(states) if each["reading"]["run_state"] == "running") + 1
            assert states[stopped]["reading"]["run_state"] == "stopped"
        assert session(other)["state"] == "stopped"
        assert session(other)["reason"] == "the controller was shut down"
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
        assert code in (1, 2)
        assert running.log.count("\n") == 1
        assert running.log.startswith(f"letdown: the embedded broker cannot use port {broker.port}: ")


# Devices in another process


@contextlib.asynccontextmanager
async def virtual_devices(folder: Path, port: int) -> AsyncIterator[Program]:
    """Serve the virtual devices from a process of their own."""
    options = ("virtual", "--transport", f"tcp-server:127.0.0.1:{port}", "--speed", "10")
    async with program(folder, *options) as running:
        await running.logged("serving left-pump, right-pump, warm-pad, massager")
        yield running


@contextlib.asynccontextmanager
async def remote_service(folder: Path, broker: Mosquitto, port: int) -> AsyncIterator[Program]:
    """Run the service on devices that another process serves, as its configuration names them."""
    config = folder / "letdown.yaml"
    config.write_text(
        f"""
radio: {{kind: bumble, transport: "tcp-client:127.0.0.1:{port}"}}
mqtt: {{brokers: ["{broker.url}"]}}
limits: {{comfort_vacuum_mmhg: 150}}
stations:
  home:
    devices:
      - {{name: left-pump, profile: open-pump, side: left, advertised_name: Letdown Pump L}}
      - {{name: right-pump, profile: open-pump, side: right, advertised_name: Letdown Pump R}}
      - {{name: warm-pad, profile: open-warm-pad, advertised_name: Letdown Pad}}
      - {{name: massager, profile: open-massager, advertised_name: Letdown Massager}}
""",
        encoding="utf-8",
    )
    async with program(folder, "run", "--config", str(config), "--speed", "10") as running:
        async with ear(broker.url) as other:
            await devices_are_there(other)
        yield running


async def start_without_questions(other: Ear, routine: str) -> None:
    reply = await ask(other, "start", routine=routine, no_symptoms=True)
    assert reply["outcome"] == "accepted"


async def test_devices_in_another_process_are_led_through_a_session(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mosquitto() as broker,
        virtual_devices(tmp_path, port),
        remote_service(tmp_path, broker, port),
        ear(broker.url) as other,
    ):
        await start_without_questions(other, "classic")
        await in_step(other, "warm")
        await wait(lambda: run_states(other, "warm-pad") == ["running"])
        await ask(other, "skip")
        await in_step(other, "massage")
        await wait(lambda: run_states(other, "warm-pad") == ["stopped"])
        await ask(other, "stop")
        await wait(lambda: session(other)["state"] == "stopped")

        await start_without_questions(other, "power-pumping")
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
        began = time.monotonic()
        await publish(broker, "-t", TOPICS.command(HOME), "-m", '{"id": "hurts", "action": "pain"}')
        reply = await reply_to(other, "hurts")
        assert time.monotonic() - began < 1
        assert reply["devices"] == dict.fromkeys(DEVICES, "stopped")
        await wait(lambda: run_states(other, *DEVICES) == ["stopped"] * 4)


async def test_devices_stop_by_themselves_when_the_service_dies(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, virtual_devices(tmp_path, port):
        async with remote_service(tmp_path, broker, port) as running, ear(broker.url) as other:
            await start_without_questions(other, "power-pumping")
            await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
            await running.kill()
            await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        async with remote_service(tmp_path, broker, port), ear(broker.url) as other:
            await wait(lambda: run_states(other, *DEVICES) == ["stopped"] * 4)
            assert session(other)["state"] == "failed"  # it was broken off, and is told so


async def test_a_session_ends_when_the_devices_die_and_the_service_lives_on(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, contextlib.AsyncExitStack() as stack:
        virtual = await stack.enter_async_context(virtual_devices(tmp_path, port))
        running = await stack.enter_async_context(remote_service(tmp_path, broker, port))
        other = await stack.enter_async_context(ear(broker.url))
        await start_without_questions(other, "power-pumping")
        await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
        await virtual.kill()
        await wait(lambda: session(other)["state"] == "tripped")
        assert session(other)["trip"]["kind"] == "link_lost"
        await wait(lambda: in_order(kinds(other), "trip", "session_finished"))
        await wait(lambda: availability(other) == ["offline"] * 4)
        await wait(lambda: run_states(other, *DEVICES) == ["unknown"] * 4)
        assert "acknowledge" in await refused(other, "start", no_symptoms=True)
        assert (await ask(other, "acknowledge"))["outcome"] == "accepted"
        assert running.process.returncode is None


async def test_a_service_whose_bluetooth_controller_is_gone_still_ends_in_time(tmp_path: Path) -> None:
    port = free_port()
    async with (
        mosquitto() as broker,
        virtual_devices(tmp_path, port) as virtual,
        remote_service(tmp_path, broker, port) as running,
        ear(broker.url) as other,
    ):
        await wait(lambda: availability(other) == ["online"] * 4)
        await virtual.kill()
        await wait(lambda: availability(other) == ["offline"] * 4)
        code, seconds = await running.end_by(signal.SIGTERM)
        assert code == 0
        assert seconds < 3


async def test_devices_that_come_back_are_found_again(tmp_path: Path) -> None:
    port = free_port()
    async with mosquitto() as broker, contextlib.AsyncExitStack() as stack:
        virtual = await stack.enter_async_context(virtual_devices(tmp_path, port))
        await stack.enter_async_context(remote_service(tmp_path, broker, port))
        other = await stack.enter_async_context(ear(broker.url))
        await wait(lambda: availability(other) == ["online"] * 4)
        await virtual.kill()
        await wait(lambda: availability(other) == ["offline"] * 4)
        await stack.enter_async_context(virtual_devices(tmp_path, port))
        await until(lambda: availability(other) == ["online"] * 4, 15)
