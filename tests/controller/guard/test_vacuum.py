"""The vacuum while a pump runs: lowered at once, raised step by step, held to the limits."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from controller.safety import Energy, OwnerLimits
from devices.errors import DeviceError, RefusedError, UncertainError
from devices.roles import Side
from tests.controller.guard.blocks import WILLING, block
from tests.controller.household import household


async def test_raising_goes_twenty_at_a_time_and_once_in_ten_seconds() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        steps: list[tuple[float, float, list[str]]] = []
        began = house.clock.now()
        for _ in range(25):
            limit = await run.adjust(vacuum_mmhg=200, by_person=True)
            steps.append((round(house.clock.now() - began), limit.allowed, [reason.who for reason in limit.reasons]))
            await house.elapse(1)
        raised = [(steps[i][0], steps[i][1]) for i in range(1, 25) if steps[i][1] != steps[i - 1][1]]
        assert raised == [(10, 120), (20, 140)]
        assert all(who == ["pace"] for *_, who in steps)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 140
        assert house.home.pumps[Side.RIGHT].suction.target_mmhg == 140


async def test_lowering_is_at_once_and_may_be_repeated() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        for mmhg in (90, 60, 20, 0):
            before = house.clock.now()
            limit = await run.adjust(vacuum_mmhg=mmhg, by_person=True)
            assert house.clock.now() - before < 0.5
            assert not limit.limited
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == mmhg


async def test_after_lowering_raising_still_keeps_its_pace() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        await house.elapse(10)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 120
        await run.adjust(vacuum_mmhg=50, by_person=True)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 50
        await house.elapse(10)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 70


async def test_two_wishes_at_the_same_moment_raise_once() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        await house.elapse(10)
        await asyncio.gather(*(run.adjust(vacuum_mmhg=200, by_person=True) for _ in range(5)))
        assert run.setting.vacuum_mmhg == 120
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 120


async def test_nothing_is_changed_any_more_once_it_is_to_stop() -> None:
    async with household(owner=WILLING) as house:
        async with block(house, Energy.SUCTION) as run:
            await house.elapse(10)
            stopping = asyncio.create_task(house.guard.stop_all())
            await asyncio.sleep(0)
            with pytest.raises(RefusedError, match="stopping"):
                await run.adjust(vacuum_mmhg=90, by_person=True)
            await stopping
        with pytest.raises(RefusedError, match="stopping"):
            await run.adjust(vacuum_mmhg=90, by_person=True)
        assert house.commanded("left-pump", "adjust") == 0


@pytest.mark.parametrize("by_person", [True, False])
async def test_only_the_person_goes_above_150_before_there_is_a_comfort_cap(by_person: bool) -> None:
    async with household(owner=OwnerLimits()) as house, block(house, Energy.SUCTION) as run:
        for _ in range(4):
            await house.elapse(10)
            limit = await run.adjust(vacuum_mmhg=250, by_person=by_person)
        assert limit.allowed == (180 if by_person else 150)


async def test_lowering_reaches_the_pump_that_pulls_more_than_the_other() -> None:
    async with household(owner=WILLING) as house:
        house.pump("right-pump").device.values["limit_vacuum_mmhg"] = 80
        async with block(house, Energy.SUCTION) as run:
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == 100
            await run.adjust(vacuum_mmhg=80, by_person=True)
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == 80


async def test_a_lowering_that_was_not_confirmed_can_be_asked_for_again() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        codec = house.home.twins["left-pump"]._codec
        hears = codec.decode_command
        house.break_ears("left-pump", "adjust")
        with pytest.raises(UncertainError):
            await run.adjust(vacuum_mmhg=60, by_person=True)
        codec.decode_command = hears  # type: ignore[method-assign]
        with contextlib.suppress(DeviceError):
            await run.adjust(vacuum_mmhg=60, by_person=True)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 60


async def test_a_raise_whose_answer_was_lost_can_be_taken_back() -> None:
    async with household(owner=WILLING) as house, block(house, Energy.SUCTION) as run:
        await house.elapse(10)
        server = house.home.twins["left-pump"].server
        assert server is not None
        speaks = server.notify
        house.silence("left-pump", "control")
        with pytest.raises(UncertainError):
            await run.adjust(vacuum_mmhg=120, by_person=True)
        server.notify = speaks  # type: ignore[method-assign]
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 120
        await run.adjust(vacuum_mmhg=100, by_person=True)
        assert house.guard.trip is None
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 100
