"""Inside the guard's blocks devices run; outside none does, also when the controller dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from controller.safety.limits import Energy, TripKind
from controller.safety.supervisor import Supervisor
from devices.errors import DeviceError, LinkLostError, RefusedError, UncertainError
from devices.roles import RunState, Side
from tests.helpers.guarded import ON, SETTING, WILLING, block, everything_on
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled


@pytest.mark.parametrize(
    ("energy", "way"),
    sampled(
        [(energy, way) for energy in Energy for way in ("end", "exception", "cancellation")],
        keep=lambda each: each[1] == "cancellation" or each[0] is Energy.SUCTION,
    ),
)
async def test_leaving_a_block_stops_its_devices_and_they_confirm_it(energy: Energy, way: str) -> None:
    async with running_home(owner=WILLING) as house:

        async def body() -> None:
            async with block(house, energy):
                assert house.on == ON[energy]
                await house.elapse(5)
                if way == "exception":
                    raise ZeroDivisionError
                if way == "cancellation":
                    await house.elapse(600)

        task = asyncio.create_task(body())
        await house.elapse(4)
        assert house.on == ON[energy]
        await house.elapse(2)
        if way == "cancellation":
            task.cancel()
        left_at = house.clock.now()
        with contextlib.suppress(asyncio.CancelledError, ZeroDivisionError):
            await task
        assert house.clock.now() - left_at <= 1
        assert house.on == set()
        assert house.reported_off
        renewed = house.commanded(next(iter(ON[energy])), "renew")
        await house.elapse(10)
        assert house.commanded(next(iter(ON[energy])), "renew") == renewed
        assert house.heard.enforced == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda house: setattr(house.home.pumps[Side.RIGHT].run, "fault", "sensor"), RefusedError),
        (lambda house: house.break_ears("right-pump", "start"), UncertainError),
        (lambda house: house.lose_link("right-pump", for_good=True), LinkLostError),
    ],
    ids=["refused", "not answered", "out of reach"],
)
async def test_a_block_of_which_one_device_does_not_start_stops_the_others(
    fault: Callable[[RunningHome], None], error: type[DeviceError]
) -> None:
    async with running_home() as house:
        pumps = house.pumps()
        fault(house)
        with pytest.raises(error):
            async with house.guard.suction(pumps, SETTING, at_most_seconds=60):
                pytest.fail("the block must not be entered")
        assert house.commanded("left-pump", "start") == 1
        assert house.on == set()
        assert house.pump("left-pump").reading.run_state is RunState.STOPPED


@pytest.mark.system
async def test_a_block_left_while_its_lease_is_renewed_is_renewed_no_more() -> None:
    async with running_home() as house:
        for turns in range(0, 24, 3):
            renewed = asyncio.Event()
            house.before_command("left-pump", "renew", renewed.set)
            async with block(house, Energy.SUCTION):
                await renewed.wait()
                for _ in range(turns):
                    await asyncio.sleep(0)
            renewals = house.commanded("left-pump", "renew")
            await house.elapse(5)
            assert house.commanded("left-pump", "renew") == renewals
            assert house.on == set()
        assert house.heard.ended == []


async def test_a_block_that_stays_longer_than_it_may_trips() -> None:
    async with running_home() as house:
        async with block(house, Energy.SUCTION, seconds=30):
            await house.elapse(31.5)
            assert house.on == ON[Energy.SUCTION]
            await house.elapse(2)
            assert house.on == set()
        assert [trip.kind for trip in house.heard.trips] == [TripKind.TIME]


async def test_a_device_gets_its_own_timer_just_longer_than_ours() -> None:
    async with running_home() as house:
        async with block(house, Energy.SUCTION, seconds=30), block(house, Energy.HEAT, seconds=40):
            pass
        start = next(each for each in house.home.twins["left-pump"].commands if each.name == "start")
        heat = next(each for each in house.home.twins["warm-pad"].commands if each.name == "set_target")
        assert start.values["duration_seconds"] == 33
        assert heat.values["duration_seconds"] == 43
        assert start.values["lease_seconds"] == heat.values["lease_seconds"] == 10


@pytest.mark.system
async def test_a_run_is_kept_alive_for_longer_than_its_lease() -> None:
    async with running_home(coarse=True) as house, block(house, Energy.HEAT), block(house, Energy.SUCTION):
        await house.elapse(100)
        assert house.on == ON[Energy.HEAT] | ON[Energy.SUCTION]
        assert house.guard.trip is None


# When the controller dies


@pytest.mark.parametrize("energy", Energy)
async def test_the_lease_on_the_device_ends_a_run_whose_supervisor_hangs(
    energy: Energy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_home(owner=WILLING) as house, block(house, energy):
        await house.elapse(20)
        monkeypatch.setattr(Supervisor, "check", lambda _: None)
        monkeypatch.setattr(Supervisor, "_check", lambda _, watched: None)  # not on a report either
        monkeypatch.setattr(Supervisor, "_renew", lambda _: None)
        took = await house.until(lambda: not house.on, within_seconds=11)
        assert took > 5


async def test_a_supervisor_that_fails_on_a_device_in_a_block_is_a_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Supervisor, *__: object) -> None:
        raise ZeroDivisionError

    async with running_home() as house, block(house, Energy.SUCTION):
        await house.elapse(5)
        monkeypatch.setattr(Supervisor, "_check_in_block", fail)
        await house.until(lambda: not house.on, within_seconds=2)
        assert house.guard.trip is not None
        assert house.guard.trip.kind is TripKind.LEASE


async def test_the_end_of_the_supervisor_is_a_trip() -> None:
    async with running_home() as house, block(house, Energy.SUCTION):
        await house.elapse(5)
        (supervisor,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("supervisor of "))
        supervisor.cancel()
        await house.until(lambda: not house.on, within_seconds=2)
        assert house.guard.trip is not None


async def test_a_renewal_that_is_lost_is_sent_again_before_the_lease_ends() -> None:
    async with running_home() as house, block(house, Energy.HEAT, seconds=60):
        await house.elapse(4)
        codec = house.home.twins["warm-pad"]._codec
        hears = codec.decode_command
        house.break_ears("warm-pad", "renew")
        await house.elapse(5)
        codec.decode_command = hears  # type: ignore[method-assign]
        await house.elapse(20)
        assert house.on == ON[Energy.HEAT]
        assert house.guard.trip is None


async def test_links_that_close_without_a_stop_end_every_run_at_once() -> None:
    async with running_home(owner=WILLING) as house, everything_on(house):
        await house.elapse(5)
        house.running.cancel()
        await house.until(lambda: not house.on, within_seconds=1)
