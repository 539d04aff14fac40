"""What `letdown fleet status`, `drain`, `undrain` and `assign` do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.cli.fleet_opening import opened_cluster
from controller.cli.standard_streams import print_json
from controller.cluster.cluster_connection import Cluster
from controller.cluster.node_view import Nodes
from controller.cluster.owners import Owners
from controller.fleet.fleet_config import assign, drain, drained, undrain
from controller.fleet.fleet_status import FleetStatus, StationStatus, fleet_status
from controller.fleet.shared_settings import SharedSettings
from controller.settings import Settings
from devices.support.closest import unknown

_TOLD_SECONDS = 3.0
_NEEDS_SOMEBODY = 1


async def show_status(config: Path | None, *, as_json: bool = False) -> int:
    """Print who owns what. Return 0, or 1 where something needs somebody."""
    async with opened_cluster(config) as (settings, cluster), _followed(settings, cluster) as found:
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            _print(found)
    return _NEEDS_SOMEBODY if found.problems else 0


async def set_draining(config: Path | None, node: str, *, draining: bool) -> None:
    """Drain a node, or let it take stations again. Raise `ValueError` where there is no such node."""
    async with opened_cluster(config) as (settings, cluster):
        async with _followed(settings, cluster) as found:
            names = [each.node for each in found.nodes]
        # One that is away, to be updated, may be let in again.
        if node not in names and (draining or not await drained(cluster.config, node)):
            raise ValueError(unknown("node", node, names))
        await (drain if draining else undrain)(cluster.config, node)
    words = "takes no more stations, and lets each go when its session ends" if draining else "takes stations again"
    Console(highlight=False).print(f"{node} {words}; see letdown fleet status", soft_wrap=True)


async def set_assigned(config: Path | None, station: str, node: str | None) -> None:
    """Prefer a node for a station, or none. Raise `ValueError` where there is no such station or node."""
    async with opened_cluster(config) as (settings, cluster):
        async with _followed(settings, cluster) as found:
            units = {each.station: each.unit for each in found.stations}
            names = [each.node for each in found.nodes]
        if station not in units:
            raise ValueError(unknown("station", station, units))
        if node is not None and node not in names:
            raise ValueError(unknown("node", node, names))
        await assign(cluster.config, units[station], node)
    where = "whichever node hears it best" if node is None else f"{node}, as long as that hears it"
    Console(highlight=False).print(f"{station} is served by {where}", soft_wrap=True)


@contextlib.asynccontextmanager
async def _followed(settings: Settings, cluster: Cluster) -> AsyncIterator[FleetStatus]:
    """Yield the status, once the cluster has told everything."""
    owners, nodes = Owners(cluster), Nodes(cluster)
    shared = SharedSettings(cluster, settings, "", lambda: None)
    tasks = [asyncio.create_task(each.run()) for each in (owners, nodes, shared)]
    try:
        async with asyncio.timeout(_TOLD_SECONDS):
            await asyncio.gather(owners.told(), nodes.told(), shared.told())
        yield fleet_status(owners, nodes, shared)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _print(found: FleetStatus) -> None:
    console = Console(highlight=False)
    for each in found.problems:
        console.print(Text(each, style="red"), soft_wrap=True)
    stations = Table("station", "node", "session", "epoch", "heard by", "assigned to")
    for station in found.stations:
        stations.add_row(*_row(station))
    nodes = Table("node", "serves", "hears", "draining", "document", "version")
    for node in found.nodes:
        nodes.add_row(
            node.node,
            str(len(node.serves)),
            str(len(node.hears)),
            "yes" if node.draining else "",
            "own settings" if node.config_revision is None else str(node.config_revision),
            node.version,
        )
    console.print(stations)
    console.print(nodes)


def _row(station: StationStatus) -> tuple[str, ...]:
    return (
        station.station,
        station.node or "nobody",
        station.session_id or "",
        "" if station.epoch is None else str(station.epoch),
        ", ".join(station.heard_by) or "nobody",
        station.assigned_to or "",
    )
