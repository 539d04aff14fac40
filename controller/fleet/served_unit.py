"""One unit while this controller owns it: its lease, its state in the cluster, and the service of its stations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from controller.app import App, assembled
from controller.cluster.answer import uninterrupted
from controller.cluster.cluster_connection import Cluster
from controller.cluster.lease import Lease
from controller.cluster.shared_store import SharedStore
from controller.contract.events import Event
from controller.fleet.fleet_units import Unit, settings_of
from controller.fleet.node_backlog import UnitBacklog
from controller.history.history_store import HistoryStore
from controller.mqtt.backlog import Backlog
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.profiles.catalog import Catalog
from devices.support.clock import Clock

if TYPE_CHECKING:
    from controller.metrics.controller_metrics import ControllerMetrics

_LOGGER = logging.getLogger(__name__)


class Journal(Protocol):
    """What a node keeps on its disk: which session is under way."""

    def watch(self, event: Event) -> None:
        """Save which session is under way at a station."""

    def end_cut_off(self, station: str) -> None:
        """Publish that the session under way at a station was cut off, if there is one."""


@dataclass(frozen=True)
class NodeParts:
    """What all units of a node use. `journal`: what is kept on its disk; `deliver`: sends an event that is left.

    `backlog`: the events that no broker has acknowledged yet.
    `catalog`: the profiles, loaded once: reading them would hold up the sessions of other units.
    """

    settings: Settings
    catalog: Catalog
    clock: Clock
    radio: Radio
    cluster: Cluster
    history: HistoryStore | None
    journal: Journal
    backlog: Backlog
    deliver: Callable[[Event], None]
    metrics: ControllerMetrics | None = None


class ServedUnit:
    """Serves one unit until `run` ends: the lease is lost, the unit is drained, or the service fails.

    However it ends, every device is stopped and disconnected first, and only then is the lease released.
    """

    def __init__(self, unit: Unit, lease: Lease, parts: NodeParts) -> None:
        self.unit = unit
        self.lease = lease
        self.app: App | None = None
        self._parts = parts
        self._draining = False

    @property
    def session_id(self) -> str | None:
        """The session that runs at one of its stations, if one does."""
        stations = () if self.app is None else self.app.stations.values()
        return next((each.session.id for each in stations if each.running and each.session is not None), None)

    @property
    def in_contact(self) -> bool:
        """Whether any of its devices is connected or received."""
        return self.app is not None and any(each.any_available for each in self.app.publishers)

    def drain(self) -> None:
        """End when the session that runs has ended, if one does; no other begins."""
        self._draining = True
        if self.app is not None:
            self.app.service.wind_down()

    async def run(self) -> None:
        """Serve the unit. Raise `LeaseLostError` where another one may have it by now, or why the service failed."""
        holding = asyncio.create_task(self.lease.hold(), name=f"lease of {self.unit.name}")
        serving = asyncio.create_task(self._serve(), name=f"unit {self.unit.name}")
        try:
            await asyncio.wait({holding, serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            errors = await uninterrupted(self._end(serving, holding))
        for error in errors:
            raise error

    async def _end(self, serving: asyncio.Task[None], holding: asyncio.Task[None]) -> list[BaseException]:
        """Stop every device, then release the lease. Return why one of the two tasks has failed."""
        serving.cancel()
        await asyncio.wait({serving})  # every device is stopped and disconnected
        holding.cancel()
        await asyncio.wait({holding})
        await self.lease.release()
        errors = [task.exception() for task in (holding, serving) if not task.cancelled()]
        return [error for error in errors if error is not None]

    async def _serve(self) -> None:
        parts, unit = self._parts, self.unit
        backlog = UnitBacklog(parts.backlog)
        try:
            async with (
                SharedStore.opened(parts.cluster, self.lease, backlog) as store,
                assembled(
                    settings_of(unit, parts.settings),
                    parts.clock,
                    parts.radio,
                    store,
                    parts.history,
                    lease=self.lease,
                    catalog=parts.catalog,
                    shared_metrics=parts.metrics,
                ) as app,
            ):
                self.app = app
                app.stream.subscribe(parts.journal.watch, Event)
                if self._draining:
                    return
                self._count_as_ours()
                _LOGGER.info("serving %s (epoch %d)", ", ".join(app.stations), self.lease.epoch)
                await app.run()
        finally:
            self.app = None
            if parts.metrics is not None:
                for station in unit.stations:
                    parts.metrics.give_up(station)
            backlog.hand_over(parts.deliver)
            # A successor says so, too, if the cluster knows of that session.
            for station in unit.stations:
                parts.journal.end_cut_off(station)

    def _count_as_ours(self) -> None:
        if self._parts.metrics is not None:
            for station in self.unit.stations:
                self._parts.metrics.own(station, self.lease.epoch)
