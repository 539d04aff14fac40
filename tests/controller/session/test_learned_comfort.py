"""Where suction begins after something was learned: never higher than the routine, unless the person accepted it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from controller.contract.comfort import ComfortAdvice, LearnedVacuum
from controller.contract.events import EventType
from controller.safety.limits import OwnerLimits
from devices.roles import Phase, Side
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled

Because = Literal["pain", "lowered", "accepted"]


def learned(mmhg: float, because: Because = "pain", *, side: Side = Side.LEFT, learning: bool = True) -> ComfortAdvice:
    vacuum = LearnedVacuum(
        side=side, phase=Phase.EXPRESSION, mmhg=mmhg, because=because, since=datetime(2026, 3, 1, tzinfo=UTC)
    )
    return ComfortAdvice(station="home", learning=learning, learned=(vacuum,))


async def highest_mmhg(house: RunningHome, seconds: float = 90) -> float:
    await house.reach("express", run_seconds=seconds)
    return max(pump.suction.target_mmhg for pump in house.home.pumps.values())


@pytest.mark.system
@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        (learned(110, side=Side.RIGHT), 110),  # one setting for both: the lower one
        (learned(110, learning=False), 150),
        (learned(250, "accepted"), 150),  # the comfort cap holds
        *sampled([(learned(110), 110), (learned(250), 150), (learned(120, "accepted"), 120)], keep=lambda _: False),
    ],
)
async def test_suction_begins_at_what_is_learned_and_the_limits_hold(advice: ComfortAdvice, expected: float) -> None:
    async with running_home(coarse=True) as house:
        house.station.comfort = advice
        assert await highest_mmhg(house) == expected


@pytest.mark.system
@pytest.mark.parametrize(("because", "expected"), [("pain", 100), ("accepted", 140)])
async def test_only_what_the_person_accepted_takes_the_place_of_a_lower_routine(
    because: Because, expected: float
) -> None:
    async with running_home(owner=OwnerLimits(), coarse=True) as house:
        house.station.comfort = learned(140, because)
        assert await highest_mmhg(house) == expected


@pytest.mark.system
async def test_it_says_why_and_the_person_can_raise_it() -> None:
    async with running_home(coarse=True) as house:
        house.station.comfort = learned(110)
        assert await highest_mmhg(house) == 110
        (limit,) = house.recorded.snapshot.limits
        assert (limit.quantity, limit.asked, limit.allowed) == ("vacuum_mmhg", 150, 110)
        assert [each.key for each in limit.reasons] == ["learned_pain"]
        assert (await house.send("vacuum_up")).outcome == "accepted"
        assert {pump.suction.target_mmhg for pump in house.home.pumps.values()} == {130}
        assert house.recorded.snapshot.limits == ()


@pytest.mark.system
async def test_pain_and_what_the_person_sets_are_in_the_events() -> None:
    async with running_home(coarse=True) as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(120)
        await house.send("vacuum_down")
        await house.send("vacuum_down")
        await house.send("pain")
        chosen = [event.data for event in house.recorded.events(EventType.VACUUM_SET)]
        assert [(each.phase, each.mmhg) for each in chosen] == [(Phase.EXPRESSION, 100), (Phase.EXPRESSION, 80)]
        (pain,) = house.recorded.events(EventType.PAIN)
        assert (pain.data.vacuum_mmhg, pain.data.phase) == (80, Phase.EXPRESSION)


async def test_pain_without_suction_names_no_vacuum() -> None:
    async with running_home(coarse=True) as house:
        await house.reach("massage")
        await house.send("pain")
        (pain,) = house.recorded.events(EventType.PAIN)
        assert (pain.data.vacuum_mmhg, pain.data.phase) == (None, None)
