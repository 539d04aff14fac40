"""Lose the node of the cluster that leads every store, during sessions, at several `ttl_seconds`; needs root.

    python -m tests.fleet.leader_loss --rounds 12

Fleets with different `ttl_seconds` share one cluster, so that each loss is the same for all of them. Before each, the
stores of all are led by the node that is lost: killed, and in the next round frozen, as a node whose network is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from tests.fleet.fleet_bed import RecordFile, say, until
from tests.fleet.fleet_settings import FleetLayout
from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD, NatsNode
from tests.fleet.parents import Parents
from tests.fleet.ward import Group, Ward, isolate, ward

_TTL_SECONDS = (10, 15, 20, 30)
_STATIONS = 2  # of each fleet, with a controller each
_ROUTINE = """
id: fleet
name: {en: Long, de: Lang}
summary: {en: Suction, de: Saugen}
steps:
  - check
  - express: {minutes: 25, vacuum_mmhg: comfort, until_dry_minutes: null}
"""
_READY_SECONDS = 120.0
_LOST_SECONDS = 22.0  # the longest lease is lost after 20 s
_STEADY_SECONDS = 4.0
_PROBE = "PROBE"
_PROBE_SECONDS = 0.1
_LEFT = re.compile(r"was not renewed \(.*\); it is lost in (\d+) s")


def groups() -> list[Group]:
    """Return the controllers: each with one station of one pump, all of a fleet with the same `ttl_seconds`."""
    return [
        Group(
            FleetLayout(
                {f"s{ttl}-{number}": (("left-pump", "open-pump", f"Letdown {ttl} {number}", "left"),)},
                {f"c{ttl}-{number}": (f"s{ttl}-{number}",)},
            ),
            _ROUTINE,
            fleet=f"ttl{ttl}",
            ttl_seconds=float(ttl),
        )
        for number in range(1, _STATIONS + 1)
        for ttl in _TTL_SECONDS
    ]


class Outage:
    """Writes to a store of the cluster again and again, through each node. `written_at`: the latest success."""

    def __init__(self, nodes: Sequence[NatsNode]) -> None:
        self.written_at: list[float] = []
        self._nodes = nodes

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as group:
            for node in self._nodes:
                group.create_task(self._write_through(node))

    def longest_seconds(self, since: float, until_: float) -> float:
        """Return for how long nothing could be written, within a time."""
        inside = [since, *(each for each in sorted(self.written_at) if since < each < until_), until_]
        return max(after - before for before, after in itertools.pairwise(inside))

    async def _write_through(self, node: NatsNode) -> None:
        while True:
            with contextlib.suppress(NatsError, OSError, EOFError, TimeoutError):
                async with client_of([node]) as client:
                    stream = client.jetstream(timeout=1)
                    while client.is_connected:
                        await asyncio.sleep(_PROBE_SECONDS)
                        with contextlib.suppress(NatsError, TimeoutError):
                            await stream.publish(f"{_PROBE}.x", b"")
                            self.written_at.append(time.monotonic())
            await asyncio.sleep(_PROBE_SECONDS)


@contextlib.asynccontextmanager
async def client_of(nodes: Sequence[NatsNode]) -> AsyncIterator[Client]:
    """Connect to one of the nodes for the block; never again once that is lost."""

    async def ignore(_: Exception) -> None:
        """Keep errors of a node that is lost out of the log."""

    client = await nats.connect(
        [each.url for each in nodes],
        user=OBSERVER,
        password=OBSERVER_PASSWORD,
        allow_reconnect=False,
        connect_timeout=2,
        ping_interval=1,
        max_outstanding_pings=1,
        error_cb=ignore,
    )
    try:
        yield client
    finally:
        with contextlib.suppress(NatsError, TimeoutError):
            await asyncio.wait_for(client.close(), 2)


async def lead_all(nodes: Sequence[NatsNode], leader: str) -> None:
    """Let one node lead every store of the fleets. Raise `TimeoutError`."""
    async with client_of(nodes) as client:
        streams = client.jetstream(timeout=5)
        names = [_PROBE, *(f"KV_ttl{ttl}_{bucket}" for ttl in _TTL_SECONDS for bucket in ("owners", "state"))]
        deadline = time.monotonic() + _READY_SECONDS
        for name in names:
            while await _leader(streams, name) != leader:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{leader} does not lead {name}")
                wish = json.dumps({"placement": {"preferred": leader}}).encode()
                with contextlib.suppress(NatsError, TimeoutError):
                    await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{name}", wish, timeout=2)
                await asyncio.sleep(0.3)


async def _leader(streams: JetStreamContext, name: str) -> str | None:
    with contextlib.suppress(NatsError, TimeoutError):
        cluster = (await streams.stream_info(name)).cluster
        return None if cluster is None else cluster.leader
    return None


async def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Return for each `ttl_seconds` how many sessions there were and how many ended, and how long each outage took."""
    async with ward(folder, groups()) as made:
        nodes = list(made.cluster.nodes.values())
        parents = Parents(nodes, made.parents(), RecordFile(folder / "messages.jsonl").write)
        async with client_of(nodes) as client:
            await client.jetstream().add_stream(StreamConfig(name=_PROBE, subjects=[f"{_PROBE}.>"], num_replicas=3))
        outage = Outage(nodes)
        tasks = [asyncio.create_task(each.run()) for each in (parents, outage)]
        await made.start_all(lambda: parents.online)
        found: list[dict[str, Any]] = []
        for number in range(rounds):
            found.append(await _round(made, outage, nodes[number % len(nodes)], freeze=number % 2 == 1))
            say(json.dumps(found[-1]))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"rounds": found, "summary": summary(found)}


async def _round(made: Ward, outage: Outage, node: NatsNode, *, freeze: bool) -> dict[str, Any]:
    await until(lambda: len(made.running()) == len(made.stations), _READY_SECONDS, "every station runs")
    await lead_all(list(made.cluster.nodes.values()), node.name)
    await asyncio.sleep(_STEADY_SECONDS)
    running, logged = made.running(), {name: len(each.log) for name, each in made.controllers.items()}
    lost_at = time.monotonic()
    (node.freeze if freeze else node.kill)()
    await asyncio.sleep(_LOST_SECONDS)
    ended = {device.partition("/")[0] for device, at in made.stopped_at().items() if at >= lost_at}
    outage_seconds = outage.longest_seconds(lost_at, time.monotonic())
    left = {
        name: min((int(each) for each in _LEFT.findall(made.controllers[name].log[start:])), default=None)
        for name, start in logged.items()
    }
    (node.thaw if freeze else node.start)()
    await made.cluster.healthy()
    return {
        "node": node.name,
        "how": "frozen" if freeze else "killed",
        "outage_seconds": round(outage_seconds, 2),
        "sessions": {ttl: sum(device.startswith(f"s{ttl}-") for device in running) for ttl in _TTL_SECONDS},
        "ended": {ttl: sum(each.startswith(f"s{ttl}-") for each in ended) for ttl in _TTL_SECONDS},
        "least_seconds_left": left,
    }


def summary(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the outages, and how many sessions ended, by how the node was lost."""
    found: dict[str, Any] = {}
    for how in sorted({each["how"] for each in rounds}):
        of_how = [each for each in rounds if each["how"] == how]
        seconds = [each["outage_seconds"] for each in of_how]
        found[how] = {
            "rounds": len(of_how),
            "outage_seconds": {
                "least": min(seconds),
                "median": round(statistics.median(seconds), 2),
                "longest": max(seconds),
            },
            "sessions": {ttl: sum(each["sessions"][ttl] for each in of_how) for ttl in _TTL_SECONDS},
            "ended": {ttl: sum(each["ended"][ttl] for each in of_how) for ttl in _TTL_SECONDS},
        }
    return found


def main() -> int:
    """Measure, and print what it came to as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="a new folder for all records; default: a temporary one")
    options = parser.parse_args()
    isolate("tests.fleet.leader_loss")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="letdown-leader-", dir="/dev/shm"))
    folder.mkdir(parents=True, exist_ok=True)
    found = asyncio.run(measure(folder, options.rounds))
    (folder / "leader-loss.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    say(json.dumps(found["summary"], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
