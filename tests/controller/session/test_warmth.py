"""The warm compress, set by the person while it is on: within the limits, and for the rest of the step."""

from __future__ import annotations

import pytest

from controller.safety.limits import OwnerLimits
from controller.service.service import Service
from tests.helpers.home import COMFORTABLE, RunningHome, running_home


def target_celsius(house: RunningHome) -> float | None:
    return house.home.pad.pad.target_celsius


async def test_it_is_set_at_once_and_to_no_more_than_the_limits_allow() -> None:
    async with running_home(owner=COMFORTABLE.model_copy(update={"heat_celsius": 40.5})) as house:
        await house.reach("warm")
        assert target_celsius(house) == 40
        assert (await house.send("set_warmth", celsius=37)).outcome == "accepted"
        assert target_celsius(house) == 37
        assert (await house.send("set_warmth", celsius=38.3)).reasons == ("38 °C: it is set in steps of 0.5",)
        assert target_celsius(house) == 38
        reply = await house.send("set_warmth", celsius=99)
        assert (reply.outcome, reply.reasons[0]) == ("limited", "40.5 °C: your cap for heat")
        assert target_celsius(house) == 40.5
        assert (await house.send("set_warmth")).outcome == "accepted"  # leaves it as it is
        assert target_celsius(house) == 40.5
        await house.elapse(5)
        assert house.on == {"warm-pad"}


async def test_what_began_at_41_degrees_or_less_is_never_set_above() -> None:
    async with running_home() as house:
        await house.reach("warm")
        reply = await house.send("set_warmth", celsius=42)
        assert reply.outcome == "limited"
        assert target_celsius(house) == 41


async def test_a_pause_does_not_bring_back_what_the_person_had_lowered() -> None:
    async with running_home() as house:
        await house.reach("warm")
        await house.send("set_warmth", celsius=37)
        await house.send("pause")
        await house.elapse(3)
        assert house.on == set()
        assert (await house.send("set_warmth", celsius=38)).outcome == "refused"
        await house.send("resume")
        await house.elapse(3)
        assert target_celsius(house) == 37


@pytest.mark.system
async def test_lowering_is_followed_and_stops_nothing() -> None:
    async with running_home(coarse=True) as house:
        await house.reach("warm", run_seconds=60)
        await house.send("set_warmth", celsius=36)
        await house.elapse(20)
        assert house.recorded.snapshot.step == "warm"
        assert house.recorded.snapshot.trip is None
        assert target_celsius(house) == 36


async def test_a_symptom_ends_the_heat_whatever_was_set() -> None:
    async with running_home() as house:
        await house.reach("warm")
        await house.send("set_warmth", celsius=41)
        await house.send("answer", question="lump", value=True)
        await house.elapse(3)
        assert house.on == set()
        assert (await house.send("set_warmth", celsius=38)).outcome == "refused"


@pytest.mark.parametrize(("celsius", "outcome"), [(39, "accepted"), (41, "refused")])
async def test_where_raising_is_refused_it_can_be_lowered_alone(celsius: float, outcome: str) -> None:
    async with running_home(owner=OwnerLimits()) as house:
        house.service = Service([house.station], remote_raise=False)
        await house.reach("warm")
        assert (await house.send("set_warmth", celsius=celsius)).outcome == outcome
