"""The calculation for large fleets: its parts grow as they must, and its constants each say how they were measured."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import yaml

from controller.cluster import lease
from controller.fleet import announcing
from tests.fleet.load.fleet_model import ANNOUNCEMENTS, COSTS, ENOUGH, RENEWALS, Costs, Fleet, most_stations, parts

FREE = Costs(**{each.name: 0.0 for each in fields(Costs)} | {"renewals_a_second": 1000.0})
CONTROLLER, CLUSTER = "a controller: processor", "cluster: processor, together"
RENEWING, CONNECTIONS = "cluster: renewals in one store", "PostgreSQL: connections"


def needed(fleet: Fleet, costs: Costs, name: str) -> float:
    return next(part.needed for part in parts(fleet, costs) if part.name == name)


def test_each_constant_says_how_it_was_measured() -> None:
    found = yaml.safe_load(COSTS.read_text(encoding="utf-8"))
    assert set(found) == {each.name for each in fields(Costs)}
    assert [name for name, each in found.items() if not str(each.get("measured", "")).strip()] == []
    assert all(getattr(Costs.load(), name) > 0 for name in found)


def test_the_model_renews_and_announces_as_the_controllers_do() -> None:
    assert (RENEWALS, ANNOUNCEMENTS) == (lease._RENEWALS, announcing._TIMES)


def test_a_controller_follows_the_renewals_of_its_whole_fleet_and_no_others() -> None:
    costs = replace(FREE, renewal_followed_microseconds=100.0)
    fleet = Fleet(1200, ttl_seconds=15.0)
    assert needed(fleet, costs, CONTROLLER) == pytest.approx(1200 * 5 / 15 * 100e-6)
    assert needed(replace(fleet, parts=4), costs, CONTROLLER) == pytest.approx(300 * 5 / 15 * 100e-6)


def test_what_the_cluster_delivers_grows_with_the_square_of_the_fleet() -> None:
    costs = replace(FREE, change_delivered_microseconds=10.0)
    once, twice = (needed(Fleet(size), costs, CLUSTER) for size in (1000, 2000))
    assert twice == pytest.approx(4 * once)
    assert needed(Fleet(2000, parts=2), costs, CLUSTER) == pytest.approx(2 * once)


def test_the_most_used_part_is_the_first() -> None:
    costs = replace(FREE, database_connections=2.0, renewals_a_second=100.0)
    found = parts(Fleet(2000, ttl_seconds=15.0), costs)
    assert [part.name for part in found[:2]] == [RENEWING, CONNECTIONS]
    assert [part.use for part in found[:2]] == pytest.approx([2000 / 3 / 100, 2.0])


def test_a_part_lasts_for_so_many_stations_and_not_one_more() -> None:
    costs = replace(FREE, renewals_a_second=100.0)
    most = most_stations(Fleet(10, ttl_seconds=15.0), costs, RENEWING)
    assert most / 3 / 100 <= ENOUGH < (most + 1) / 3 / 100


def test_a_command_costs_the_more_the_more_stations_share_its_cluster() -> None:
    costs = replace(FREE, command_microseconds_each_station=36.0)
    fleet = Fleet(4000, suction_share=0.25, commands_a_second=0.01)
    assert needed(fleet, costs, CLUSTER) == pytest.approx(1000 * 0.01 * 4000 * 36e-6)
    assert needed(replace(fleet, parts=4), costs, CLUSTER) == pytest.approx(1000 * 0.01 * 4000 * 36e-6)
    assert needed(replace(fleet, clusters=4), costs, CLUSTER) == pytest.approx(1000 * 0.01 * 1000 * 36e-6)
