"""Let-down is reported by a device, by the flow or by a tap, or the time is over."""

from __future__ import annotations

import pytest

from controller.contract.events import EventType
from tests.helpers.home import PUMPS, running_home
from tests.helpers.past_checks import outcomes, step_of


@pytest.mark.system
async def test_flow_means_let_down_where_no_device_reports_it() -> None:
    async with running_home() as house:
        for key in PUMPS:
            house.change_values(key, let_down=False)
        await house.start("milk")
        event = await house.recorded.event(EventType.LET_DOWN, within_seconds=120)
        assert event.data.by == "flow"
        await house.elapse(1)
        assert outcomes(house.recorded.snapshot)["stimulate"] == "let_down"
        assert house.recorded.snapshot.let_down_by == "flow"
        assert house.recorded.snapshot.let_down_seconds == event.data.seconds


@pytest.mark.system
async def test_a_tap_reports_the_let_down_and_ends_the_stimulation_at_once() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("stimulate", "milk", run_seconds=20)
        began_seconds = house.recorded.items[
            [bool(getattr(item, "phase", None)) for _, item in house.recorded.items].index(True)
        ][0]
        assert (await house.send("let_down")).outcome == "accepted"
        await house.elapse(0.5)
        snapshot = house.recorded.snapshot
        assert snapshot.let_down_by == "tap"
        assert snapshot.let_down_seconds == pytest.approx(house.clock.now() - 0.5 - began_seconds, abs=0.2)
        assert snapshot.step == "express"
        await house.send("let_down")
        assert len(house.recorded.events(EventType.LET_DOWN)) == 1


@pytest.mark.system
async def test_without_let_down_the_stimulation_ends_when_its_time_is_over() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("stimulate", "milk", run_seconds=0)
        await house.until(lambda: house.recorded.snapshot.step == "express", within_seconds=125)
        assert outcomes(house.recorded.snapshot)["stimulate"] == "done"
        assert step_of(house.recorded.snapshot, "stimulate") == pytest.approx(120, abs=1)
        assert house.recorded.snapshot.let_down_seconds is None
