"""Opens the cluster for the commands about a fleet, which do not wait for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from controller.assembly.extras import SetupError, require_fleet
from controller.cli.command_settings import read_settings
from controller.cluster.cluster_error import ClusterError
from controller.settings import Settings

if TYPE_CHECKING:
    from controller.cluster.cluster_connection import Cluster

_CONNECT_SECONDS = 5.0
_WORK_SECONDS = 10.0


@contextlib.asynccontextmanager
async def opened_cluster(config: Path | None) -> AsyncIterator[tuple[Settings, Cluster]]:
    """Yield the settings and the cluster that they name. Raise `SetupError` or `ClusterError`, within seconds."""
    settings = read_settings(config)
    if settings.fleet is None:
        raise SetupError("these settings belong to no fleet: add the section fleet, or name other ones with --config")
    require_fleet()
    from controller.cluster.cluster_connection import CLUSTER_ERRORS, connected, explain

    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                cluster = await stack.enter_async_context(connected(settings.fleet, "letdown fleet"))
        except TimeoutError:
            where = ", ".join(settings.fleet.servers)
            raise ClusterError(f"the cluster does not answer at {where}: is nats-server running there?") from None
        try:
            async with asyncio.timeout(_WORK_SECONDS):
                yield settings, cluster
        except CLUSTER_ERRORS as error:
            raise ClusterError(f"the cluster does not answer ({explain(error)}): try again") from error
