"""What limits a station today is published when it changes, with words, of the body and of each device."""

from __future__ import annotations

import asyncio

import pytest

from controller.contract.limits_view import LimitsView
from controller.service.limits_publisher import LimitsPublisher, limits_of
from tests.helpers.home import running_home


async def test_it_names_every_device_and_every_budget_in_the_words_of_the_settings() -> None:
    async with running_home(language="de") as house:
        view = limits_of(house.station)
    assert set(view.devices) == {"left-pump", "right-pump", "warm-pad", "massager"}
    assert [each.budget for each in view.budgets] == ["suction", "heat", "hot", "unmeasured", "vibration"]
    assert view.limits[1].reasons[0].words == "deine Komfortgrenze"
    assert view.budgets[0].left_minutes == 30
    assert view.budgets[0].words == "30 min Sog in 35 min"


@pytest.mark.system
async def test_a_lower_cap_is_published_at_once_and_a_symptom_within_seconds() -> None:
    async with running_home() as house:
        views: list[LimitsView] = []
        house.stream.subscribe(views.append, LimitsView)
        publisher = LimitsPublisher(house.station, house.clock, house.stream)
        await house.send("set_start_defaults", comfort_vacuum_mmhg=90)
        assert views[-1].limits[1].allows == 90
        task = asyncio.create_task(publisher.run())
        await house.elapse(6)
        count = len(views)
        await house.elapse(12)
        assert len(views) == count  # nothing has changed
        await house.send("start")
        await house.send("answer", question="lump", value=True)
        await house.elapse(6)
        task.cancel()
        assert views[-1].limits[1].reasons[0].who == "owner"
        assert views[-1].of_device("warm-pad")[0].allows == 0
        assert views[-1].of_device("nothing") == ()
