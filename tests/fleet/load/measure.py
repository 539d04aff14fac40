"""The steps of a measurement: controllers without a station, stations connected, some in suction, and stops there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiomqtt

from tests.fleet.fleet_bed import RecordFile, say, until
from tests.fleet.fleet_settings import FleetLayout
from tests.fleet.load.usage import BYSTANDER, rates, usage
from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD
from tests.fleet.parents import Parents
from tests.fleet.ward import Group, Ward, ward

_PUMPS = (("left-pump", "left"), ("right-pump", "right"))
_ROUTINE = """
id: fleet
name: {en: Load, de: Last}
summary: {en: Suction, de: Saugen}
steps:
  - check
  - express: {minutes: 25, vacuum_mmhg: comfort, until_dry_minutes: null}
"""
_LONGEST_SECONDS = 300.0
_GROUP_SECONDS = 30.0
_ALL_SECONDS = 240.0
_SETTLE_SECONDS = 15.0
_STOP_SECONDS = 15.0
_BETWEEN_STOPS_SECONDS = 0.25
_BUSY_SHARE = 0.9  # of the pumps run at each stop


class ChosenParents(Parents):
    """Parents of whom some want a session."""

    chosen: frozenset[str] = frozenset()

    async def _look_after(self, client: aiomqtt.Client, station: str, side: str, available: bool) -> None:
        if station in self.chosen:
            await super()._look_after(client, station, side, available)


def groups_of(controllers: int, stations: int, pumps: int) -> list[Group]:
    """Return a group for each controller with its share of the stations, and a bystander, who receives none.

    `pumps`: of each station, one or two.
    """
    found = []
    for at in range(controllers):
        names = [f"s{number + 1}" for number in range(stations) if number % controllers == at]
        made = {
            name: tuple((key, "open-pump", f"Letdown {name} {side}", side) for key, side in _PUMPS[:pumps])
            for name in names
        }
        found.append(Group(FleetLayout(made, {f"c{at + 1}": tuple(names)}), _ROUTINE))
    return [*found, Group(FleetLayout({}, {BYSTANDER: ()}), _ROUTINE)]


async def measure(
    folder: Path,
    controllers: int,
    stations: int,
    steps: Sequence[int],
    *,
    pumps: int = len(_PUMPS),
    seconds: float = 20.0,
    stops: int = 100,
) -> dict[str, Any]:
    """Return the rates and levels of each step, each measured for so many seconds, and the latencies of stops.

    `pumps`: of each station, one or two. `steps`: how many stations are in suction.
    """
    found: dict[str, Any] = {"controllers": controllers, "stations": stations, "pumps": pumps, "steps": []}

    async def step(name: str, suction: int) -> None:
        found["steps"].append(await _step(made, name, suction, seconds))
        (folder / "load.json").write_text(json.dumps(found, indent=1), encoding="utf-8")  # whatever comes later

    async with ward(folder, groups_of(controllers, stations, pumps)) as made, contextlib.AsyncExitStack() as stack:
        nodes = list(made.cluster.nodes.values())
        parents = ChosenParents(nodes, made.parents(), RecordFile(folder / "messages.jsonl").write)
        looking_after = asyncio.create_task(parents.run())
        stack.callback(looking_after.cancel)
        client = await stack.enter_async_context(dashboard(made))
        supervising = asyncio.create_task(made.supervise())
        stack.callback(supervising.cancel)
        *wards, bystander = made.groups
        await made.start(bystander, lambda: parents.online)
        await step("no station", 0)
        await made.share_stations(bystander.fleet)
        await step("stations that nobody serves", 0)
        began = time.monotonic()
        for number, group in enumerate(wards, 1):  # one after another: what is not connected yet, advertises
            await made.start(group, lambda: parents.online)
            there = sum(len(each.layout.stations) for each in wards[:number])
            await _linked(made, pumps * there, _GROUP_SECONDS)
        await _linked(made, pumps * stations, _ALL_SECONDS)
        found["connected_after_seconds"] = round(time.monotonic() - began, 1)
        await step("connected", 0)
        for count in steps:
            parents.chosen = frozenset(_spread(made, count))
            with contextlib.suppress(TimeoutError):  # `running_pumps` says it
                await until(lambda: len(made.running()) == pumps * len(parents.chosen), _GROUP_SECONDS, "all run")
            await step("suction", count)
        found["stops"] = _latencies(await _stops(made, parents, client, stops))
        found["database"] = await _sessions(made, parents)
    return found


async def _linked(made: Ward, pumps: int, seconds: float) -> None:
    """Wait until so many pumps are connected at once, or until the time is over: `linked_pumps` says how many are."""
    with contextlib.suppress(TimeoutError):  # the machine is too small for all
        await until(lambda: len(made.linked()) == pumps, seconds, "all are connected")


@contextlib.asynccontextmanager
async def dashboard(made: Ward) -> AsyncIterator[aiomqtt.Client]:
    """Let a dashboard receive everything that is published, for the block. Yield a client that can send commands."""
    address = next(iter(made.cluster.nodes.values())).address
    login = {"username": OBSERVER, "password": OBSERVER_PASSWORD}
    listen = ("mosquitto_sub", "-h", address.host, "-p", str(address.mqtt), "-u", OBSERVER, "-P", OBSERVER_PASSWORD)
    watching = await asyncio.create_subprocess_exec(
        *listen, "-t", "letdown/#", "-q", "0", stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiomqtt.Client(address.host, address.mqtt, protocol=aiomqtt.ProtocolVersion.V311, **login) as client:
            yield client
    finally:
        watching.kill()
        await watching.wait()


async def _step(made: Ward, name: str, suction: int, seconds: float) -> dict[str, Any]:
    await asyncio.sleep(_SETTLE_SECONDS)
    before = await usage(made)
    await asyncio.sleep(seconds)
    after = await usage(made)
    found = rates(before, after)
    say(f"{name}, {suction} in suction: the machine is busy for {found['machine_busy_seconds']:.2f} s a second")
    return {
        "step": name,
        "suction": suction,
        "linked_pumps": len(made.linked()),
        "running_pumps": len(made.running()),
        "restarts": made.restarts,
        "rates": {key: round(value, 4) for key, value in found.items()},
        "levels": {key: round(value, 1) for key, value in after.levels.items()},
    }


def _spread(made: Ward, count: int) -> list[str]:
    """Return so many stations, of all controllers in turn."""
    return [f"s{number + 1}" for number in range(len(made.stations))][:count]


async def _stops(made: Ward, parents: ChosenParents, client: aiomqtt.Client, count: int) -> list[float]:
    """Stop one station after another while all others run; return the seconds until its last pump has stopped."""
    chosen, found = random.Random(7), list[float]()
    most = math.ceil(_BUSY_SHARE * sum(len(_pumps_of(made, each)) for each in parents.chosen))
    for _ in range(count):
        await until(lambda: len(made.running()) >= most, _LONGEST_SECONDS, "nearly all run again")
        station = chosen.choice([name for name in sorted(parents.chosen) if _pumps_of(made, name) <= made.running()])
        pumps, sent_at = _pumps_of(made, station), time.monotonic()
        await client.publish(f"letdown/{station}/command", json.dumps({"action": "stop"}), qos=1)
        with contextlib.suppress(TimeoutError):  # then it counts as long as that
            await until(lambda: _stopped(made, pumps, sent_at), _STOP_SECONDS, f"{station} stops")  # noqa: B023
        stopped_at = made.stopped_at()
        all_stopped = _stopped(made, pumps, sent_at)
        found.append(max(stopped_at[each] for each in pumps) - sent_at if all_stopped else _STOP_SECONDS)
        await asyncio.sleep(_BETWEEN_STOPS_SECONDS)
    return found


def _pumps_of(made: Ward, station: str) -> set[str]:
    return {f"{station}/{key}" for key, *_ in made.stations[station]}


def _stopped(made: Ward, pumps: set[str], since: float) -> bool:
    """Return whether pumps have stopped since a time."""
    stopped_at = made.stopped_at()
    return all(stopped_at.get(each, 0.0) >= since for each in pumps)


def _latencies(seconds: Sequence[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    return {
        "count": len(seconds),
        "median_ms": round(statistics.median(seconds) * 1000, 1),
        "p99_ms": round(statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1000, 1),
        "longest_ms": round(max(seconds) * 1000, 1),
    }


async def _sessions(made: Ward, parents: ChosenParents) -> dict[str, float]:
    """End all sessions; return how many rows and bytes the database has for a session and a minute of suction."""
    parents.resting = True
    address = next(iter(made.cluster.nodes.values())).address
    async with aiomqtt.Client(
        address.host,
        address.mqtt,
        username=OBSERVER,
        password=OBSERVER_PASSWORD,
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as client:
        for station in sorted(parents.chosen):
            await client.publish(f"letdown/{station}/command", json.dumps({"action": "stop"}), qos=1)
        await until(lambda: not made.running(), _LONGEST_SECONDS, "all stopped")
        await asyncio.sleep(_SETTLE_SECONDS)
    counts = {}
    for (table,) in await made.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'letdown'"):
        ((rows, size),) = await made.rows(
            f"SELECT count(*), pg_total_relation_size('letdown.{table}') FROM letdown.{table}"
        )
        if rows:
            counts[f"{table}_rows"], counts[f"{table}_bytes"] = rows, size
    return counts
