"""A node as a process: `letdown run` with a section `fleet`, on a real nats-server and on virtual devices elsewhere."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from controller.mqtt.topics import Topics
from tests.helpers.controlled import COMFORT_MMHG, CONFIG, ROUTINES, witness, write_routine
from tests.helpers.mqtt_listener import ear
from tests.helpers.nats_server import NatsServer, nats_server
from tests.helpers.service_process import DEVICES, ask, program, wait

pytestmark = pytest.mark.system

UNIT = Topics("letdown", "home")
FLEET = 'fleet: {{servers: ["{address}"], ttl_seconds: {ttl_seconds}{more}}}\n'


def write_config(folder: Path, server: NatsServer, transport: str, more: str = "", *, ttl_seconds: int = 6) -> Path:
    folder.mkdir(exist_ok=True)
    for id_, step in ROUTINES.items():
        write_routine(folder / "routines", id_, step)
    text = CONFIG.format(
        transport=transport,
        broker=server.broker,
        store=folder / "letdown.db",
        comfort=COMFORT_MMHG,
        routines=f'["{folder / "routines"}"]',
        pump="open-pump",
    )
    config = folder / "letdown.yaml"
    config.write_text(text + FLEET.format(address=server.address, more=more, ttl_seconds=ttl_seconds), encoding="utf-8")
    return config


async def test_a_node_serves_pumps_and_ends_in_order_on_sigterm(tmp_path: Path) -> None:
    async with nats_server() as server, witness() as seen, ear(server.broker) as other:
        config = write_config(tmp_path / "a", server, seen.transport)
        async with program(tmp_path, "run", "--config", str(config), LETDOWN_MQTT__NODE="node-a") as node:
            await node.logged("serving home")
            for device in DEVICES:
                await node.logged(f"{device} is connected")
            await other.client.publish(UNIT.ping(), "anybody")
            await wait(lambda: bool(other.payloads(UNIT.pong())))
            assert other.values(UNIT.pong())[0]["stations"] == ["home"]
            reply = await ask(other, "start", routine="express", side="both", no_symptoms=True)
            assert reply["outcome"] == "accepted", reply
            assert reply["epoch"] > 0
            await wait(lambda: bool(seen.on))
            code, seconds = await node.end_by(signal.SIGTERM)
            assert seconds < 8
            assert code in (0, 143, -signal.SIGTERM)
        assert not seen.on
        assert not seen.connected
        (finished,) = [each for each in other.values("letdown/home/event") if each["type"] == "session_finished"]
        assert finished["data"]["reason"] == "shut_down"
        assert other.payloads("letdown/controller/node-a/status")[-1] == "offline"
        assert json.loads(other.payloads(UNIT.instance())[0])["stations"] == ["home"]
        assert other.payloads(UNIT.instance())[-1] == ""


async def test_a_node_that_waits_for_its_cluster_ends_on_sigterm(tmp_path: Path) -> None:
    async with nats_server(start=False) as server, witness() as seen:
        config = write_config(tmp_path / "a", server, seen.transport)
        async with program(tmp_path, "run", "--config", str(config), LETDOWN_MQTT__NODE="node-a") as node:
            await node.logged("the cluster cannot be reached")
            began = time.monotonic()
            await node.end_by(signal.SIGTERM)
            assert time.monotonic() - began < 6
            assert node.log.count("the cluster cannot be reached") == 1


@pytest.mark.parametrize(
    ("more", "name", "words", "code"),
    [
        (", user: letdown, password: wr0ng", "node-a", "check user and password", 1),
        ("", "home", "the node home has the name of a station", 2),
    ],
)
async def test_what_cannot_work_ends_it_with_the_remedy(
    tmp_path: Path, more: str, name: str, words: str, code: int
) -> None:
    users = ['authorization { users = [ { user: "letdown", password: "right" } ] }'] if more else []
    async with nats_server(users) as server, witness() as seen:
        config = write_config(tmp_path / "a", server, seen.transport, more)
        async with program(tmp_path, "run", "--config", str(config), LETDOWN_MQTT__NODE=name) as node:
            async with asyncio.timeout(30):
                assert await node.process.wait() == code
            assert words in " ".join(node.log.split())
            assert "wr0ng" not in node.log
            assert "Traceback" not in node.log


async def test_a_session_of_a_killed_node_ends_once_and_nothing_runs_on(tmp_path: Path) -> None:
    async with nats_server() as server, witness() as seen, ear(server.broker) as other:
        config = write_config(tmp_path / "a", server, seen.transport)
        async with program(tmp_path, "run", "--config", str(config), LETDOWN_MQTT__NODE="node-a") as node:
            for device in DEVICES:
                await node.logged(f"{device} is connected")
            reply = await ask(other, "start", routine="express", side="both", no_symptoms=True)
            await wait(lambda: bool(seen.on))
            await node.end_by(signal.SIGKILL)
        await wait(lambda: not seen.on)
        async with program(tmp_path, "run", "--config", str(config), LETDOWN_MQTT__NODE="node-a") as node:
            await node.logged("serving home")
            for device in DEVICES:
                await node.logged(f"{device} is connected")
            ends = [each for each in other.values("letdown/home/event") if each["type"] == "session_finished"]
            assert {(each["session_id"], each["data"]["reason"]) for each in ends} == {(reply["session_id"], "cut_off")}
            assert len({each["id"] for each in ends}) == 1
            assert not seen.on


async def test_the_metrics_of_a_node_show_what_waits_for_the_database(tmp_path: Path) -> None:
    env = {
        "LETDOWN_MQTT__NODE": "node-a",
        "LETDOWN_METRICS__ENABLED": "true",
        "LETDOWN_METRICS__PORT": "0",
        "LETDOWN_HISTORY__URL": "postgresql://letdown@127.0.0.1:1/letdown",  # nothing is there
    }
    async with nats_server() as server, witness() as seen, ear(server.broker) as other:
        # No lease is to end here, however busy the machine is.
        config = write_config(tmp_path / "a", server, seen.transport, ttl_seconds=60)
        async with program(tmp_path, "run", "--config", str(config), complains=True, **env) as node:
            for device in DEVICES:
                await node.logged(f"{device} is connected")
            await node.logged("the metrics are at")
            address = re.search(r"the metrics are at (\S+)", node.log)
            assert address is not None
            assert (await ask(other, "start", routine="express", side="both", no_symptoms=True))[
                "outcome"
            ] == "accepted"
            await wait(lambda: bool(seen.on))
            assert (await ask(other, "stop"))["outcome"] == "accepted"
            async with asyncio.timeout(60):
                while queue_lengths(await asyncio.to_thread(read, address[1])).get("history", 0.0) < 1:  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(0.2)
            found = queue_lengths(await asyncio.to_thread(read, address[1]))
            assert found.keys() == {"history", "mqtt_outbox", "event_backlog"}


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def queue_lengths(text: str) -> dict[str, float]:
    found = re.findall(r'^letdown_queue_length\{queue="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {name: float(length) for name, length in found}
