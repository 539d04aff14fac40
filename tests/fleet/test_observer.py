"""The observer finds each violation in a record that has it, and none in a healthy one."""

from __future__ import annotations

from tests.fleet.made_records import LEFT, RIGHT, TIMER, down, line, made, off, renew, start, stop, up
from tests.fleet.observer import (
    drove_before_stop,
    holds,
    ran_too_long,
    started_by_itself,
    still_pulls,
    two_drivers,
    two_links,
)

SLACK_SECONDS = 1.0


def session(at: float = 1.0, controller: str = "c1") -> list[dict[str, object]]:
    """A session of half a minute, healthy."""
    renewals = [renew(at + seconds, controller) for seconds in (4, 8, 12, 16, 20, 24)]
    pulls = [line(at + 0.5, "pulls"), line(at + 27.5, "released")]
    return [
        up(at - 0.5, controller),
        *start(at, controller),
        *renewals,
        *pulls,
        *stop(at + 27, controller),
        down(at + 30, controller),
    ]


HEALTHY = made(session(), session(40, "c2"))


def test_nothing_is_found_in_a_healthy_record() -> None:
    assert two_links(HEALTHY) == []
    assert two_drivers(HEALTHY) == []
    assert ran_too_long(HEALTHY, SLACK_SECONDS) == []
    assert started_by_itself(HEALTHY) == []
    assert still_pulls(HEALTHY) == []
    assert drove_before_stop(HEALTHY) == []


def test_two_links_at_once_are_found() -> None:
    (found,) = two_links(made(up(1), up(5, "c2"), down(9), down(10, "c2")))
    assert (found.at, found.subject) == (5, LEFT)
    assert two_links(made(up(1), down(5), up(5, "c2"))) == []


# Two drivers


def test_driving_after_another_one_has_connected_to_the_other_pump_is_found() -> None:
    frozen = made(up(0), *start(1), up(8, "c2", RIGHT), renew(12), renew(14), down(20), down(20, "c2", RIGHT))
    (found,) = two_drivers(frozen)
    assert (found.at, found.subject) == (12, "s1")
    assert "after c2 had taken over" in found.detail


def test_one_that_only_stops_after_another_one_has_taken_over_is_fine() -> None:
    record = made(up(0), *start(1), up(8, "c2", RIGHT), *stop(12), down(13), *start(14, "c2", RIGHT))
    assert two_drivers(record) == []


def test_the_earlier_one_may_drive_again_once_it_connects_anew() -> None:
    record = made(up(0), *start(1), *stop(2), down(3), up(4, "c2"), down(6, "c2"), up(7), *start(8))
    assert two_drivers(record) == []


def test_two_stations_may_have_different_owners() -> None:
    assert two_drivers(made(up(0), up(1, "c2", TIMER), *start(2), *start(3, "c2", TIMER))) == []


def test_a_hold_lasts_from_the_first_link_of_a_station_to_the_last() -> None:
    found = holds(made(up(1), up(2, device=RIGHT), down(5), down(9, device=RIGHT), up(12)))
    assert [(each.began, each.ended < 10) for each in found] == [(1, True), (12, False)]


# Runs


def test_a_run_beyond_its_lease_is_found() -> None:
    (found,) = ran_too_long(made(up(0), *start(1), renew(5), off(18, "commanded")), SLACK_SECONDS)
    assert (found.at, found.subject) == (15, LEFT)
    assert "its lease" in found.detail
    assert ran_too_long(made(up(0), *start(1), renew(5), off(15.6, "lease_expired")), SLACK_SECONDS) == []


def test_a_run_that_never_ends_is_found() -> None:
    (found,) = ran_too_long(made(up(0), *start(1)), SLACK_SECONDS, until=60)
    assert "still runs 49.00 s longer" in found.detail
    assert ran_too_long(made(up(0), *start(1)), SLACK_SECONDS, until=10) == []


def test_a_run_beyond_its_link_is_found() -> None:
    (found,) = ran_too_long(made(up(0), *start(1), down(3), off(6, "commanded")), SLACK_SECONDS)
    assert "the lost link" in found.detail
    assert ran_too_long(made(up(0), *start(1), down(3), off(3.1, "link_lost")), SLACK_SECONDS) == []


def test_a_device_without_a_lease_may_run_on_without_a_link_until_its_own_timer() -> None:
    without = {"lease_seconds": 10**7, "duration_seconds": 10**7}
    began = [up(0, device=TIMER), *start(1, device=TIMER, **without), down(5, device=TIMER)]
    assert ran_too_long(made(*began, off(61.3, "duration_ended", TIMER)), SLACK_SECONDS) == []
    (found,) = ran_too_long(made(*began, off(70, "commanded", TIMER)), SLACK_SECONDS)
    assert "its own timer" in found.detail


def test_a_run_beyond_its_duration_is_found() -> None:
    record = made(up(0), *start(1, duration_seconds=5), renew(5), off(12, "commanded"))
    (found,) = ran_too_long(record, SLACK_SECONDS)
    assert "its duration" in found.detail


def test_a_run_that_begins_by_itself_is_found() -> None:
    (found,) = started_by_itself(made(up(0), line(5, "on"), off(6, "commanded")))
    assert found.at == 5
    (found,) = started_by_itself(made(up(0), down(0.5), *start(1)))
    assert "without a link" in found.detail


def test_vacuum_after_the_end_of_a_run_is_found() -> None:
    began = [up(0), *start(1), line(1.5, "pulls")]
    (found,) = still_pulls(made(*began, *stop(10), line(20, "released")))
    assert found.subject == LEFT
    assert still_pulls(made(*began, *stop(10), line(10.4, "released"))) == []
    (found,) = still_pulls(made(*began, *stop(10)))  # never released
    assert found.rule == "still_pulls"
    assert still_pulls(made(*began)) == []  # it runs


def test_vacuum_counts_whoever_is_connected_when_it_goes() -> None:
    pulls, released = line(1.5, "pulls", controller="c1"), line(10.2, "released", controller="c2")
    assert still_pulls(made(up(0), *start(1), pulls, *stop(10), released)) == []


# What a successor does first


def lost(*then: dict[str, object]) -> list[dict[str, object]]:
    """A session whose controller is lost, and what comes after."""
    return made(up(0), *start(1), down(5), off(5.1, "link_lost"), up(12, "c2"), *then)


def test_a_successor_that_lets_a_device_run_without_stopping_it_first_is_found() -> None:
    (found,) = drove_before_stop(lost(*start(14, "c2")))
    assert (found.at, found.subject) == (14.01, LEFT)
    stopped = stop(12.5, "c2")[0]
    assert drove_before_stop(lost(stopped, *start(14, "c2"))) == []
    assert drove_before_stop(made(session(), session(40, "c2"))) == []
