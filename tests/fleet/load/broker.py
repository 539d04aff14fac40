"""What single operations cost a cluster of three nodes: `python -m tests.fleet.load.broker`. Needs no root.

Each is done many times, some at once, from this process; the processor time is that of the three nodes together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from controller.cluster.cluster_connection import Cluster, connected
from controller.cluster.cluster_settings import ClusterSettings
from controller.cluster.followed import Followed
from tests.bench.processes import cpu_seconds, rss_mb
from tests.fleet.nats_cluster import PASSWORD, USER, NatsCluster, here, nats_cluster

_AT_ONCE = 64
_KEYS = 1000
_WATCHERS = 20
_STATIONS = (50, 100, 200, 400)
_MESSAGES = 2000
_SETTLE_SECONDS = 3.0
_STATE = b'{"x":"' + b"x" * 900 + b'"}'  # as long as a state
_READING = b'{"x":"' + b"x" * 200 + b'"}'  # as long as a reading
# Each station's subscriptions, with their QoS.
_FILTERS = {"command": 1, "+/set": 1, "device/+/+/set": 1, "status": 0, "announced": 0}

_MESSAGES_OF_A_STATION = (
    ("publish a reading", "telemetry", _READING, 0, False),
    ("publish an event", "event", _STATE, 1, False),
    ("publish a retained state", "state", _STATE, 1, True),
    ("send a command", "command", _READING, 1, False),
)


class Costs:
    """Counts what is spent on operations. `nodes_of`: the cluster."""

    def __init__(self, cluster: NatsCluster) -> None:
        self.found: dict[str, dict[str, float]] = {}
        self._ids = [each.process_id for each in cluster.nodes.values()]

    def memory_mb(self) -> float:
        """Return the memory of all nodes together."""
        return sum(map(rss_mb, self._ids))

    async def spend(self, name: str, count: int, work: Coroutine[Any, Any, None]) -> None:
        """Do something that is `count` operations; note how long it took, and how much processor time."""
        began, broker, own = time.perf_counter(), sum(map(cpu_seconds, self._ids)), time.process_time()
        await work
        seconds = time.perf_counter() - began
        self.found[name] = {
            "count": count,
            "in_a_second": round(count / seconds, 1),
            "broker_microseconds": round((sum(map(cpu_seconds, self._ids)) - broker) / count * 1e6, 1),
            "own_microseconds": round((time.process_time() - own) / count * 1e6, 1),
        }


async def measure(folder: Path, mqtt: Sequence[str] = ()) -> dict[str, dict[str, float]]:
    """Return the cost of each operation. `mqtt`: more settings of that section of nats-server."""
    async with nats_cluster(folder, {name: here() for name in ("n1", "n2", "n3")}, mqtt) as cluster:
        costs = Costs(cluster)
        settings = ClusterSettings(servers=tuple(cluster.urls), user=USER, password=PASSWORD, ttl_seconds=60)
        async with connected(settings, "measuring") as fleet:
            await _key_value(fleet, cluster, costs)
        await _mqtt(cluster, costs)
    return costs.found


async def _key_value(fleet: Cluster, cluster: NatsCluster, costs: Costs) -> None:
    revisions: dict[str, int] = {}
    value = json.dumps({"node": "node-1", "instance": "i" * 32, "lease": "l" * 32}).encode()

    async def renew(number: int) -> None:
        key = f"s{number % _KEYS}"
        with contextlib.suppress(KeyWrongLastSequenceError):  # the one before of this key is under way
            revisions[key] = await fleet.owners.update(key, value, last=revisions.get(key, 0))

    await costs.spend("create a key", _KEYS, _each(_KEYS, renew))
    await costs.spend("renew a key", _MESSAGES, _each(_MESSAGES, renew))
    followed = Followed(fleet.owners, "owners", 60.0)
    following = asyncio.create_task(followed.run())
    await costs.spend("read a key at the start", _KEYS, followed.synced())
    before = dict(costs.found["renew a key"])
    await costs.spend("renew a key, followed by one", _MESSAGES, _each(_MESSAGES, renew))
    following.cancel()
    async with _watchers(cluster, fleet.owners) as received:
        await costs.spend("renew a key, watched by twenty", _MESSAGES, _each(_MESSAGES, renew))
        await asyncio.sleep(_SETTLE_SECONDS)
    more = costs.found["renew a key, watched by twenty"]["broker_microseconds"] - before["broker_microseconds"]
    own = costs.found["renew a key, followed by one"]["own_microseconds"] - before["own_microseconds"]
    count = max(1.0, received() / _MESSAGES)
    costs.found["deliver a change to a watcher"] = {
        "count": received(),
        "broker_microseconds": round(more / count, 2),
        "own_microseconds": round(own, 1),
    }


@contextlib.asynccontextmanager
async def _watchers(cluster: NatsCluster, bucket: KeyValue) -> AsyncIterator[Callable[[], int]]:
    """Let twenty clients watch a bucket for the block, in one process that does nothing with it but count."""
    counts = itertools.count()
    clients: list[Client] = []
    watches: list[JetStreamContext.PushSubscription] = []

    async def on_message(_: object) -> None:
        next(counts)

    for number in range(_WATCHERS):
        urls = cluster.urls
        clients.append(await nats.connect(urls[number % len(urls)], user=USER, password=PASSWORD))
        # What nats-py's `watch` asks for: an ordered consumer, whose messages the server pushes.
        streams = clients[-1].jetstream()
        watch = await streams.subscribe(f"$KV.{bucket._name}.>", cb=on_message, ordered_consumer=True)
        watches.append(watch)
    await asyncio.sleep(_SETTLE_SECONDS)
    before = next(counts)
    try:
        yield lambda: next(counts) - before
    finally:
        for watch in watches:
            await watch.unsubscribe()
        for client in clients:
            await client.close()


async def _mqtt(cluster: NatsCluster, costs: Costs) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stations = Stations(cluster, stack)
        await stations.connect(0)  # the first one lets the cluster make what MQTT needs
        await asyncio.sleep(_SETTLE_SECONDS)
        for count in _STATIONS:
            more = count - len(stations.clients) + 1
            first, memory_mb, name = len(stations.clients), costs.memory_mb(), f"connect a station, of {count}"
            await costs.spend(name, more, _each(more, lambda at, first=first: stations.connect(first + at)))
            await asyncio.sleep(_SETTLE_SECONDS)
            costs.found[name]["broker_kilobytes"] = round((costs.memory_mb() - memory_mb) * 1024 / more)
            for what, leaf, payload, qos, retain in _MESSAGES_OF_A_STATION:
                send = partial(stations.publish, leaf=leaf, payload=payload, qos=qos, retain=retain)
                await costs.spend(f"{what}, of {count}", _MESSAGES, _each(_MESSAGES, send))


class Stations:
    """MQTT clients that subscribe to what a station does."""

    def __init__(self, cluster: NatsCluster, stack: contextlib.AsyncExitStack) -> None:
        self.clients: list[aiomqtt.Client] = []
        self._nodes = list(cluster.nodes.values())
        self._stack = stack

    async def connect(self, number: int) -> None:
        """Connect one more."""
        address = self._nodes[number % len(self._nodes)].address
        client = aiomqtt.Client(
            address.host,
            address.mqtt,
            identifier=f"station-{number}",
            username=USER,
            password=PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=60,
        )
        self.clients.append(await self._stack.enter_async_context(client))
        await client.subscribe([(f"letdown/s{number}/{each}", qos) for each, qos in _FILTERS.items()])

    async def publish(self, number: int, *, leaf: str, payload: bytes, qos: int, retain: bool) -> None:
        """Publish by one of them, in turn, to the same or to another one."""
        at = number % len(self.clients)
        await self.clients[at].publish(f"letdown/s{at}/{leaf}", payload, qos, retain)


async def _each(count: int, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Do something so many times, some at once."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(some())


def main() -> None:
    """Measure, and print what it came to as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mqtt", action="append", default=[], help="a setting of the section mqtt of nats-server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="letdown-broker-", dir="/dev/shm") as folder:
        json.dump(asyncio.run(measure(Path(folder), options.mqtt)), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
