"""What tests of a fleet's cluster share: connections as controllers make them, leases, and the states of stations."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from controller.cluster.cluster_connection import Cluster, connected
from controller.cluster.lease import Lease, acquire
from controller.cluster.shared_store import SharedStore
from controller.mqtt.backlog import Backlog
from controller.safety.persistence import SavedState
from tests.helpers.nats_server import NatsServer

UNIT = "home"


async def lease_of(cluster: Cluster, node: str, unit: str = UNIT) -> Lease:
    """Acquire a lease that is free."""
    lease = await acquire(cluster.owners, unit, node, f"{node}-1", cluster.ttl_seconds)
    assert lease is not None
    return lease


@contextlib.asynccontextmanager
async def controller(server: NatsServer, node: str, **settings: float) -> AsyncIterator[Cluster]:
    """Connect as a controller does."""
    async with connected(server.settings(**settings), node) as cluster:
        yield cluster


async def taken_over(cluster: Cluster, lease: Lease, name: str = UNIT) -> SavedState:
    """Return what a successor finds."""
    async with SharedStore.opened(cluster, lease, Backlog()) as store:
        return store.persistence(name).saved
