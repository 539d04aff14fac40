"""Follows owners, nodes and shared settings of a fleet, for the commands about it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from controller.cluster.answer import within
from controller.cluster.cluster_connection import Cluster
from controller.cluster.node_view import Nodes
from controller.cluster.owners import Owners
from controller.fleet.fleet_status import FleetStatus, fleet_status
from controller.fleet.shared_settings import SharedSettings
from controller.settings import Settings

_SYNC_SECONDS = 3.0


@contextlib.asynccontextmanager
async def following(settings: Settings, cluster: Cluster) -> AsyncIterator[Callable[[], FleetStatus]]:
    """Follow the fleet for the block, once everything was received. Yield what returns its status as it is then.

    Raise `TimeoutError` where that does not come within seconds.
    """
    owners, nodes = Owners(cluster), Nodes(cluster)
    shared = SharedSettings(cluster, settings, "", lambda: None)
    followers = (owners, nodes, shared)
    tasks = [asyncio.create_task(each.run()) for each in followers]
    try:
        for each in followers:
            await within(_SYNC_SECONDS, each.synced())
        yield lambda: fleet_status(owners, nodes, shared)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
