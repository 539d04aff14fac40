"""A node of the fleet: takes over those units that it receives and no node owns, and serves them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid

from controller.cluster.cluster_connection import CLUSTER_ERRORS, explain
from controller.cluster.lease import LeaseLostError, acquire
from controller.cluster.node_view import Nodes
from controller.cluster.owners import Owners
from controller.fleet.fleet_units import Unit
from controller.fleet.reception import RECEIVED_SECONDS, Reception
from controller.fleet.served_unit import NodeParts, ServedUnit
from controller.fleet.shared_settings import SharedSettings
from devices.errors import DeviceError
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
# The better a node receives a unit, and the fewer it serves, the sooner it asks for it.
_WORST_RSSI_DBM, _BEST_RSSI_DBM = -95, -45
_FARTHEST_SECONDS = 1.5
_EACH_SERVED_SECONDS = 0.2
_JITTER_SECONDS = 0.2
_CLUSTER_PAUSE_SECONDS = 2.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 60.0
_LOST_CONTACT_SECONDS = 2 * RECEIVED_SECONDS


class Node:
    """One controller of a fleet. `name`: unique in it. `clock`: real seconds, whatever clock the devices run by."""

    def __init__(self, name: str, parts: NodeParts, clock: Clock) -> None:
        self.name = name
        self.instance = uuid.uuid4().hex
        self.served: dict[str, ServedUnit] = {}
        self._parts = parts
        self._clock = clock
        self._units: dict[str, Unit] = {}
        self._cared_for: set[str] = set()
        self._reached: set[str] = set()
        self._changed = asyncio.Event()
        self._reception = Reception(parts.radio, clock)
        self._owners = Owners(parts.cluster)
        self.nodes = Nodes(parts.cluster)
        self.shared = SharedSettings(parts.cluster, parts.settings, name, self._changed.set)

    def reach(self) -> tuple[str, ...]:
        """Return the units that this node could serve.

        A device that is connected does not advertise: a unit stays in reach for as long as another node owns it.
        """
        for name in self._units:
            if name in self.served or self._reception.receives(name):
                self._reached.add(name)
            elif self._owners.owner(name) is None:
                self._reached.discard(name)
        self._reached &= self._units.keys()
        return tuple(name for name in self._units if name in self._reached)

    async def run(self) -> None:
        """Run until cancelled; then stop every device, and release every unit."""
        try:
            async with asyncio.TaskGroup() as group:
                for follower in (self._owners, self.nodes, self.shared):
                    group.create_task(follower.run(), name=type(follower).__name__)
                while True:
                    await self._changed.wait()
                    self._changed.clear()
                    self._follow_settings(group)
        finally:
            self._reception.close()

    def _follow_settings(self, group: asyncio.TaskGroup) -> None:
        """Care for the units that there are now. One that has changed is drained, and taken again as it is now."""
        before, self._units = self._units, dict(self.shared.units)
        for name, unit in self._units.items():
            if before.get(name) == unit:
                continue
            self._reception.listen(unit)
            if name not in self._cared_for:
                self._cared_for.add(name)
                group.create_task(self._care_for(name), name=f"care for {name}")
        for name in before.keys() - self._units.keys():
            self._reception.forget(name)
        for name, served in self.served.items():
            if self.shared.draining or self._units.get(name) != served.unit:
                served.drain()

    async def _care_for(self, name: str) -> None:
        """Serve a unit whenever this node may, for as long as there is such a unit."""
        await self._disconnect_unused(self._units[name])
        pause_seconds = _FIRST_PAUSE_SECONDS
        while name in self._units:
            if not await self._is_our_turn(name):
                continue
            try:
                await self._serve_if_free(self._units[name])
            except LeaseLostError as error:
                _LOGGER.warning("%s is not served here any more: %s", name, error)
            except CLUSTER_ERRORS as error:
                # No fault of the unit, and no reason to wait longer each time: it goes on when the cluster does.
                _LOGGER.warning("%s cannot be taken over (%s)", name, explain(error))
                await asyncio.sleep(_CLUSTER_PAUSE_SECONDS)
            except Exception:
                _LOGGER.exception("%s cannot be served here; another controller may try", name)
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
                continue
            pause_seconds = _FIRST_PAUSE_SECONDS
        self._cared_for.discard(name)

    async def _disconnect_unused(self, unit: Unit) -> None:
        """End connections of an earlier process: such devices do not advertise, and no node could take over."""
        for device in unit.devices:
            with contextlib.suppress(DeviceError):  # another process uses it, or there is no adapter
                await self._parts.radio.disconnect_unused(device.wanted)

    async def _is_our_turn(self, name: str) -> bool:
        """Wait a moment, and return whether this node may ask for a unit: it receives it, and no other node owns it."""
        if not self._may_ask(name):
            await asyncio.sleep(_LOOK_SECONDS)
            return False
        await asyncio.sleep(self._wait_seconds(name))
        return self._may_ask(name)

    def _may_ask(self, name: str) -> bool:
        return (
            name in self._units
            and self._parts.cluster.reachable
            and not self.shared.draining
            and self._reception.receives(name)
            and self._owners.is_free(name)
            and self._preferred(name) in (None, self.name)
        )

    def _preferred(self, name: str) -> str | None:
        """Return the node that a unit is assigned to, if that runs and receives it; `None`: any node may have it."""
        node = self.shared.assigned(name)
        view = None if node is None else self.nodes.views.get(node)
        return node if view is not None and not view.draining and name in view.in_range else None

    def _wait_seconds(self, name: str) -> float:
        rssi_dbm = self._reception.rssi_dbm(name)
        span = _BEST_RSSI_DBM - _WORST_RSSI_DBM
        strength = 1.0 if rssi_dbm is None else min(1.0, max(0.0, (rssi_dbm - _WORST_RSSI_DBM) / span))
        far_seconds = (1.0 - strength) * _FARTHEST_SECONDS
        return far_seconds + len(self.served) * _EACH_SERVED_SECONDS + random.uniform(0, _JITTER_SECONDS)  # noqa: S311

    async def _serve_if_free(self, unit: Unit) -> None:
        """Serve a unit until that ends, unless another node owns it."""
        cluster = self._parts.cluster
        lease = await acquire(cluster.owners, unit.name, self.name, self.instance, cluster.ttl_seconds)
        if lease is None:
            self._owners.note_owned(unit.name)
            return
        served = self.served[unit.name] = ServedUnit(unit, lease, self._parts)
        if self.shared.draining or self._units.get(unit.name) != unit:  # since it was asked for
            served.drain()
        watching = asyncio.create_task(self._drain_when_due(served), name=f"reach of {unit.name}")
        try:
            await served.run()
            _LOGGER.info("%s was released", unit.name)
        finally:
            watching.cancel()
            del self.served[unit.name]
            self._owners.note_released(unit.name)

    async def _drain_when_due(self, served: ServedUnit) -> None:
        """Drain a unit, once no session runs, that is out of range for long, or that is assigned to another node."""
        name, since = served.unit.name, self._clock.now()
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            if served.in_contact or self._reception.receives(name):
                since = self._clock.now()
            if served.session_id is not None:
                continue
            lost = self._clock.now() - since >= _LOST_CONTACT_SECONDS
            if lost or self._preferred(name) not in (None, self.name):
                _LOGGER.info("%s is %s", name, "out of range" if lost else "assigned to another node")
                served.drain()
                return
