"""What a fleet of any size needs of each of its parts, calculated from what was measured on small ones; pure functions.

`costs.yaml` has the constants, each with its measurement. Nothing here was measured at the sizes that are asked about:
the model says which part is too small first, and about where.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

COSTS = Path(__file__).with_name("costs.yaml")
RENEWALS = 5  # of each station in one `ttl_seconds`
ANNOUNCEMENTS = 4  # of each controller in one `ttl_seconds`
COPIES = 3  # of what the cluster stores
ENOUGH = 0.8
"""A part that is used more than that is too small: nothing is left for a bad moment."""


@dataclass(frozen=True)
class Costs:
    """What things cost, by measurement. Microseconds are of one core; those of the broker are of all nodes together."""

    controller_microseconds: float  # a second, without a station
    idle_station_microseconds: float  # a second, of its controller
    suction_station_microseconds: float  # a second, more than idle
    other_station_microseconds: float  # a second, of each controller that does not serve it, without its renewals
    renewal_followed_microseconds: float  # of each controller, each
    announcement_followed_microseconds: float  # of each controller, each
    renewal_microseconds: float  # of the broker, each
    change_delivered_microseconds: float  # of the broker, for each controller that follows
    idle_broker_microseconds: float  # of the broker, a second, of a station
    suction_broker_microseconds: float  # of the broker, a second, of a station, more than idle
    command_microseconds_each_station: float  # of the broker, a command, for each station that is connected
    connect_microseconds: float  # of the broker, a station with its subscriptions
    renewals_a_second: float  # what one store takes at most
    suction_database_microseconds: float  # a second, of a station
    database_connections: float  # of a controller
    key_read_microseconds: float  # of a controller when it starts, each
    controller_megabytes: float
    station_megabytes: float  # of its controller, more in suction or not
    broker_kilobytes: float  # of each station, all nodes together

    @classmethod
    def load(cls, file: Path = COSTS) -> Costs:
        """Read the constants. Raise `KeyError` where one is missing."""
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        return cls(**{each.name: float(found[each.name]["value"]) for each in fields(cls)})


@dataclass(frozen=True)
class Fleet:
    """A fleet. `parts`: how many fleets it is divided into, each with its own stations, controllers and stores.

    `clusters`: among how many clusters of `nodes` nodes these are distributed.
    """

    stations: int
    stations_each: int = 20  # of a controller
    suction_share: float = 0.25
    ttl_seconds: float = 20.0
    commands_a_second: float = 0.01  # of a station in suction
    parts: int = 1
    clusters: int = 1
    nodes: int = 3
    cores: int = 8  # of each node
    database_cores: int = 4
    database_connections: int = 100  # PostgreSQL's own default

    @property
    def controllers(self) -> int:
        """How many there are."""
        return math.ceil(self.stations / self.stations_each)


@dataclass(frozen=True)
class Part:
    """A part of a fleet: what is asked of it, and what it can do, in the same unit."""

    name: str
    unit: str
    needed: float
    possible: float

    @property
    def use(self) -> float:
        """Needed over possible."""
        return self.needed / self.possible


def parts(fleet: Fleet, costs: Costs) -> list[Part]:
    """Return the parts of a fleet, the most used one first."""
    micro = 1e-6
    in_part, controllers_in_part = fleet.stations / fleet.parts, fleet.controllers / fleet.parts
    renewals = RENEWALS / fleet.ttl_seconds  # of a station, a second
    announcements = ANNOUNCEMENTS / fleet.ttl_seconds
    own_suction = fleet.stations_each * fleet.suction_share
    controller = (
        costs.controller_microseconds
        + fleet.stations_each * costs.idle_station_microseconds
        + own_suction * costs.suction_station_microseconds
        + in_part * (costs.other_station_microseconds + renewals * costs.renewal_followed_microseconds)
        + controllers_in_part * announcements * costs.announcement_followed_microseconds
    )
    suction = fleet.stations * fleet.suction_share
    changes = fleet.stations * renewals + fleet.controllers * announcements
    telling = fleet.stations * costs.idle_broker_microseconds + suction * costs.suction_broker_microseconds
    owning = changes * (costs.renewal_microseconds + controllers_in_part * costs.change_delivered_microseconds)
    in_cluster = fleet.stations / fleet.clusters
    commanding = suction * fleet.commands_a_second * in_cluster * costs.command_microseconds_each_station
    database = suction * costs.suction_database_microseconds
    connections = fleet.controllers * costs.database_connections
    cores = float(fleet.clusters * fleet.nodes * fleet.cores)
    found = [
        Part("a controller: processor", "cores", controller * micro, 1.0),
        Part("cluster: processor, for what stations publish", "cores", telling * micro, cores),
        Part("cluster: processor, for owners and their followers", "cores", owning * micro, cores),
        Part("cluster: processor, for commands", "cores", commanding * micro, cores),
        Part("cluster: processor, together", "cores", (telling + owning + commanding) * micro, cores),
        Part("cluster: renewals in one store", "a second", in_part * renewals, costs.renewals_a_second),
        Part("PostgreSQL: processor", "cores", database * micro, float(fleet.database_cores)),
        Part("PostgreSQL: connections", "", connections, float(fleet.database_connections)),
    ]
    return sorted(found, key=lambda part: part.use, reverse=True)


def first_bottleneck(fleet: Fleet, costs: Costs) -> Part:
    """Return the part that is used most."""
    return parts(fleet, costs)[0]


def most_stations(fleet: Fleet, costs: Costs, name: str) -> int:
    """Return how many stations a part lasts for, at most 10 million; the fleet is otherwise the same."""
    least, most = 0, 10_000_000
    while least < most:
        middle = (least + most + 1) // 2
        sized = Fleet(**{each.name: getattr(fleet, each.name) for each in fields(fleet)} | {"stations": middle})
        use = next(part.use for part in parts(sized, costs) if part.name == name)
        least, most = (middle, most) if use <= ENOUGH else (least, middle - 1)
    return least


def levels(fleet: Fleet, costs: Costs) -> Mapping[str, float]:
    """Return what else there is: memory, and how long a controller reads when it starts."""
    keys = fleet.stations / fleet.parts + fleet.controllers / fleet.parts
    return {
        "memory of a controller, MB": costs.controller_megabytes + fleet.stations_each * costs.station_megabytes,
        "memory of the cluster for MQTT, GB": fleet.stations * costs.broker_kilobytes / 1024**2,
        "keys that a controller reads when it starts, s": keys * costs.key_read_microseconds * 1e-6,
    }
