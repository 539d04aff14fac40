"""What `letdown fleet drain --wait` waits for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.cli.fleet_drain import what_is_left
from controller.cluster.node_view import NodeView, ServedView
from controller.fleet.fleet_status import FleetStatus, StationStatus


def status(*stations: StationStatus, draining: bool | None = True, serves: tuple[str, ...] = ()) -> FleetStatus:
    """Return the status of a fleet with node-1. `draining`: as it says itself; `None`: it is not there."""
    view = NodeView(
        node="node-1",
        instance="1",
        version="0.2.0",
        since=datetime.now(UTC),
        draining=bool(draining),
        serves={each: ServedView(epoch=1) for each in serves},
    )
    return FleetStatus(stations=stations, nodes=() if draining is None else (view,))


def bed(number: int, node: str | None, session_id: str | None = None) -> StationStatus:
    name = f"bed-{number}"
    return StationStatus(station=name, unit=name, node=node, session_id=session_id)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (status(bed(2, "node-1", "s"), bed(1, "node-1", "t"), bed(3, "node-1")), "the session at bed-1, bed-2"),
        (status(bed(1, "node-1"), bed(2, "node-2", "s")), "releases bed-1"),
        (status(bed(1, "node-2", "s"), draining=False), "does not know yet that it is drained"),
        (status(bed(1, None), serves=("bed-9",)), "releases bed-9"),
        (status(bed(1, "node-1"), draining=None), "releases bed-1"),
    ],
    ids=["sessions first", "no session", "just asked", "of an earlier document", "it was killed"],
)
def test_something_is_left(found: FleetStatus, words: str) -> None:
    assert words in (what_is_left(found, "node-1") or "")


@pytest.mark.parametrize("draining", [True, None], ids=["it runs", "it has ended"])
def test_nothing_is_left_where_a_node_owns_and_serves_nothing(draining: bool | None) -> None:
    assert what_is_left(status(bed(1, "node-2", "s"), bed(2, None), draining=draining), "node-1") is None
