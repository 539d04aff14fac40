"""The board of a fleet, by what a broker sends: retained messages, live ones, last wills, and a broker that is lost."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from controller.contract.events import Snapshot
from controller.contract.session_state import SessionState
from controller.contract.station_board import StationTile, Trouble
from controller.fleet.fleet_board import SETTLE_SECONDS, FleetBoard
from controller.mqtt.instance import Instance


class Cluster:
    """Stands for what the cluster knows."""

    def __init__(self) -> None:
        self.stations: Collection[str] | None = None
        self.owners: dict[str, str] = {}
        self.waiting: set[str] = set()

    def owner(self, station: str) -> str | None:
        return self.owners.get(station)

    def could_be_served(self, station: str) -> bool:
        return station in self.waiting


class Bed:
    """A board, its clock, and the tiles that it has published."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.cluster = Cluster()
        self.board = FleetBoard(self.cluster, lambda: self.seconds)
        self.published: list[StationTile] = []
        self.board.subscribe(self.published.append)

    def connect(self) -> None:
        self.board.on_contact(True)

    def settle(self) -> None:
        self.pass_(SETTLE_SECONDS)

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self.board.look()

    def tile(self, station: str) -> StationTile:
        return self.board.tiles[station]


def instance(node: str, *stations: str) -> Instance:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Instance(instance=f"i-{node}", node=node, stations=stations, host="pi-7", since=since)


def state(station: str, kind: SessionState = SessionState.IDLE, **more: Any) -> Snapshot:
    return Snapshot(station=station, state=kind, session_id="s", **more)


def with_two_beds() -> Bed:
    """A part of a controller serves both stations of one mother; they are idle."""
    bed = Bed()
    bed.connect()
    bed.board.on_state(state("bed-1"), live=False)
    bed.board.on_status("anna", online=True)
    bed.board.on_instance("anna", instance("anna", "bed-1", "bed-2"))
    bed.board.on_state(state("bed-2"), live=False)
    bed.settle()
    return bed


def test_nothing_is_shown_before_the_broker_has_sent_what_it_retains() -> None:
    bed = Bed()
    bed.connect()
    bed.board.on_state(state("bed-1"), live=False)
    bed.board.on_status("bed-1", online=True)
    assert bed.published == []
    bed.settle()
    assert [(each.station, each.state) for each in bed.published] == [("bed-1", SessionState.IDLE)]


def test_the_stations_of_a_part_of_a_controller_share_its_status() -> None:
    bed = with_two_beds()
    assert {name: each.state for name, each in bed.board.tiles.items()} == dict.fromkeys(("bed-1", "bed-2"), "idle")
    assert bed.tile("bed-2").controller == "pi-7"
    bed.board.on_status("anna", online=False)
    assert {each.troubles for each in bed.board.tiles.values()} == {(Trouble.UNREACHABLE,)}
    bed.board.on_status("anna", online=True)
    assert {each.troubles for each in bed.board.tiles.values()} == {()}


def test_an_end_in_order_is_no_problem_whatever_comes_first() -> None:
    bed = with_two_beds()
    bed.board.on_instance("anna", None)
    bed.board.on_status("anna", online=False)
    assert {(each.state, each.troubles) for each in bed.board.tiles.values()} == {(None, ())}


def test_the_cluster_knows_the_name_of_the_controller() -> None:
    bed = with_two_beds()
    bed.cluster.owners = {"bed-1": "node-3"}
    bed.pass_(1)
    assert (bed.tile("bed-1").controller, bed.tile("bed-2").controller) == ("node-3", "pi-7")


def test_a_station_of_the_document_is_shown_and_a_removed_one_is_not() -> None:
    bed = with_two_beds()
    bed.board.on_state(state("old", SessionState.RUNNING), live=False)
    bed.pass_(1)
    assert "old" in bed.board.tiles
    bed.cluster.stations = ["bed-1", "bed-3"]
    bed.pass_(1)
    # bed-2 is served still; it is released when its session has ended.
    assert set(bed.board.tiles) == {"bed-1", "bed-2", "bed-3"}
    assert bed.tile("bed-3").state is None
    published = len(bed.published)
    bed.pass_(1)
    assert len(bed.published) == published


def test_a_station_that_one_could_serve_and_none_does_is_a_problem() -> None:
    bed = with_two_beds()
    bed.cluster.stations, bed.cluster.waiting = ["bed-9"], {"bed-9"}
    bed.pass_(1)
    assert bed.tile("bed-9").troubles == ()
    bed.pass_(31)
    assert bed.tile("bed-9").troubles == (Trouble.UNOWNED,)


def test_a_broker_that_is_lost_makes_all_unknown_and_what_comes_back_is_not_older() -> None:
    bed = with_two_beds()
    bed.board.on_state(state("bed-1", SessionState.RUNNING), live=True)
    bed.board.on_contact(False)
    assert not bed.board.in_contact
    assert bed.tile("bed-1").troubles == (Trouble.SESSION_LOST,)
    assert bed.tile("bed-2").troubles == (Trouble.UNREACHABLE,)
    bed.seconds += 60
    bed.connect()
    bed.board.on_status("anna", online=True)
    bed.board.on_instance("anna", instance("anna", "bed-1", "bed-2"))
    bed.board.on_state(state("bed-1", SessionState.RUNNING), live=False)
    bed.settle()
    assert bed.tile("bed-1").state is None
    assert bed.tile("bed-2").state is SessionState.IDLE
    bed.board.on_state(state("bed-1", SessionState.RUNNING), live=True)
    assert bed.tile("bed-1").state is SessionState.RUNNING


def test_numbers_that_tick_publish_no_tile() -> None:
    bed = with_two_beds()
    bed.board.on_state(state("bed-1", SessionState.RUNNING), live=True)
    published = len(bed.published)
    for left in range(300):
        bed.board.on_state(state("bed-1", SessionState.RUNNING, step_seconds_left=float(left)), live=True)
        bed.pass_(0.5)
    assert len(bed.published) == published
