"""What the person asks of pumps that are just starting waits until they run; lowering is never lost."""

from __future__ import annotations

import asyncio

import pytest

from controller.contract.commands import Reply
from tests.helpers.home import RunningHome, running_home


async def while_starting(house: RunningHome, action: str, **args: float) -> Reply:
    """Start the pumps of a session, and send a command while the first has its start, and has not answered."""
    sent: list[asyncio.Task[Reply]] = []

    def send() -> None:
        if not sent:
            assert house.recorded.snapshot.target_vacuum_mmhg is None
            sent.append(asyncio.create_task(house.send(action, **args)))

    house.give_no_milk()
    await house.start("milk")
    await house.skip_to("stimulate")
    house.before_command("left-pump", "start", send)
    await house.flange_on()
    await house.until(lambda: sent and sent[0].done(), within_seconds=10)
    return await sent[0]


@pytest.mark.system
async def test_lowering_while_the_pumps_start_is_done_as_soon_as_they_run_and_lasts() -> None:
    async with running_home() as house:
        reply = await while_starting(house, "vacuum_down")
        assert reply.outcome in ("accepted", "limited"), reply
        at_mmhg = house.recorded.snapshot.target_vacuum_mmhg
        assert at_mmhg is not None
        await house.elapse(45)
        assert house.recorded.snapshot.target_vacuum_mmhg == at_mmhg  # the routine does not raise it again


@pytest.mark.system
async def test_a_low_vacuum_that_is_set_while_the_pumps_start_is_kept() -> None:
    async with running_home() as house:
        reply = await while_starting(house, "set_vacuum", mmhg=40)
        assert reply.outcome == "accepted"
        await house.elapse(45)
        assert house.recorded.snapshot.target_vacuum_mmhg == 40


@pytest.mark.parametrize(("action", "args"), [("vacuum_up", {}), ("set_vacuum", {"mmhg": 250})])
async def test_raising_while_the_pumps_start_raises_nothing_and_says_when_it_can(
    action: str, args: dict[str, float]
) -> None:
    async with running_home() as house:
        reply = await while_starting(house, action, **args)
        assert reply.outcome == "limited"
        assert "pace" in reply.keys
        assert (house.recorded.snapshot.target_vacuum_mmhg or 0) <= 40


async def test_what_waits_for_pumps_that_never_start_is_refused() -> None:
    async with running_home() as house:
        house.break_ears("right-pump", "start")
        reply = await while_starting(house, "vacuum_down")
        assert (reply.outcome, reply.keys) == ("refused", ("no_pump_runs",))
        assert house.on == set()


async def test_a_stop_does_not_wait_for_what_waits() -> None:
    async with running_home() as house:
        house.break_ears("left-pump", "start")
        stops: list[asyncio.Task[Reply]] = []
        house.before_command("right-pump", "start", lambda: stops.append(asyncio.create_task(house.send("stop"))))
        await house.start("milk")
        await house.skip_to("stimulate")
        await house.send("start_suction")
        await house.until(lambda: stops and stops[0].done(), within_seconds=3)
        assert (await house.send("vacuum_down")).outcome == "refused"
        await house.finished(within_seconds=3)
        assert house.on == set()
