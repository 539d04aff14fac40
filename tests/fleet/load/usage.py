"""What a fleet has used by now, as counters of the system, of nats-server and of PostgreSQL; and rates between two."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import cpu_seconds, rss_mb
from tests.fleet.ward import Ward

_ANSWER_SECONDS = 20.0  # of a node that has much to do
_TICKS = os.sysconf("SC_CLK_TCK")
BYSTANDER = "bystander"
"""A controller that receives no station: what it costs to belong to the fleet."""


@dataclass(frozen=True)
class Usage:
    """Counters at a time. `rising`: totals since the start; `levels`: what is in use now."""

    at: float
    rising: Mapping[str, float]
    levels: Mapping[str, float]


def rates(before: Usage, after: Usage) -> dict[str, float]:
    """Return by how much each counter rose in a second."""
    seconds = after.at - before.at
    return {name: (value - before.rising.get(name, 0.0)) / seconds for name, value in after.rising.items()}


async def usage(ward: Ward) -> Usage:
    """Read all counters."""
    processor, memory = _processes(ward)
    answers = [await asyncio.to_thread(_of_node, each) for each in ward.cluster.nodes.values()]
    broker, levels = _of_cluster(answers)
    ((commits, inserted, updated, size_bytes),) = await ward.rows(
        "SELECT xact_commit, tup_inserted, tup_updated, pg_database_size(datname) FROM pg_stat_database "
        f"WHERE datname = '{ward.database_name}'"
    )
    ((connections,),) = await ward.rows(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{ward.database_name}'")
    stored = {"database_commits": commits, "database_rows": inserted + updated}
    return Usage(
        time.monotonic(),
        {**processor, **broker, **{name: float(value) for name, value in stored.items()}},
        {**memory, **levels, "database_bytes": float(size_bytes), "database_connections": connections - 1.0},
    )


def _processes(ward: Ward) -> tuple[dict[str, float], dict[str, float]]:
    """Return processor time by kind of process, in seconds, and memory in MB."""
    own = [each.process_id for name, each in ward.controllers.items() if name != BYSTANDER and each.runs]
    kinds = {
        "controllers": own,
        "broker": [each.process_id for each in ward.cluster.nodes.values()],
        "database": _family(ward.database.process_id),
        "devices": [each.process_id for each in ward.airs],
    }
    if BYSTANDER in ward.controllers and ward.controllers[BYSTANDER].runs:
        kinds[BYSTANDER] = [ward.controllers[BYSTANDER].process_id]
    processor = {f"{kind}_cpu_seconds": _sum(cpu_seconds, ids) for kind, ids in kinds.items()}
    memory = {f"{kind}_mb": _sum(rss_mb, ids) for kind, ids in kinds.items()}
    return {**processor, "machine_busy_seconds": _busy_seconds()}, memory


def _sum(of: Callable[[int], float], process_ids: Iterable[int]) -> float:
    total = 0.0
    for each in process_ids:
        with contextlib.suppress(OSError, LookupError):  # it has just ended, as a process of the database may
            total += of(each)
    return total


def _family(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return [parent, *map(int, children)]


def _busy_seconds() -> float:
    """Return the processor time that all processes of the machine have used."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    values = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    ticks = dict(zip(names, map(int, values), strict=False))
    return sum(ticks[name] for name in ("user", "nice", "system", "irq", "softirq")) / _TICKS


def _of_node(node: Any) -> dict[str, Any]:
    """Return what one node tells of its clients and of what it stores."""
    return {
        "clients": node.get("connz?limit=20000", _ANSWER_SECONDS)["connections"],
        "stored": node.get("jsz?accounts=true&streams=true&consumers=false", _ANSWER_SECONDS),
    }


def _of_cluster(answers: Iterable[Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the counters of a cluster from the answers of its nodes, and its levels.

    `mqtt_in`: messages from MQTT clients; nats-server does not count what it sends to them. `nats_in`, `nats_out`: from
    and to clients of NATS, such as requests to the key-value store and what its watchers receive. `stored_in_…`: what a
    stream has stored.
    """
    found: dict[str, float] = {}
    levels: dict[str, float] = {"mqtt_clients": 0.0, "consumers": 0.0}
    for answer in answers:
        for client in answer["clients"]:
            kind = "mqtt" if client.get("type") == "mqtt" else "nats"
            levels["mqtt_clients"] += kind == "mqtt"
            for way in ("in",) if kind == "mqtt" else ("in", "out"):
                _add(found, f"{kind}_{way}", client[f"{way}_msgs"])
                _add(found, f"{kind}_{way}_bytes", client[f"{way}_bytes"])
        stored = answer["stored"]
        _add(found, "broker_requests", stored["api"]["total"])
        for account in stored.get("account_details", ()):
            for stream in account.get("stream_detail", ()):
                name, state = f"stored_in_{stream['name']}", stream["state"]
                found[name] = max(found.get(name, 0.0), float(state["last_seq"]))
                consumers = f"consumers_of_{stream['name']}"
                levels[consumers] = max(levels.get(consumers, 0.0), float(state.get("consumer_count", 0)))
    levels["consumers"] = sum(value for name, value in levels.items() if name.startswith("consumers_of_"))
    return found, levels


def _add(found: dict[str, float], name: str, value: float) -> None:
    found[name] = found.get(name, 0.0) + value
