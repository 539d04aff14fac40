"""The service in a process of its own on mosquitto, and what a plain MQTT client sends to it and reads from it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.command_line import environment, fork_server
from tests.helpers.forked import ForkedProcess
from tests.helpers.mosquitto import Mosquitto, find
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.patience import until

HOME = "home"
STATUS = TOPICS.status()
STATE, GUIDE, EVENT, REPLY = TOPICS.state(HOME), TOPICS.guide(HOME), TOPICS.event(HOME), TOPICS.reply(HOME)
PUMPS = ("left-pump", "right-pump")
DEVICES = (*PUMPS, "warm-pad", "massager")
PATIENCE_SECONDS = 60.0  # for what takes a few seconds on an idle machine
NUMBERS = itertools.count(1)


class Program:
    """One `letdown` process; what it logs is in a file."""

    def __init__(self, process: asyncio.subprocess.Process | ForkedProcess, log: Path) -> None:
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
        given = environment(**{"LETDOWN_MQTT__NODE": TOPICS.node, **env})
        process = await asyncio.to_thread(
            fork_server().begin, *arguments, cwd=folder, env=given, stdout=file, stderr=file
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
async def service(folder: Path, broker: Mosquitto, *more: str, speed: int = 30, **env: str) -> AsyncIterator[Program]:
    """Run the service on virtual devices, and wait until all of it is there."""
    options = ("run", "--virtual", "--broker", str(broker.url), "--speed", str(speed), *more)
    async with program(folder, *options, **env) as running:
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
    """Send a command that is refused, and return the key of the reason, and its words."""
    reply = await ask(other, action, **args)
    assert reply["outcome"] == "refused"
    (key,), (reason,) = reply["keys"], reply["reasons"]
    return f"{key}: {reason}"


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


def technique(other: Ear) -> tuple[str, str] | None:
    says = latest(other, GUIDE)
    return (says["technique"], says["side"]) if says.get("technique") else None
