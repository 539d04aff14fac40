"""`limits.remote_raise: refuse`: no command raises a vacuum or its cap; everything else works as ever."""

from __future__ import annotations

import pytest

from controller.commands import Action
from controller.service import Service
from controller.session import Session
from tests.controller.household import House, household

ARGS: dict[Action, dict[str, object]] = {
    Action.SET_VACUUM: {"mmhg": 200},
    Action.CHOOSE: {"comfort_vacuum_mmhg": 250},
    Action.ANSWER: {"question": "lump", "value": False},
    Action.LOG_VOLUME: {"left_ml": 20},
}
RAISING = (Action.VACUUM_UP, Action.SET_VACUUM, Action.CHOOSE)


def refuse_raising(house: House) -> None:
    house.service = Service([house.station], remote_raise=False)


def session_of(house: House) -> Session:
    assert house.station.session is not None
    return house.station.session


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("step", ["stimulate", "express"])
async def test_what_raises_is_refused_and_nothing_else_is(step: str, action: Action) -> None:
    async with household() as house:
        refuse_raising(house)
        house.give_no_milk()
        await house.reach(step)
        before = session_of(house).asked_mmhg, house.station.comfort_mmhg
        reply = await house.send(action.value, **ARGS.get(action, {}))
        words = " ".join(reply.reasons)
        assert ("limits.remote_raise" in words) == (action in RAISING), words
        if action in RAISING:
            assert reply.outcome == "refused"
            assert (session_of(house).asked_mmhg, house.station.comfort_mmhg) == before


async def test_start_is_no_raising() -> None:
    async with household() as house:
        refuse_raising(house)
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "accepted"


async def test_the_vacuum_can_be_lowered_and_not_brought_back() -> None:
    async with household() as house:
        refuse_raising(house)
        house.give_no_milk()
        await house.reach("express")
        before = session_of(house).asked_mmhg
        assert before is not None
        assert (await house.send("set_vacuum", mmhg=before)).outcome == "accepted"
        assert (await house.send("set_vacuum", mmhg=before - 20)).outcome == "accepted"
        assert (await house.send("set_vacuum", mmhg=before)).outcome == "refused"
        assert (await house.send("vacuum_down")).outcome == "accepted"
        assert session_of(house).asked_mmhg == before - 40


async def test_the_comfort_cap_can_be_lowered_and_not_brought_back() -> None:
    async with household() as house:
        refuse_raising(house)
        before = house.station.comfort_mmhg
        assert (await house.send("choose", comfort_vacuum_mmhg=before - 20)).outcome == "accepted"
        assert (await house.send("choose", comfort_vacuum_mmhg=before)).outcome == "refused"
        assert house.station.comfort_mmhg == before - 20
