"""The vacuum while a pump runs: gentle at first, raised step by step, lowered at once, held to the limits."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest

from controller.safety.limits import Energy, OwnerLimits
from devices.errors import DeviceError, RefusedError, UncertainError
from devices.roles import Side
from tests.helpers.guarded import WILLING, block
from tests.helpers.home import PUMPS, running_home


async def test_pumps_begin_at_the_gentlest_and_rise_by_twenty_each_ten_seconds_to_what_was_asked() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        suction = house.home.pumps[Side.LEFT].suction
        seen: list[tuple[float, float]] = []
        for second in range(50):
            if not seen or suction.target_mmhg != seen[-1][1]:
                seen.append((float(second), suction.target_mmhg))
            await house.elapse(1)
        assert [mmhg for _, mmhg in seen] == [40, 60, 80, 100]
        assert all(later - earlier >= 10 for (earlier, _), (later, _) in itertools.pairwise(seen))
        assert seen[-1][0] <= 35
        assert run.requested.vacuum_mmhg == run.setting.vacuum_mmhg == 100


async def test_without_a_seal_a_pump_never_gets_more_than_the_gentlest() -> None:
    async with running_home(owner=WILLING, devices=["left-pump"]) as house:
        suction = house.home.pumps[Side.LEFT].suction
        suction.leak = 1.0
        async with block(house, Energy.SUCTION) as run:
            for _ in range(60):
                await house.elapse(1)
                assert suction.target_mmhg <= 40
            assert house.guard.unsealed_seconds(run) == pytest.approx(60, abs=1.5)
            limit = await run.adjust(vacuum_mmhg=150, by_person=True)
            assert (limit.allowed, limit.reasons[0].who) == (40, "seal")
            assert house.guard.trip is None


async def test_a_seal_that_is_lost_lowers_a_pump_to_the_gentlest() -> None:
    async with running_home(owner=WILLING, devices=["left-pump"]) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        suction = house.home.pumps[Side.LEFT].suction
        suction.leak = 1.0
        await house.elapse(5)
        assert suction.target_mmhg == 100  # two cycles of the slowest pump
        await house.until(lambda: suction.target_mmhg == 40, within_seconds=15)
        suction.leak = 0.0
        await house.until(lambda: suction.target_mmhg == 100, within_seconds=60)
        assert run.requested.vacuum_mmhg == 100
        assert house.guard.trip is None


async def test_what_is_set_at_a_pump_just_after_a_lowering_is_where_the_next_raise_begins() -> None:
    async with running_home(owner=WILLING, devices=["left-pump"]) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        pump = house.home.pumps[Side.LEFT]
        await run.adjust(vacuum_mmhg=90, by_person=True)
        await house.elapse(1)
        pump.press_vacuum(50)
        await house.elapse(15)
        assert run.setting.vacuum_mmhg == 50
        await run.adjust(vacuum_mmhg=200, by_person=True)
        assert pump.suction.target_mmhg == 70


async def test_raising_goes_twenty_at_a_time_and_once_in_ten_seconds() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
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
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        for mmhg in (90, 60, 20, 0):
            before = house.clock.now()
            limit = await run.adjust(vacuum_mmhg=mmhg, by_person=True)
            assert house.clock.now() - before < 0.5
            assert not limit.limited
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == mmhg


async def test_after_lowering_raising_still_keeps_its_pace() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        await house.elapse(10)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 120
        await run.adjust(vacuum_mmhg=50, by_person=True)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 50
        await house.elapse(10)
        assert (await run.adjust(vacuum_mmhg=120, by_person=True)).allowed == 70


async def test_two_requests_at_the_same_moment_raise_once() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        await house.elapse(10)
        await asyncio.gather(*(run.adjust(vacuum_mmhg=200, by_person=True) for _ in range(5)))
        assert run.setting.vacuum_mmhg == 120
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 120


async def test_nothing_is_changed_any_more_once_it_is_to_stop() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        async with block(house, Energy.SUCTION) as run:
            await house.sealed_at(100)
            before = house.commanded("left-pump", "adjust")
            stopping = asyncio.create_task(house.guard.stop_all())
            await asyncio.sleep(0)
            with pytest.raises(RefusedError, match="stopping"):
                await run.adjust(vacuum_mmhg=90, by_person=True)
            await stopping
        with pytest.raises(RefusedError, match="stopping"):
            await run.adjust(vacuum_mmhg=90, by_person=True)
        assert house.commanded("left-pump", "adjust") == before


@pytest.mark.system
@pytest.mark.parametrize("by_person", [True, False])
async def test_only_the_person_goes_above_150_before_there_is_a_comfort_cap(by_person: bool) -> None:
    async with running_home(owner=OwnerLimits(), devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        for _ in range(4):
            await house.elapse(10)
            limit = await run.adjust(vacuum_mmhg=250, by_person=by_person)
        assert limit.allowed == (180 if by_person else 150)


async def test_two_pumps_are_held_to_what_the_weaker_can_do() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        house.pump("right-pump").device.values["limit_vacuum_mmhg"] = 80
        async with block(house, Energy.SUCTION):
            await house.sealed_at(80)
            await house.elapse(30)
            assert [pump.suction.target_mmhg for pump in house.home.pumps.values()] == [80, 80]


async def test_two_pumps_of_which_one_loses_its_seal_are_both_lowered() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION):
        await house.sealed_at(100)
        house.home.pumps[Side.RIGHT].suction.leak = 1.0
        await house.sealed_at(40)
        assert [pump.suction.target_mmhg for pump in house.home.pumps.values()] == [40, 40]


async def test_a_second_press_while_a_raise_is_on_its_way_does_not_take_it_back() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        await house.elapse(10)
        first = asyncio.create_task(run.adjust(vacuum_mmhg=120, by_person=True))
        await asyncio.sleep(0)
        second = await run.adjust(vacuum_mmhg=120, by_person=True)
        await first
        await house.elapse(3)
        assert second.allowed == 100  # for now: one step in ten seconds
        assert run.setting.vacuum_mmhg == run.requested.vacuum_mmhg == 120
        assert house.heard.enforced == []


async def test_a_lowering_that_was_not_confirmed_can_be_requested_again() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
        codec = house.home.twins["left-pump"]._codec
        hears = codec.decode_command
        house.break_ears("left-pump", "adjust")
        with pytest.raises(UncertainError):
            await run.adjust(vacuum_mmhg=60, by_person=True)
        codec.decode_command = hears  # type: ignore[method-assign]
        with contextlib.suppress(DeviceError):
            await run.adjust(vacuum_mmhg=60, by_person=True)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 60


async def test_a_raise_whose_confirmation_was_lost_can_be_taken_back() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house, block(house, Energy.SUCTION) as run:
        await house.sealed_at(100)
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
