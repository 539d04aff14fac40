"""The simulation of a lost leader, where its result is known without it."""

from __future__ import annotations

import pytest

from controller.cluster import lease
from tests.fleet.load import storm
from tests.fleet.load.storm import expected_lost_share, reconnected_after_seconds, simulate

QUICK = 1e6  # requests a second: as if nobody waited for another


def test_it_renews_as_a_lease_does() -> None:
    ours = (storm.HELD_SHARE, storm.RENEWALS, storm.RETRY_SECONDS, storm.MOST_ANSWER_SECONDS, storm.ANSWERS)
    theirs = (lease.HELD_SHARE, lease._RENEWALS, lease._RETRY_SECONDS, lease._MOST_ANSWER_SECONDS, lease._ANSWERS)
    assert ours == theirs


def test_without_an_outage_no_lease_is_lost_and_each_asks_once() -> None:
    found = simulate(500, 0.0, 15.0, QUICK)
    assert (found.lost, found.requests) == (0, 500)


def test_an_outage_of_two_thirds_of_the_time_loses_every_lease() -> None:
    assert simulate(500, 10.0, 15.0, QUICK).lost_share == 1.0


@pytest.mark.parametrize(("hangs", "again_seconds"), [(False, 0.5), (True, 2.5)])
def test_an_outage_that_leaves_time_for_another_attempt_loses_none(hangs: bool, again_seconds: float) -> None:
    # The last renewal was at most 3 s ago, and the next attempt begins so long after the end at the latest.
    assert simulate(500, 10.0 - 3.0 - again_seconds, 15.0, QUICK, hangs=hangs).lost == 0
    assert simulate(500, 10.0 - 3.0 + again_seconds, 15.0, QUICK, hangs=hangs).lost > 0


def test_of_an_outage_in_between_a_longer_time_to_live_loses_fewer() -> None:
    lost = [simulate(2000, 8.0, seconds, QUICK).lost_share for seconds in (10.0, 15.0, 20.0)]
    assert lost[0] == 1.0
    assert 0.0 < lost[1] < 1.0
    assert lost[2] == 0.0


def test_over_many_elections_it_loses_what_was_measured() -> None:
    # tests/fleet/leader_loss: at 10 s, 5 of 10 sessions ended, at 15 s and more none of 10.
    lost = {seconds: expected_lost_share(8, seconds, QUICK) for seconds in (10.0, 15.0, 20.0, 30.0)}
    assert 0.3 < lost[10.0] < 0.8
    assert 0.01 < lost[15.0] < 0.15
    assert lost[20.0] < 0.01
    assert lost[30.0] == 0.0


def test_a_store_that_is_too_slow_for_all_at_once_loses_leases_that_a_quick_one_keeps() -> None:
    slow, quick = (simulate(10_000, 4.0, 15.0, rate) for rate in (500.0, 100_000.0))
    assert quick.lost == 0
    assert slow.lost > 0
    assert slow.requests > quick.requests  # those who had no answer in time ask again
    assert simulate(400, 4.0, 15.0, 500.0).lost == 0  # a twenty-fifth of them


def test_the_nodes_that_are_left_take_over_the_clients_of_the_lost_one() -> None:
    assert reconnected_after_seconds(3000, 3, 4, 40_000.0) == pytest.approx(1000 * 0.04 / 8)
