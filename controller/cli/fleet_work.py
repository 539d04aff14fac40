"""What `letdown fleet status` and `assign` do."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.cli.fleet_cluster import on_cluster
from controller.cli.fleet_following import following
from controller.cli.standard_streams import print_json
from controller.cluster.cluster_connection import Cluster
from controller.fleet.fleet_config import assign
from controller.fleet.fleet_status import FleetStatus, StationStatus
from controller.settings import Settings
from devices.support.closest import unknown

_NEEDS_ATTENTION = 1


async def show_status(config: Path | None, *, as_json: bool = False) -> int:
    """Print who owns what. Return 0, or 1 where something needs attention."""
    found = await on_cluster(config, _status)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)
    return _NEEDS_ATTENTION if found.problems else 0


async def set_assigned(config: Path | None, station: str, node: str | None) -> None:
    """Prefer a node for a station, or none. Raise `ValueError` where there is no such station or node."""

    async def work(settings: Settings, cluster: Cluster) -> None:
        found = await _status(settings, cluster)
        units = {each.station: each.unit for each in found.stations}
        names = [each.node for each in found.nodes]
        if station not in units:
            raise ValueError(unknown("station", station, units))
        if node is not None and node not in names:
            raise ValueError(unknown("node", node, names))
        await assign(cluster.config, units[station], node)

    await on_cluster(config, work)
    where = "the node with the best reception" if node is None else f"{node}, as long as it is in range"
    Console(highlight=False).print(f"{station} is served by {where}", soft_wrap=True)


async def _status(settings: Settings, cluster: Cluster) -> FleetStatus:
    async with following(settings, cluster) as status:
        return status()


def _print(found: FleetStatus) -> None:
    console = Console(highlight=False)
    for each in found.problems:
        console.print(Text(each, style="red"), soft_wrap=True)
    stations = Table("station", "node", "session", "epoch", "in range of", "assigned to")
    for station in found.stations:
        stations.add_row(*_row(station))
    nodes = Table("node", "serves", "in range", "draining", "document", "version")
    for node in found.nodes:
        nodes.add_row(
            node.node,
            str(len(node.serves)),
            str(len(node.in_range)),
            "yes" if node.draining else "",
            "own settings" if node.config_revision is None else str(node.config_revision),
            node.version,
        )
    console.print(stations)
    console.print(nodes)


def _row(station: StationStatus) -> tuple[str, ...]:
    return (
        station.station,
        station.node or "none",
        station.session_id or "",
        "" if station.epoch is None else str(station.epoch),
        ", ".join(station.in_range_of) or "none",
        station.assigned_to or "",
    )
