"""The harness itself: what it draws, and that it notices a session that is not healthy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from controller.contract.events import SessionState
from controller.service.station import Station
from devices.driver.vocabulary import Value
from devices.profiles.profile_device import ProfileDevice
from devices.roles import Side
from tests.helpers.healthy_sessions import Plan, profiles_with, run_session, sampled


def test_forty_sessions_meet_every_device_and_every_routine() -> None:
    plans = list(sampled(40, 1))
    assert {plan.pump for plan in plans} == set(profiles_with("pump"))
    assert {plan.warmer for plan in plans} == set(profiles_with("warmer"))
    assert {plan.massager for plan in plans} == set(profiles_with("massager"))
    assert {"classic", "gentle", "power-pumping"} <= {plan.routine for plan in plans}
    assert plans == list(sampled(40, 1))


@pytest.mark.system
async def test_a_session_with_text_pumps_and_short_steps_is_healthy() -> None:
    outcome = await run_session(Plan(routine="soften-for-latch", pump="text-pump", side=Side.LEFT))
    assert outcome.healthy, outcome
    assert outcome.state is SessionState.COMPLETED


@pytest.mark.system
async def test_a_trip_is_noticed() -> None:
    def report_too_much(station: Station) -> None:
        (left, *_) = station.devices
        assert isinstance(left, ProfileDevice)
        update = left.state.update

        def hear_too_much(values: Mapping[str, Value]) -> None:
            runs = left.values.get("run_state") == "running"
            update({**values, "vacuum_mmhg": 400} if runs else values)

        left.state.update = hear_too_much  # type: ignore[method-assign]

    outcome = await run_session(Plan(routine="soften-for-latch", side=Side.LEFT), report_too_much)
    assert not outcome.healthy
    assert outcome.state is SessionState.TRIPPED
    assert outcome.trips
