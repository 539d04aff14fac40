"""What the page of a fleet reads of the cluster, and what an administrator changes there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from typing import Any

from controller.cluster.answer import within
from controller.cluster.cluster_connection import CLUSTER_ERRORS, Cluster, connected, explain
from controller.cluster.cluster_error import ClusterError
from controller.cluster.node_view import Nodes, NodeView
from controller.cluster.owners import Owners
from controller.contract.fleet_control import ControllerView, FleetControlError, FleetView
from controller.fleet.fleet_config import assign, drain, undrain
from controller.fleet.fleet_status import StationStatus, fleet_status
from controller.fleet.shared_settings import SharedSettings
from controller.settings import Settings

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 3.0
_AGAIN_SECONDS = 5.0


class ClusterKnowledge:
    """Follows owners, controllers and shared settings while `run` runs. A `FleetControl`, and the `FleetKnowledge`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster: Cluster | None = None
        self._shared: SharedSettings | None = None
        self._status: dict[str, StationStatus] = {}
        self._nodes: dict[str, NodeView] = {}
        self._known: dict[str, ControllerView] = {}  # also those that do not report any more
        self._problem: str | None = "the settings have no section fleet" if settings.fleet is None else "connecting"

    # -- what the board asks for --------------------------------------------------------------------------------------

    @property
    def stations(self) -> Collection[str] | None:
        """All stations of the shared document; `None`: there is none, or it is not known."""
        shared = self._shared
        return None if shared is None or shared.revision is None else self._status

    def owner(self, station: str) -> str | None:
        """Return the controller that owns a station; `None`: none, or it is not known."""
        return None if station not in self._status else self._status[station].node or None

    def could_be_served(self, station: str) -> bool:
        """Return whether no controller owns a station though one receives its devices."""
        status = self._status.get(station)
        return status is not None and status.node is None and bool(status.in_range_of)

    # -- what the page of the controllers shows and does --------------------------------------------------------------

    @property
    def view(self) -> FleetView:
        """What is known of the controllers now."""
        assigned = {name: each.assigned_to for name, each in self._status.items() if each.assigned_to is not None}
        known = () if self._problem is not None else sorted(self._known)  # else each would seem not to report
        return FleetView(
            controllers=tuple(self._known[name] for name in known),
            stations=tuple(sorted(self._status)),
            assigned=assigned,
            problem=self._problem,
        )

    async def drain(self, controller: str, *, draining: bool) -> None:
        """Drain a controller, or let it take stations again. Raise `FleetControlError`."""
        cluster = self._reached()
        if controller not in self._known:
            raise FleetControlError(f"there is no controller {controller}; see the page of the controllers")
        await _done((drain if draining else undrain)(cluster.config, controller))
        self._known[controller] = self._known[controller].model_copy(update={"draining": draining})  # shown at once

    async def assign(self, station: str, controller: str | None) -> None:
        """Prefer a controller for a station; `None`: the one with the best reception. Raise `FleetControlError`."""
        cluster = self._reached()
        if station not in self._status:
            raise FleetControlError(f"there is no station {station}; see the page of all stations")
        if controller is not None and controller not in self._nodes:
            raise FleetControlError(f"no controller {controller} reports; see the page of the controllers")
        unit = self._status[station].unit
        await _done(assign(cluster.config, unit, controller))
        for name, each in self._status.items():
            if each.unit == unit:
                self._status[name] = each.model_copy(update={"assigned_to": controller})

    def _reached(self) -> Cluster:
        if self._cluster is None:
            raise FleetControlError(f"the cluster cannot be asked: {self._problem}")
        return self._cluster

    # -- following ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the cluster until cancelled; connect again and again."""
        if self._settings.fleet is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                async with connected(self._settings.fleet, "letdown fleet page") as cluster:
                    await self._follow(cluster)
            except (ClusterError, *CLUSTER_ERRORS) as error:
                self._note(str(error) if isinstance(error, ClusterError) else explain(error))
            finally:
                self._forget()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow(self, cluster: Cluster) -> None:
        owners, nodes = Owners(cluster), Nodes(cluster)
        shared = SharedSettings(cluster, self._settings, "", lambda: None)
        followers = (owners, nodes, shared)
        tasks = [asyncio.create_task(each.run(), name="follow the cluster") for each in followers]
        try:
            for each in followers:
                await each.synced()
            self._cluster, self._shared = cluster, shared
            while not cluster.ended.done():
                self._problem = None if cluster.reachable else "the connection to the cluster was lost"
                self._look(owners, nodes, shared)
                await asyncio.sleep(_LOOK_SECONDS)
            self._note(cluster.ended.result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _look(self, owners: Owners, nodes: Nodes, shared: SharedSettings) -> None:
        found = fleet_status(owners, nodes, shared)
        has_document = shared.revision is not None
        self._status = {each.station: each for each in found.stations} if has_document else {}
        self._nodes = {each.node: each for each in found.nodes}
        for name, node in self._nodes.items():
            serves = tuple(sorted(each.station for each in found.stations if each.node == name))
            self._known[name] = ControllerView(
                name=name,
                online=True,
                serves=serves,
                draining=shared.is_drained(name),
                version=node.version,
                problem=node.problem,
            )
        for name in self._known.keys() - self._nodes.keys():
            draining = shared.is_drained(name)
            self._known[name] = ControllerView(name=name, online=False, draining=draining)

    def _forget(self) -> None:
        self._cluster = self._shared = None
        self._status, self._nodes = {}, {}

    def _note(self, problem: str) -> None:
        if problem != self._problem:  # a cluster that is away for a day is one warning, not thousands
            _LOGGER.warning("the cluster is not followed (%s); the page goes on without it", problem)
        self._problem = problem


async def _done(work: Coroutine[Any, Any, None]) -> None:
    """Wait for a change in the cluster. Raise `FleetControlError`."""
    try:
        await within(_ANSWER_SECONDS, work)
    except CLUSTER_ERRORS as error:
        raise FleetControlError(f"the cluster does not answer ({explain(error)}): try again") from None
