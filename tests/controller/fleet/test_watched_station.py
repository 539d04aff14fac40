"""What the page of a fleet shows of a station, by what was heard of it, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.contract.events import Snapshot
from controller.contract.session_state import EndReason, SessionState
from controller.contract.station_board import Trouble
from controller.fleet.watched_station import FRESH_SECONDS, PAIN_SECONDS, UNOWNED_SECONDS, Now, WatchedStation
from controller.safety.limits import Trip, TripKind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRIP = Trip(kind=TripKind.TEMPERATURE, device="pad", words="too warm")


def at(seconds: float) -> Now:
    return Now(seconds, NOON + timedelta(seconds=seconds))


def state(kind: SessionState = SessionState.RUNNING, **more: Any) -> Snapshot:
    return Snapshot(station="bed-1", state=kind, session_id="s", step="express", ends_at=NOON, **more)


def served(*, since: float = 0.0) -> WatchedStation:
    station = WatchedStation("bed-1")
    station.take_served("served", "node-1", since)
    return station


def test_a_session_that_reports_is_running() -> None:
    station = served()
    station.take_state(state(), at(1), live=True)
    tile = station.tile(at(2), in_contact=True)
    assert (tile.state, tile.step, tile.ends_at, tile.controller) == (SessionState.RUNNING, "express", NOON, "node-1")
    assert tile.troubles == ()
    assert tile.silent_since is None


def test_what_was_retained_is_not_shown_as_running_until_it_is_heard() -> None:
    station = served()
    station.take_state(state(), at(1), live=False)
    tile = station.tile(at(2), in_contact=True)
    assert (tile.state, tile.step, tile.ends_at, tile.troubles) == (None, None, None, ())
    station.take_state(state(), at(3), live=True)
    assert station.tile(at(3), in_contact=True).state is SessionState.RUNNING


def test_a_retained_session_that_nobody_reports_is_lost() -> None:
    station = served()
    station.take_state(state(), at(1), live=False)
    tile = station.tile(at(FRESH_SECONDS + 1), in_contact=True)
    assert (tile.state, tile.troubles, tile.silent_since) == (None, (Trouble.SESSION_LOST,), None)


def test_a_session_that_falls_silent_is_unknown_with_its_age() -> None:
    station = served()
    station.take_state(state(), at(5), live=True)
    assert station.tile(at(5 + FRESH_SECONDS), in_contact=True).state is SessionState.RUNNING
    tile = station.tile(at(5.1 + FRESH_SECONDS), in_contact=True)
    assert (tile.state, tile.troubles) == (None, (Trouble.SESSION_LOST,))
    assert tile.silent_since == NOON + timedelta(seconds=5)


@pytest.mark.parametrize(
    "kind", [SessionState.IDLE, SessionState.PAUSED, SessionState.CHECKING, SessionState.COMPLETED]
)
def test_what_needs_no_reports_stays_known_while_its_controller_is_connected(kind: SessionState) -> None:
    station = served()
    station.take_state(state(kind), at(1), live=False)
    assert station.tile(at(3600), in_contact=True).state is kind


@pytest.mark.parametrize(
    ("kind", "trouble"), [(SessionState.PAUSED, Trouble.SESSION_LOST), (SessionState.IDLE, Trouble.UNREACHABLE)]
)
def test_a_controller_whose_will_was_published_is_unreachable(kind: SessionState, trouble: Trouble) -> None:
    station = served()
    station.take_state(state(kind), at(1), live=True)
    station.take_served("lost", "node-1", 4)
    tile = station.tile(at(5), in_contact=True)
    assert (tile.state, tile.troubles, tile.controller) == (None, (trouble,), "node-1")
    assert tile.silent_since == NOON + timedelta(seconds=1)


def test_a_station_that_was_released_in_order_is_no_problem_and_nobody_s() -> None:
    station = served()
    station.take_state(state(SessionState.COMPLETED), at(1), live=True)
    station.take_served("none", None, 4)
    tile = station.tile(at(5), in_contact=True)
    assert (tile.state, tile.troubles, tile.controller, tile.silent_since) == (None, (), None, None)


def test_without_a_broker_nothing_is_known_and_what_ran_comes_first() -> None:
    station = served()
    station.take_state(state(), at(1), live=True)
    tile = station.tile(at(2), in_contact=False)
    assert (tile.state, tile.step, tile.troubles) == (None, None, (Trouble.SESSION_LOST,))


@pytest.mark.parametrize("kept", [{"trip": TRIP}, {"uncertain": ("left-pump",)}])
def test_what_is_latched_is_shown_without_contact_too(kept: dict[str, Any]) -> None:
    station = served()
    station.take_state(state(SessionState.STOPPED, **kept), at(1), live=True)
    (trouble,) = station.tile(at(2), in_contact=True).troubles
    station.take_served("none", None, 4)
    assert station.tile(at(5), in_contact=True).troubles == (trouble,)
    station.take_served("lost", None, 4)
    assert station.tile(at(5), in_contact=True).troubles == (trouble, Trouble.UNREACHABLE)


def test_pain_needs_attention_for_half_an_hour_or_until_the_next_session() -> None:
    station = served()
    station.take_state(state(SessionState.STOPPED, reason=EndReason.PAIN), at(10), live=True)
    station.take_state(state(SessionState.STOPPED, reason=EndReason.PAIN), at(500), live=True)
    assert station.tile(at(10 + PAIN_SECONDS), in_contact=True).troubles == (Trouble.PAIN,)
    assert station.tile(at(11 + PAIN_SECONDS), in_contact=True).troubles == ()
    station.take_state(state(SessionState.CHECKING, reason=EndReason.PAIN), at(20), live=True)
    assert station.tile(at(21), in_contact=True).troubles == ()


def test_a_device_is_lost_that_the_session_had_and_has_no_more() -> None:
    station = served()
    station.take_device("massager", at(0), online=False, live=False)  # it was never there: by hand
    station.take_device("pump", at(0), online=True, live=False)
    station.take_state(state(), at(1), live=True)
    assert station.tile(at(1), in_contact=True).troubles == ()
    station.take_device("pump", at(2), online=False, live=True)
    assert station.tile(at(2), in_contact=True).troubles == (Trouble.DEVICE_LOST,)
    station.take_device("pump", at(3), online=True, live=True)
    assert station.tile(at(3), in_contact=True).troubles == ()
    station.take_device("pump", at(4), online=False, live=True)
    station.take_state(state(SessionState.STOPPED), at(5), live=True)
    assert station.tile(at(5), in_contact=True).troubles == ()


def test_a_pump_that_is_switched_off_after_its_session_is_not_lost() -> None:
    station = served()
    station.take_device("pump", at(0), online=True, live=False)
    station.take_state(state(SessionState.COMPLETED), at(1), live=True)
    station.take_device("pump", at(2), online=False, live=True)
    assert station.tile(at(2), in_contact=True).troubles == ()


def test_a_state_of_a_former_owner_is_ignored() -> None:
    station = served()
    station.take_state(state(SessionState.IDLE, epoch=8), at(1), live=True)
    station.take_state(state(epoch=7), at(2), live=True)
    assert station.tile(at(2), in_contact=True).state is SessionState.IDLE
    station.take_state(state(epoch=9), at(3), live=True)
    assert station.tile(at(3), in_contact=True).state is SessionState.RUNNING


def test_a_takeover_is_no_problem_and_a_station_that_nobody_takes_is_one() -> None:
    station = WatchedStation("bed-1", could_be_served_seconds=10.0)
    assert station.tile(at(10 + UNOWNED_SECONDS), in_contact=True).troubles == ()
    assert station.tile(at(11 + UNOWNED_SECONDS), in_contact=True).troubles == (Trouble.UNOWNED,)


def test_a_new_controller_has_time_to_report() -> None:
    station = served()
    station.take_state(state(), at(1), live=True)
    station.take_served("lost", "node-1", 5)
    station.take_served("served", "node-2", 20)
    assert station.tile(at(25), in_contact=True).troubles == ()
    assert station.tile(at(31), in_contact=True).troubles == (Trouble.SESSION_LOST,)


def test_the_worst_comes_first() -> None:
    station = served()
    problems = {"trip": TRIP, "uncertain": ("left-pump",), "problems": ("no disk",)}
    station.take_state(state(SessionState.STOPPED, reason=EndReason.PAIN, **problems), at(1), live=True)
    found = station.tile(at(2), in_contact=True).troubles
    assert found == (Trouble.UNCERTAIN, Trouble.TRIPPED, Trouble.PAIN, Trouble.BLOCKED)
