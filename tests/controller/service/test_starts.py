"""Starting a session by command, the start defaults, and the comfort cap among them."""

from __future__ import annotations

import asyncio

import pytest

from controller.contract.commands import Action, Command, StartArgs
from controller.contract.events import EventType
from controller.safety.limits import OwnerLimits
from tests.helpers.home import PUMPS, running_home

# Start


async def test_a_start_says_which_session_it_began() -> None:
    async with running_home() as house:
        reply = await house.send("start", routine="milk", no_symptoms=True)
        await house.elapse(1)
        assert reply.session_id == house.recorded.snapshot.session_id
        assert reply.session_id


async def test_a_second_start_names_the_session_that_runs_and_disturbs_it_in_nothing() -> None:
    async with running_home() as house:
        await house.reach("stimulate")
        session_id = house.recorded.snapshot.session_id
        reply = await house.send("start", routine="classic")
        assert reply.outcome == "refused"
        assert session_id is not None
        assert (reply.keys, reply.session_id) == (("session_running",), session_id)
        await house.elapse(2)
        assert house.recorded.snapshot.session_id == session_id
        assert house.on == set(PUMPS)


async def test_two_starts_at_once_start_one_session() -> None:
    async with running_home() as house:
        replies = await asyncio.gather(*(house.send("start", routine="milk", no_symptoms=True) for _ in range(3)))
        assert sorted(reply.outcome for reply in replies) == ["accepted", "refused", "refused"]
        await house.elapse(2)
        assert len(house.recorded.events(EventType.SESSION_STARTED)) == 1


async def test_an_unknown_routine_is_answered_with_those_there_are() -> None:
    async with running_home() as house:
        reply = await house.send("start", routine="classy")
        assert reply.outcome == "refused"
        assert "There is no routine classy" in reply.reasons[0]
        assert "classic" in reply.reasons[0]
        assert "power-pumping" in reply.reasons[0]


async def test_an_unknown_station_is_refused() -> None:
    async with running_home() as house:
        reply = await house.service.handle("attic", Command(id="1", action=Action.START), StartArgs())
        assert reply.outcome == "refused"
        assert reply.reasons == ("there is no station attic; there are home",)
        assert not house.station.running


async def test_duct_vibration_is_refused_until_the_owner_opted_in() -> None:
    async with running_home(owner=OwnerLimits()) as house:
        reply = await house.send("start", routine="duct-vibration", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "limits.vibration" in reply.reasons[0]
    assert house.starts == 0


async def test_duct_vibration_is_refused_without_a_massager() -> None:
    async with running_home(owner=OwnerLimits(vibration=True), devices=PUMPS) as house:
        reply = await house.send("start", routine="duct-vibration", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "massager" in reply.reasons[0]


async def test_a_start_that_names_nothing_takes_what_was_chosen() -> None:
    async with running_home() as house:
        assert (await house.send("set_start_defaults", routine="gentle", side="left")).outcome == "accepted"
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert (house.recorded.snapshot.routine, house.recorded.snapshot.side) == ("gentle", "left")


async def test_no_routine_is_chosen_that_there_is_not() -> None:
    async with running_home() as house:
        reply = await house.send("set_start_defaults", routine="gentel", side="left")
        assert reply.outcome == "refused"
        assert "There is no routine gentel. There are classic" in reply.reasons[0]
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert (house.recorded.snapshot.routine, house.recorded.snapshot.side) == ("classic", "both")


@pytest.mark.system
async def test_a_comfort_cap_from_outside_lowers_at_once_and_never_raises() -> None:
    async with running_home() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(150)
        assert house.recorded.snapshot.target_vacuum_mmhg == 150
        assert (await house.send("set_start_defaults", comfort_vacuum_mmhg=90)).outcome == "accepted"
        await house.elapse(0.5)
        assert house.heard.enforced == []  # no pump did anything that it was not to do
        assert house.recorded.snapshot.target_vacuum_mmhg == 90
        await house.elapse(60)
        assert house.recorded.snapshot.target_vacuum_mmhg == 90
        assert "your comfort cap" in (await house.send("set_vacuum", mmhg=95)).reasons[0]
        reply = await house.send("set_start_defaults", comfort_vacuum_mmhg=200)
        assert (reply.outcome, reply.reasons) == (
            "limited",
            ("150 mmHg: the comfort cap in your settings",),
        )
        await house.elapse(15)
        assert (await house.send("set_vacuum", mmhg=250)).outcome == "limited"
        await house.elapse(15)
        assert (house.recorded.snapshot.target_vacuum_mmhg or 0) <= 150


async def test_a_cap_that_is_lowered_while_the_pumps_start_holds_as_soon_as_they_run() -> None:
    async with running_home() as house:
        chosen: list[bool] = []
        await house.reach("stimulate", "gentle")  # it does not climb, so nothing else would lower it

        def choose() -> None:
            """Choose at this very moment: the pump has the command, and has not answered yet."""
            if not chosen:
                chosen.append(True)
                house.station.set_start_defaults(comfort_vacuum_mmhg=60)

        house.before_command("left-pump", "start", choose)
        await house.send("let_down")
        await house.until(lambda: house.recorded.snapshot.phase == "expression", within_seconds=10)
        await house.elapse(2)
        assert chosen
        assert house.recorded.snapshot.target_vacuum_mmhg == 60
        assert {house.pump(key).reading.target_vacuum_mmhg for key in PUMPS} == {60}
