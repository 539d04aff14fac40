"""Whatever is the matter with the broker: a clear word in the log, another try, and a session that goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.cable import cable
from tests.helpers.controlled import write_routine
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.mqtt_listener import ear
from tests.helpers.service_process import EVENT, Program, ask, devices_are_there, in_step, program, session, start, wait

pytestmark = pytest.mark.system

SPEED = 10


@contextlib.asynccontextmanager
async def service(folder: Path, *brokers: BrokerUrl) -> AsyncIterator[Program]:
    """Run the service for the block, with a routine that is long enough for any trouble."""
    write_routine(folder / "routines", "long", "warm: {minutes: 10, celsius: 39}")
    config = folder / "letdown.yaml"
    config.write_text(json.dumps({"routines": [str(folder / "routines")]}), encoding="utf-8")
    where = [word for broker in brokers for word in ("--broker", str(broker))]
    async with program(folder, "run", "--virtual", "--speed", str(SPEED), "--config", str(config), *where) as running:
        yield running


async def take_every_place(broker: Mosquitto) -> list[asyncio.StreamWriter]:
    """Connect until the broker lets nobody in any more."""
    taken = []
    while True:
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        try:
            async with asyncio.timeout(0.3):
                assert await reader.read(1) == b""
        except TimeoutError:
            taken.append(writer)
        else:
            return taken


async def test_a_broker_that_is_full(tmp_path: Path) -> None:
    async with (
        mosquitto(config_lines=["max_connections 3"]) as broker,
        cable(broker) as line,
        ear(broker.url) as other,
        service(tmp_path, line.url) as running,
    ):
        await devices_are_there(other)
        await start(other, "long")
        await in_step(other, "warm")
        began = session(other)
        line.unplug()
        await running.logged("was lost")
        taken = await take_every_place(broker)
        await line.plug()
        await running.logged("whether it allows another client")
        other.heard.clear()
        for place in taken:
            place.close()
        await wait(lambda: session(other).get("session_id") == began["session_id"])
        assert session(other)["state"] == "running"
        assert (await ask(other, "stop"))["outcome"] == "accepted"


async def test_a_broker_that_is_too_slow(tmp_path: Path) -> None:
    async with (
        mosquitto() as broker,
        cable(broker) as line,
        ear(broker.url) as other,
        service(tmp_path, line.url) as running,
    ):
        await devices_are_there(other)
        await start(other, "long")
        await in_step(other, "warm")
        began = session(other)
        line.delay_seconds = 0.6  # so every acknowledgement takes longer than a second
        assert (await ask(other, "pause"))["outcome"] == "accepted"
        await wait(lambda: session(other).get("state") == "paused")
        assert (await ask(other, "resume"))["outcome"] == "accepted"
        assert "does not answer" not in running.log
        line.delay_seconds = 20.0
        await running.logged("does not answer")
        line.unplug()  # what was still under way is lost
        line.delay_seconds = 0.0
        other.heard.clear()
        await line.plug()
        await wait(lambda: session(other).get("session_id") == began["session_id"])
        assert session(other)["state"] == "running"
        assert (await ask(other, "pain"))["outcome"] == "accepted"
        await wait(lambda: session(other).get("state") == "stopped")


async def test_another_broker_takes_over_and_back(tmp_path: Path) -> None:
    async with mosquitto() as first, mosquitto() as second, service(tmp_path, first.url, second.url):
        async with ear(first.url) as other:
            await devices_are_there(other)
            await start(other, "long")
            await in_step(other, "warm")
            began = session(other)
            ids = [event["id"] for event in other.values(EVENT)]
            await first.stop()
        async with ear(second.url) as other:
            await devices_are_there(other)
            assert session(other)["session_id"] == began["session_id"]
            assert (await ask(other, "skip"))["outcome"] == "accepted"
            await wait(lambda: session(other).get("state") == "completed")
            await wait(lambda: "session_finished" in [event["type"] for event in other.values(EVENT)])
            ids += [event["id"] for event in other.values(EVENT)]
            assert len(set(ids)) == len(ids)
            await first.start()
            await second.stop()
        async with ear(first.url) as other:
            await devices_are_there(other)
            await wait(lambda: session(other).get("state") == "completed")
            assert session(other)["session_id"] == began["session_id"]
