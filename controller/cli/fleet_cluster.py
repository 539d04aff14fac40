"""Connects to the cluster for the commands about a fleet, which do not wait for ever."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from controller.assembly.extras import SetupError, require_fleet
from controller.cli.command_settings import read_settings
from controller.cluster.cluster_error import ClusterError
from controller.settings import Settings

if TYPE_CHECKING:
    from controller.cluster.cluster_connection import Cluster

ResultT = TypeVar("ResultT")

_CONNECT_SECONDS = 5.0
_WORK_SECONDS = 10.0


async def on_cluster(
    config: Path | None,
    work: Callable[[Settings, Cluster], Coroutine[Any, Any, ResultT]],
    *,
    most_seconds: float = _WORK_SECONDS,
) -> ResultT:
    """Return the result of `work` with the settings and the cluster that they name.

    `most_seconds`: how long the work may take. Raise `SetupError`, `ClusterError`, or what the work raises.
    """
    settings = read_settings(config)
    if settings.fleet is None:
        raise SetupError("these settings belong to no fleet: add the section fleet, or name other ones with --config")
    require_fleet()
    from controller.cluster.answer import within
    from controller.cluster.cluster_connection import CLUSTER_ERRORS, connected, explain

    async with contextlib.AsyncExitStack() as stack:
        try:
            connecting = stack.enter_async_context(connected(settings.fleet, "letdown fleet"))
            cluster = await within(_CONNECT_SECONDS, connecting)
        except TimeoutError:
            where = ", ".join(settings.fleet.servers)
            raise ClusterError(f"the cluster does not answer at {where}: is nats-server running there?") from None
        try:
            return await within(most_seconds, work(settings, cluster))
        except CLUSTER_ERRORS as error:
            raise ClusterError(f"the cluster does not answer ({explain(error)}): try again") from error
