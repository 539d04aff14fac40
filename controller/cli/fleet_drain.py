"""What `letdown fleet drain` and `undrain` do."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

from rich.console import Console

from controller.cli.fleet_cluster import on_cluster
from controller.cli.fleet_following import following
from controller.cluster.cluster_connection import Cluster
from controller.fleet.fleet_config import drain, drained, undrain
from controller.fleet.fleet_status import FleetStatus
from controller.settings import Settings
from devices.support.closest import unknown

_LOOK_SECONDS = 0.5


async def set_draining(config: Path | None, node: str, *, draining: bool) -> None:
    """Drain a node, or let it take stations again. Raise `ValueError` where there is no such node."""

    async def work(settings: Settings, cluster: Cluster) -> None:
        async with following(settings, cluster) as status:
            names = [each.node for each in status().nodes]
        # One that is away, to be updated, may be let in again.
        if node not in names and (draining or not await drained(cluster.config, node)):
            raise ValueError(unknown("node", node, names))
        await (drain if draining else undrain)(cluster.config, node)

    await on_cluster(config, work)
    words = "takes no more stations, and releases each when its session ends" if draining else "takes stations again"
    _say(f"{node} {words}; see letdown fleet status")


async def wait_until_drained(config: Path | None, node: str) -> None:
    """Return when a node that is drained serves nothing any more, and say meanwhile what it waits for."""

    async def work(settings: Settings, cluster: Cluster) -> None:
        said = ""
        async with following(settings, cluster) as status:
            while (words := what_is_left(status(), node)) is not None:
                if words != said:
                    said = words
                    _say(f"{node} {words}")
                await asyncio.sleep(_LOOK_SECONDS)

    await on_cluster(config, work, most_seconds=math.inf)
    _say(f"{node} serves nothing: update and restart it, then: letdown fleet undrain {node}")


def what_is_left(status: FleetStatus, node: str) -> str | None:
    """Return in words what a node that is drained still does; `None`: nothing, it may be ended.

    A node that has ended owns nothing once its leases are over.
    """
    owned = [each for each in status.stations if each.node == node]
    view = next((each for each in status.nodes if each.node == node), None)
    sessions = [each.station for each in owned if each.session_id is not None]
    if sessions:
        return f"waits for the end of the session at {', '.join(sorted(sessions))}"
    if owned:
        return f"releases {', '.join(sorted(each.station for each in owned))}"
    if view is not None and not view.draining:
        return "does not know yet that it is drained"
    if view is not None and view.serves:  # of an earlier document
        return f"releases {', '.join(sorted(view.serves))}"
    return None


def _say(words: str) -> None:
    Console(highlight=False).print(words, soft_wrap=True)
