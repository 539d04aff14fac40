"""All stations of a fleet at a glance, as their controllers publish them and as the cluster knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Protocol

from controller.contract.events import Snapshot
from controller.contract.station_board import StationTile
from controller.fleet.watched_station import Now, Served, WatchedStation
from controller.mqtt.instance import Instance

_TICK_SECONDS = 1.0  # how often what gets old is looked at
SETTLE_SECONDS = 1.5  # for a broker to send all that it retains; until then, nothing is shown of it


class FleetKnowledge(Protocol):
    """What the cluster knows of the stations, as far as it can be read."""

    @property
    def stations(self) -> Collection[str] | None:
        """All stations that the fleet has; `None`: that is not known."""

    def owner(self, station: str) -> str | None:
        """Return the controller that owns a station; `None`: none, or it is not known."""

    def could_be_served(self, station: str) -> bool:
        """Return whether no controller owns a station though one receives its devices."""


class FleetBoard:
    """A `StationBoard` of a fleet, and the `FleetListener` that it is fed by. `run` lets what is known grow old."""

    def __init__(self, knowledge: FleetKnowledge, clock: Callable[[], float] | None = None) -> None:
        self._knowledge = knowledge
        self._clock = clock or asyncio.get_running_loop().time
        self._stations: dict[str, WatchedStation] = {}
        self._tiles: dict[str, StationTile] = {}
        self._watchers: list[Callable[[StationTile], None]] = []
        self._online: dict[str, bool] = {}  # by node, as its status says
        self._announced: dict[str, Instance] = {}  # by node, until it ends in order
        self._nodes_of: dict[str, set[str]] = {}  # that announce a station
        self._in_contact = False
        self._settled_seconds = 0.0

    @property
    def tiles(self) -> Mapping[str, StationTile]:
        """The tiles, by station."""
        return self._tiles

    @property
    def in_contact(self) -> bool:
        """Whether there is a connection to the broker."""
        return self._in_contact

    def subscribe(self, changed: Callable[[StationTile], None]) -> Callable[[], None]:
        """Call `changed` with every tile that changes from now on. Return a function to unsubscribe."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    async def run(self) -> None:
        """Look at what gets old, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.look()

    def look(self) -> None:
        """Show every station as it is now."""
        known = self._knowledge.stations
        for name in known or ():
            self._station(name)
        for name in list(self._stations):
            if known is not None and name not in known and self._served(name)[0] == "none":
                del self._stations[name]  # it was removed from the fleet
                self._tiles.pop(name, None)
            else:
                self._look_at(name)

    # -- what is received ---------------------------------------------------------------------------------------------

    def on_contact(self, in_contact: bool) -> None:
        """Take whether there is a connection to a broker; a new one begins with all that is retained."""
        self._in_contact = in_contact
        if in_contact:
            self._online.clear()
            self._announced.clear()
            self._nodes_of.clear()
            self._settled_seconds = self._clock() + SETTLE_SECONDS
            for station in self._stations.values():
                station.since_seconds = self._clock()
        else:
            self.look()

    def on_state(self, snapshot: Snapshot, *, live: bool) -> None:
        """Take the state of a station."""
        self._station(snapshot.station).take_state(snapshot, self._now(), live=live)
        self._look_at(snapshot.station)

    def on_device(self, station: str, device: str, *, online: bool, live: bool) -> None:
        """Take whether a device answers."""
        self._station(station).take_device(device, self._now(), online=online, live=live)
        self._look_at(station)

    def on_status(self, node: str, *, online: bool) -> None:
        """Take whether the part of a controller that serves some stations is connected."""
        self._online[node] = online
        announced = self._announced.get(node)
        for name in (node,) if announced is None else announced.stations:
            if name in self._stations:
                self._look_at(name)

    def on_instance(self, node: str, instance: Instance | None) -> None:
        """Take what such a part announces; `None`: it ended in order."""
        before = self._announced.pop(node, None)
        for each in () if before is None else before.stations:
            self._nodes_of[each].discard(node)
        if instance is not None:
            self._announced[node] = instance
        for each in () if instance is None else instance.stations:
            self._nodes_of.setdefault(each, set()).add(node)
            self._station(each)
        for name in {*(() if before is None else before.stations), *(() if instance is None else instance.stations)}:
            self._look_at(name)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _station(self, name: str) -> WatchedStation:
        if name not in self._stations:
            self._stations[name] = WatchedStation(name, since_seconds=self._clock())
        return self._stations[name]

    def _now(self) -> Now:
        return Now(self._clock(), datetime.now(UTC))

    def _look_at(self, name: str) -> None:
        station, now = self._station(name), self._now()
        if self._in_contact:
            if now.seconds < self._settled_seconds:
                return
            served, host = self._served(name)
            station.take_served(served, self._knowledge.owner(name) or host, now.seconds)
            if not self._knowledge.could_be_served(name):
                station.could_be_served_seconds = None
            elif station.could_be_served_seconds is None:
                station.could_be_served_seconds = now.seconds
        tile = station.tile(now, in_contact=self._in_contact)
        if self._tiles.get(name) == tile:
            return
        self._tiles[name] = tile
        for each in list(self._watchers):
            each(tile)

    def _served(self, name: str) -> tuple[Served, str | None]:
        """Return whether something serves a station, and the machine that does or did."""
        nodes = self._nodes_of.get(name) or ()
        for node in nodes:
            if self._online.get(node):
                return "served", self._announced[node].host
        for node in nodes:
            return "lost", self._announced[node].host
        return ("served", None) if self._online.get(name) else ("none", None)
