"""Stopping everything waits for nobody, and beats whatever is starting."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from controller.safety.guard import HaltedError
from controller.safety.limits import Energy
from devices.errors import RefusedError
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.guarded import WILLING, block, everything_on
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled


async def test_stopping_all_returns_what_each_device_confirmed() -> None:
    async with running_home(owner=WILLING) as house:
        house.lose_link("right-pump", for_good=True)  # while it is off
        async with block(house, Energy.HEAT), block(house, Energy.VIBRATION):
            house.break_ears("warm-pad")
            house.lose_link("massager", for_good=True)  # while it is on
            await asyncio.sleep(0)
            results = await house.guard.stop_all()
        assert results == {
            "left-pump": "stopped",
            "right-pump": "unreachable",
            "warm-pad": "uncertain",
            "massager": "uncertain",
        }
        assert set(house.heard.uncertain) == {"warm-pad", "massager"}


async def test_one_device_that_does_not_confirm_delays_no_other() -> None:
    async with running_home(owner=WILLING) as house, everything_on(house):
        house.break_ears("left-pump")
        stopping = asyncio.create_task(house.guard.stop_all())
        assert await house.until(lambda: house.on == {"left-pump"}, within_seconds=1) <= 0.2
        await stopping


@pytest.mark.parametrize(
    "turns", sampled([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89], keep=lambda each: each in (0, 2, 8, 34))
)
async def test_stopping_all_during_a_start_leaves_nothing_running(turns: int) -> None:
    """Wherever the start is on its way when the stop comes: `turns` of the loop are all that lies between."""
    async with running_home(owner=WILLING) as house:
        entered = False

        async def body() -> None:
            nonlocal entered
            async with block(house, Energy.HEAT), block(house, Energy.SUCTION):
                entered = True
                await house.elapse(600)

        task = asyncio.create_task(body())
        for _ in range(turns):
            await asyncio.sleep(0)
        results = await house.guard.stop_all()
        assert set(results.values()) == {"stopped"}
        if entered:
            assert house.on == set()
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, HaltedError, RefusedError):
            await task
        assert house.on == set()
        await house.elapse(15)
        assert house.on == set()
        assert house.reported_off


async def test_a_start_that_a_stop_overtook_is_not_entered() -> None:
    async with running_home() as house:
        stopping: list[asyncio.Task[Any]] = []
        house.before_command(
            "left-pump", "start", lambda: stopping.append(asyncio.ensure_future(house.guard.stop_all()))
        )
        with pytest.raises((HaltedError, RefusedError)):
            async with block(house, Energy.SUCTION):
                pytest.fail("the block must not be entered")
        await asyncio.gather(*stopping)
        assert house.on == set()


def order_of_stops(house: RunningHome) -> list[str]:
    heard: list[str] = []
    for key in house.home.twins:
        house.before_command(key, "off" if key == "warm-pad" else "stop", lambda key=key: heard.append(key))  # type: ignore[misc]
    return heard


REVERSED: tuple[DeviceKey, ...] = ("massager", "warm-pad", "left-pump", "right-pump")


async def test_stopping_all_stops_pumps_first_then_heat_then_vibration() -> None:
    async with running_home(owner=WILLING, devices=REVERSED) as house, everything_on(house):
        heard = order_of_stops(house)
        await house.guard.stop_all()
        assert list(dict.fromkeys(heard)) == ["left-pump", "right-pump", "warm-pad", "massager"]


async def test_a_trip_stops_pumps_first_then_heat_then_vibration() -> None:
    async with running_home(owner=WILLING, devices=REVERSED) as house, everything_on(house):
        heard = order_of_stops(house)
        house.home.massager.run.fault = "motor"
        await house.elapse(3)
        assert list(dict.fromkeys(heard)) == ["left-pump", "right-pump", "warm-pad", "massager"]
