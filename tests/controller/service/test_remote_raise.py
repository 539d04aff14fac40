"""`limits.remote_raise: refuse`: no command raises a vacuum or its cap; everything else works as ever."""

from __future__ import annotations

import pytest

from controller.contract.commands import Action
from controller.service.service import Service
from controller.session.session import Session
from tests.helpers.home import PUMPS, RunningHome, running_home
from tests.helpers.sampling import sampled

ARGS: dict[Action, dict[str, object]] = {
    Action.SET_VACUUM: {"mmhg": 200},
    Action.SET_START_DEFAULTS: {"comfort_vacuum_mmhg": 250},
    Action.ANSWER: {"question": "lump", "value": False},
    Action.LOG_VOLUME: {"left_ml": 20},
    Action.EDIT_SESSION: {"session_id": "latest", "left_ml": 20},
    Action.RESOLVE_UPLOAD: {"session_id": "all", "how": "retry"},
    Action.COMFORT: {"what": "accept"},
    Action.STASH: {"kind": "used", "container": "blue"},
}
RAISING = (Action.VACUUM_UP, Action.SET_VACUUM, Action.SET_START_DEFAULTS, Action.COMFORT)


KEPT = (*RAISING, Action.STOP, Action.PAIN, Action.SKIP, Action.PAUSE)  # for `make test`


def refuse_raising(house: RunningHome) -> None:
    house.service = Service([house.station], remote_raise=False)


def session_of(house: RunningHome) -> Session:
    assert house.station.session is not None
    return house.station.session


@pytest.mark.parametrize(
    ("step", "action"),
    sampled(
        [(step, action) for step in ("stimulate", "express") for action in Action],
        keep=lambda each: each[1] in RAISING if each[0] == "stimulate" else each[1] in KEPT,
    ),
)
async def test_what_raises_is_refused_and_nothing_else_is(step: str, action: Action) -> None:
    async with running_home(devices=PUMPS) as house:
        refuse_raising(house)
        house.give_no_milk()
        await house.reach(step, "milk")
        before = session_of(house).progress.requested_mmhg, house.station.comfort_mmhg
        reply = await house.send(action.value, **ARGS.get(action, {}))
        assert ("no_remote_raise" in reply.keys) == (action in RAISING), reply
        if action in RAISING:
            assert reply.outcome == "refused"
            assert (session_of(house).progress.requested_mmhg, house.station.comfort_mmhg) == before


async def test_start_is_no_raising() -> None:
    async with running_home() as house:
        refuse_raising(house)
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "accepted"


@pytest.mark.system
async def test_the_vacuum_can_be_lowered_and_not_brought_back() -> None:
    async with running_home() as house:
        refuse_raising(house)
        house.give_no_milk()
        await house.reach("express")
        before = session_of(house).progress.requested_mmhg
        assert before is not None
        assert (await house.send("set_vacuum", mmhg=before)).outcome == "accepted"
        assert (await house.send("set_vacuum", mmhg=before - 20)).outcome == "accepted"
        assert (await house.send("set_vacuum", mmhg=before)).outcome == "refused"
        assert (await house.send("vacuum_down")).outcome == "accepted"
        assert session_of(house).progress.requested_mmhg == before - 40


async def test_the_comfort_cap_can_be_lowered_and_not_brought_back() -> None:
    async with running_home() as house:
        refuse_raising(house)
        before = house.station.comfort_mmhg
        assert (await house.send("set_start_defaults", comfort_vacuum_mmhg=before - 20)).outcome == "accepted"
        assert (await house.send("set_start_defaults", comfort_vacuum_mmhg=before)).outcome == "refused"
        assert house.station.comfort_mmhg == before - 20
