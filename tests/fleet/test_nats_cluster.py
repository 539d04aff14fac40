"""The cluster of the tests is one: it survives the loss of a node, and has again what all of its nodes had."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiomqtt
import pytest

from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD, NatsNode, here, nats_cluster

pytestmark = pytest.mark.fleet


def client(node: NatsNode) -> aiomqtt.Client:
    return aiomqtt.Client(
        node.address.host,
        node.address.mqtt,
        username=OBSERVER,
        password=OBSERVER_PASSWORD,
        protocol=aiomqtt.ProtocolVersion.V311,
    )


async def retained(node: NatsNode) -> bytes:
    """Read it. Just after the loss of a node, what is kept of clients may have no leader, and no client can connect."""
    deadline = time.monotonic() + 60
    while True:
        try:
            async with asyncio.timeout(15), client(node) as other:
                await other.subscribe("letdown/s1/state", 1)
                message = await anext(aiter(other.messages))
                return bytes(message.payload)
        except (aiomqtt.MqttError, TimeoutError):
            if time.monotonic() > deadline:
                raise


async def test_a_retained_message_outlives_one_node_and_then_all(tmp_path: Path) -> None:
    async with nats_cluster(tmp_path, {name: here() for name in ("n1", "n2", "n3")}) as cluster:
        first, second, third = cluster.nodes.values()
        async with client(first) as one:
            await one.publish("letdown/s1/state", b"before", 1, retain=True)
        first.kill()
        await cluster.healthy()
        assert await retained(second) == b"before"
        await retained(third)  # it can be used
        async with client(third) as one:
            await one.publish("letdown/s1/state", b"after", 1, retain=True)
        cluster.start()
        await cluster.healthy()
        assert await retained(first) == b"after"
        cluster.kill()
        assert not first.healthy()
        cluster.start()
        await cluster.healthy()
        assert await retained(second) == b"after"


async def test_a_frozen_node_is_not_healthy_until_it_goes_on(tmp_path: Path) -> None:
    async with nats_cluster(tmp_path, {name: here() for name in ("n1", "n2", "n3")}) as cluster:
        node = cluster.nodes["n3"]
        node.freeze()
        assert not node.healthy()
        node.thaw()
        await cluster.healthy()
