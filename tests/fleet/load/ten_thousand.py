"""What would be too small first in a large fleet: `python -m tests.fleet.load.ten_thousand --stations 10000`.

Calculated from `costs.yaml`, which was measured on small fleets; nothing of it was tried at this size.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from tests.fleet.load.fleet_model import Costs, Fleet, levels, most_stations, parts
from tests.fleet.load.storm import expected_lost_share, reconnected_after_seconds

_TTL_SECONDS = (10.0, 15.0, 20.0, 30.0)


def main() -> None:
    """Print the parts of one fleet, of the same one divided, and what a lost node does to them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stations", type=int, default=10_000)
    parser.add_argument("--parts", type=int, default=25, help="fleets to divide it into")
    options = parser.parse_args()
    console, costs = Console(width=120), Costs.load()
    one = Fleet(options.stations)
    divided = replace(one, parts=options.parts, clusters=options.parts, cores=2, database_connections=2000)
    names = {"one fleet on one cluster": one, f"{options.parts} fleets, each on a cluster of its own": divided}
    for name, fleet in names.items():
        console.print(_parts(fleet, costs, f"{fleet.stations} stations: {name}"))
        for what, value in levels(fleet, costs).items():
            console.print(f"{what}: {value:.1f}")
    console.print(_storms(one, costs, "sessions that end when the node that leads a store is lost: one fleet"))
    console.print(_storms(divided, costs, f"the same, {options.parts} fleets"))
    for name, fleet in names.items():
        stations = fleet.stations // fleet.clusters
        seconds = reconnected_after_seconds(stations, fleet.nodes, fleet.cores, costs.connect_microseconds)
        console.print(
            f"{name}: the other nodes work for {seconds:.0f} s until the stations of a lost one are connected"
        )


def _parts(fleet: Fleet, costs: Costs, title: str) -> Table:
    table = Table("part", "needed", "possible", "used", "lasts for stations", title=title)
    for part in parts(fleet, costs):
        most = most_stations(fleet, costs, part.name)
        row = (f"{part.needed:.2f} {part.unit}", f"{part.possible:.0f}", f"{part.use:.0%}", f"{most}")
        table.add_row(part.name, *row)
    return table


def _storms(fleet: Fleet, costs: Costs, title: str) -> Table:
    table = Table("ttl_seconds", "it is killed", "it hangs", title=title)
    leases = round(fleet.stations / fleet.parts)
    for ttl_seconds in _TTL_SECONDS:
        lost = [
            expected_lost_share(leases, ttl_seconds, costs.renewals_a_second, hangs=hangs) for hangs in (False, True)
        ]
        table.add_row(f"{ttl_seconds:g}", *(f"{each:.1%}" for each in lost))
    return table


if __name__ == "__main__":
    main()
