"""The user of `letdown fleet` in config/fleet/nats.conf: it can do all that the command does, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from controller.cluster.cluster_connection import connected
from controller.cluster.cluster_settings import ClusterSettings
from controller.fleet.fleet_config import latest
from tests.helpers.command_line import letdown
from tests.helpers.shipped_cluster import HOST, ShippedCluster, password, shipped_cluster

pytestmark = pytest.mark.system

STATIONS = "stations:\n  bed-1: {}\n"
COMMANDS = (
    ("config apply stations.yaml --yes", 0),
    ("config diff stations.yaml", 0),
    ("config show", 0),
    ("config apply more.yaml --yes", 0),
    ("config rollback", 0),
    ("assign bed-1", 0),
    ("undrain node-1", 2),  # there is none
    ("status", 1),  # no node is there
)
REFUSED = (
    "$KV.letdown_owners.bed-1",
    "$KV.letdown_state.bed-1",
    "$KV.letdown_nodes.node-1",
    "letdown.bed-1.command",
    "$JS.API.STREAM.DELETE.KV_letdown_owners",
    "$JS.API.STREAM.PURGE.KV_letdown_config",
    "$JS.API.STREAM.UPDATE.KV_letdown_owners",
    "$JS.API.STREAM.MSG.DELETE.KV_letdown_owners",
    "$JS.API.STREAM.MSG.GET.KV_letdown_state",
    "$JS.API.CONSUMER.CREATE.KV_letdown_state.x",
    "$JS.API.CONSUMER.CREATE.$MQTT_msgs.x",
    "$JS.API.CONSUMER.DELETE.$MQTT_msgs.x",
    "$JS.API.STREAM.INFO.$MQTT_msgs",
    "$JS.API.STREAM.NAMES",
    "$MQTT.rmsgs.letdown.bed-1.state",
    "$SYS.REQ.SERVER.PING",
)


@pytest.fixture
async def cluster() -> AsyncIterator[ShippedCluster]:
    async with shipped_cluster() as found:
        yield found


async def test_it_can_do_what_the_command_does(cluster: ShippedCluster, tmp_path: Path) -> None:
    servers = f"['nats://{HOST}:{cluster.nats_port}']"
    login = f"user: administer, password: {password('administer')}"
    settings = tmp_path / "mine.yaml"
    settings.write_text(
        f"mqtt: {{brokers: ['mqtt://{HOST}:1']}}\nfleet: {{servers: {servers}, {login}}}\n", encoding="utf-8"
    )
    (tmp_path / "stations.yaml").write_text(STATIONS, encoding="utf-8")
    (tmp_path / "more.yaml").write_text(f"{STATIONS}  bed-2: {{}}\n", encoding="utf-8")
    for command, code in COMMANDS:
        words = [str(tmp_path / each) if each.endswith(".yaml") else each for each in command.split()]
        done = await asyncio.to_thread(letdown, "fleet", *words, "--config", str(settings), cwd=tmp_path)
        assert done.returncode == code, (command, done.stderr)
    fleet = ClusterSettings(
        servers=(f"nats://{HOST}:{cluster.nats_port}",), user="controller", password=password("controller")
    )
    async with connected(fleet, "node-1") as controller:
        found = await latest(controller.config)
        assert found is not None
        assert found.text == STATIONS


async def test_it_can_do_nothing_else(cluster: ShippedCluster) -> None:
    async with cluster.nats_client("controller") as witness, cluster.nats_client("administer") as administer:
        heard = await witness.subscribe(">")
        await witness.flush()
        for subject in REFUSED:
            await administer.publish(subject, b"evil")
        await administer.flush()
        await witness.publish("end")
        seen = set()
        while (message := await heard.next_msg(10)).subject != "end":
            seen.add(message.subject)
        assert seen == set()
    for subject, allowed in (("letdown.bed-1.event", False), ("$KV.letdown_state.bed-1", False), ("_INBOX.x", True)):
        async with cluster.nats_client("controller") as witness, cluster.nats_client("administer") as administer:
            assert await _hears(witness, administer, subject) is allowed


async def test_it_has_no_mqtt(cluster: ShippedCluster) -> None:
    async with cluster.mqtt("controller"):
        pass
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await cluster.mqtt("administer").__aenter__()


async def _hears(witness: Client, client: Client, subject: str) -> bool:
    heard = await client.subscribe(subject)
    await client.flush()
    await witness.publish(subject, b"private")
    await witness.flush()
    try:
        await heard.next_msg(0.5)
    except NatsError:
        return False
    return True
