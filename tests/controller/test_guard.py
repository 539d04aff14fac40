"""The guard on virtual devices: inside its blocks devices run, outside none does, and a trip ends everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from controller.guard import HaltedError, NotAllowedError
from controller.keeper import Keeper
from controller.safety import Energy, Limit, OwnerLimits, Trip, TripKind
from devices.errors import DeviceError, LinkLostError, RefusedError, UncertainError
from devices.roles import Phase, PumpSetting, RunState, Side
from devices.virtual.home import DeviceKey
from tests.controller.household import ALL, House, household

WILLING = OwnerLimits(comfort_vacuum_mmhg=200, vibration=True)
SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=100, rate_cpm=54)
ON = {
    Energy.SUCTION: {"left-pump", "right-pump"},
    Energy.HEAT: {"warm-pad"},
    Energy.VIBRATION: {"massager"},
}


def block(house: House, energy: Energy, *, seconds: float = 120.0) -> AbstractAsyncContextManager[Any]:
    match energy:
        case Energy.SUCTION:
            pumps = house.guard.pumps(Side.BOTH)
            return house.guard.suction(pumps, SETTING, at_most_seconds=seconds)
        case Energy.HEAT:
            return house.guard.heat([house.pad], 40, at_most_seconds=seconds)
        case Energy.VIBRATION:
            return house.guard.vibration([house.massager], 0.2, Side.BOTH, at_most_seconds=seconds)


@contextlib.asynccontextmanager
async def everything_on(house: House) -> AsyncIterator[Any]:
    async with block(house, Energy.HEAT), block(house, Energy.VIBRATION), block(house, Energy.SUCTION) as run:
        assert house.on == set(ALL)
        yield run


def keepers() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("keep ") and not task.done()]


# Blocks


@pytest.mark.parametrize("way", ["end", "exception", "cancellation"])
@pytest.mark.parametrize("energy", Energy)
async def test_leaving_a_block_stops_its_devices_and_they_say_so(energy: Energy, way: str) -> None:
    async with household(owner=WILLING) as house:

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
        await house.elapse(1)
        assert keepers() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda house: setattr(house.home.pumps[Side.RIGHT].duty, "fault", "sensor"), RefusedError),
        (lambda house: house.break_ears("right-pump", "start"), UncertainError),
        (lambda house: house.lose_link("right-pump", for_good=True), LinkLostError),
    ],
    ids=["refused", "not answered", "out of reach"],
)
async def test_a_block_of_which_one_device_does_not_start_stops_the_others(
    fault: Callable[[House], None], error: type[DeviceError]
) -> None:
    async with household() as house:
        pumps = house.guard.pumps(Side.BOTH)
        fault(house)
        with pytest.raises(error):
            async with house.guard.suction(pumps, SETTING, at_most_seconds=60):
                pytest.fail("the block must not be entered")
        assert house.commanded("left-pump", "start") == 1
        assert house.on == set()
        assert house.pump("left-pump").reading.run_state is RunState.STOPPED


async def test_a_block_left_while_its_lease_is_renewed_leaves_no_keeper_behind() -> None:
    async with household() as house:
        ended: list[str] = []
        house.guard.on_ended = ended.append
        for turns in range(0, 24, 3):
            renewed = asyncio.Event()
            house.before_command("left-pump", "renew", renewed.set)
            async with block(house, Energy.SUCTION):
                await renewed.wait()
                for _ in range(turns):
                    await asyncio.sleep(0)
            await house.elapse(2)
            assert keepers() == []
            assert house.on == set()
        assert ended == []


async def test_a_block_that_stays_longer_than_it_may_trips() -> None:
    async with household() as house:
        trips: list[Trip] = []
        house.guard.on_trip = trips.append
        async with block(house, Energy.SUCTION, seconds=30):
            await house.elapse(31.5)
            assert house.on == ON[Energy.SUCTION]
            await house.elapse(2)
            assert house.on == set()
        assert [trip.kind for trip in trips] == [TripKind.TIME]


async def test_a_device_gets_its_own_timer_just_longer_than_ours() -> None:
    async with household() as house:
        async with block(house, Energy.SUCTION, seconds=30), block(house, Energy.HEAT, seconds=40):
            pass
        start = next(each for each in house.home.twins["left-pump"].commands if each.name == "start")
        heat = next(each for each in house.home.twins["warm-pad"].commands if each.name == "set_target")
        assert start.values["duration_seconds"] == 33
        assert heat.values["duration_seconds"] == 43
        assert start.values["lease_seconds"] == heat.values["lease_seconds"] == 10


async def test_a_run_is_kept_alive_for_longer_than_its_lease() -> None:
    async with household() as house, block(house, Energy.HEAT), block(house, Energy.SUCTION):
        await house.elapse(100)
        assert house.on == ON[Energy.HEAT] | ON[Energy.SUCTION]
        assert house.guard.trip is None


# When the controller dies


@pytest.mark.parametrize("energy", Energy)
async def test_the_lease_on_the_device_ends_a_run_whose_keeper_hangs(
    energy: Energy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Keeper) -> None: ...

    async with household(owner=WILLING) as house, block(house, energy):
        await house.elapse(20)
        monkeypatch.setattr(Keeper, "look", lambda _: None)
        monkeypatch.setattr(Keeper, "_renew", nothing)
        took = await house.until(lambda: not house.on, within_seconds=11)
        assert took > 5


async def test_the_death_of_a_keeper_is_a_trip() -> None:
    async with household() as house, block(house, Energy.SUCTION):
        await house.elapse(5)
        for keeper in keepers():
            keeper.cancel()
        await house.elapse(2)
        assert house.guard.trip is not None


async def test_links_that_close_without_a_stop_end_every_run_at_once() -> None:
    async with household(owner=WILLING) as house, everything_on(house):
        await house.elapse(5)
        house.running.cancel()
        await house.until(lambda: not house.on, within_seconds=1)


# Trips


async def let_go(house: House) -> None:
    """Wait for a moment in which the left pump, if it runs, has just said that it let go."""
    await house.until(lambda: (house.pump().reading.vacuum_mmhg or 0) < 40, within_seconds=20)


def overpressure(house: House) -> None:
    house.home.pumps[Side.LEFT].suction.overpressure = 250


def stuck_valve(house: House) -> None:
    house.home.pumps[Side.RIGHT].suction.stuck = True


def runaway(house: House) -> None:
    house.home.pad.pad.runaway = True


def silent(house: House) -> None:
    house.silence("left-pump")


def out_of_reach(house: House) -> None:
    house.lose_link("warm-pad")


def own_fault(house: House) -> None:
    house.home.massager.duty.fault = "motor"


def deaf_to_renewals(house: House) -> None:
    house.break_ears("right-pump", "renew")


@pytest.mark.parametrize(
    ("fault", "kinds", "device", "within_seconds"),
    [
        (overpressure, {TripKind.VACUUM}, "left-pump", 3),
        (stuck_valve, {TripKind.NO_RELEASE}, "right-pump", 7),
        (runaway, {TripKind.TEMPERATURE}, "warm-pad", 110),
        (silent, {TripKind.STALE, TripKind.LEASE}, "left-pump", 10),
        (out_of_reach, {TripKind.LINK_LOST}, "warm-pad", 1),
        (own_fault, {TripKind.DEVICE_FAULT}, "massager", 2),
        (deaf_to_renewals, {TripKind.LEASE}, "right-pump", 8),
    ],
)
async def test_a_trip_stops_all_within_a_second_stays_and_must_be_acknowledged(
    fault: Callable[[House], None], kinds: set[TripKind], device: str, within_seconds: float
) -> None:
    async with household(owner=WILLING) as house:
        tripped: asyncio.Future[Trip] = asyncio.get_running_loop().create_future()
        house.guard.on_trip = tripped.set_result  # raises when called twice
        async with everything_on(house):
            await house.elapse(4)
            await let_go(house)
            fault(house)
            async with house.clock.timeout(within_seconds):
                trip = await tripped
            assert await house.until(lambda: not house.on, within_seconds=1) <= 1
            for energy in Energy:
                with pytest.raises(NotAllowedError, match="acknowledge"):
                    await block(house, energy).__aenter__()
        assert trip.kind in kinds
        assert trip.device == device
        assert trip.words
        assert house.guard.trip == trip
        starts = house.starts
        await house.elapse(60)
        assert house.on == set()
        assert house.starts == starts
        with pytest.raises(NotAllowedError, match="acknowledge"):
            await block(house, Energy.SUCTION).__aenter__()
        house.guard.acknowledge()
        assert house.guard.trip is None


async def test_after_an_acknowledgement_things_may_begin_again() -> None:
    async with household() as house:
        async with block(house, Energy.SUCTION):
            house.lose_link("left-pump")
            await house.elapse(1)
        assert house.guard.trip is not None
        await house.until(lambda: house.pump("left-pump").connected, within_seconds=20)
        house.guard.acknowledge()
        house.guard.begin_session(frozenset())
        async with block(house, Energy.SUCTION):
            assert house.on == ON[Energy.SUCTION]


async def test_after_everything_was_stopped_nothing_begins_until_a_new_session_does() -> None:
    async with household() as house:
        await house.guard.stop_all()
        with pytest.raises(HaltedError):
            await block(house, Energy.SUCTION).__aenter__()
        assert house.on == set()


@pytest.mark.parametrize(
    ("key", "channel", "energy"),
    [("left-pump", "measurement", Energy.SUCTION), ("warm-pad", "temperature", Energy.HEAT)],
)
async def test_a_sensor_that_falls_silent_trips_within_ten_seconds(
    key: DeviceKey, channel: str, energy: Energy
) -> None:
    async with household() as house, block(house, energy, seconds=300):
        await house.elapse(10)
        await let_go(house)
        house.silence(key, channel)
        await house.elapse(12)
        assert house.guard.trip is not None


@pytest.mark.parametrize("after_seconds", [10, 250], ids=["while it warms", "at its target"])
async def test_a_frozen_temperature_does_not_hide_a_pad_that_runs_away(after_seconds: float) -> None:
    async with household() as house, block(house, Energy.HEAT, seconds=400):
        pad = house.home.pad.pad
        await house.elapse(after_seconds)
        pad.frozen_sensor = pad.runaway = True
        await house.until(lambda: not house.on, within_seconds=100)
        assert house.guard.trip is not None
        assert house.guard.trip.kind is TripKind.STALE
        assert pad.surface_celsius < 44


async def test_a_pump_that_pulls_285_in_every_cycle_trips() -> None:
    async with household(owner=OwnerLimits(comfort_vacuum_mmhg=250)) as house, block(house, Energy.SUCTION):
        suction = house.home.pumps[Side.LEFT].suction
        suction.overpressure = 285 - 100 - suction.unit_error.vacuum_mmhg
        await house.until(lambda: not house.on, within_seconds=5)
        assert house.guard.trip is not None
        assert house.guard.trip.kind is TripKind.VACUUM


async def test_a_device_switched_off_at_its_button_is_told_once_and_is_no_trip() -> None:
    async with household() as house:
        ended: list[str] = []
        house.guard.on_ended = ended.append
        async with block(house, Energy.SUCTION):
            await house.elapse(5)
            house.press_button("left-pump")
            await house.elapse(2)
            assert ended == ["left-pump"]
            assert house.guard.trip is None
        assert house.on == set()
        assert ended == ["left-pump"]


# Stopping everything


async def test_stopping_all_says_what_each_device_confirmed() -> None:
    async with household(owner=WILLING) as house:
        uncertain: list[str] = []
        house.guard.on_uncertain = uncertain.append
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
        assert set(uncertain) == {"warm-pad", "massager"}


async def test_one_device_that_does_not_confirm_delays_no_other() -> None:
    async with household(owner=WILLING) as house, everything_on(house):
        house.break_ears("left-pump")
        stopping = asyncio.create_task(house.guard.stop_all())
        assert await house.until(lambda: house.on == {"left-pump"}, within_seconds=1) <= 0.2
        await stopping


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
async def test_stopping_all_during_a_start_leaves_nothing_running(turns: int) -> None:
    """Wherever the start is on its way when the stop comes: `turns` of the loop are all that lies between."""
    async with household(owner=WILLING) as house:
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
    async with household() as house:
        stopping: list[asyncio.Task[Any]] = []
        house.before_command(
            "left-pump", "start", lambda: stopping.append(asyncio.ensure_future(house.guard.stop_all()))
        )
        with pytest.raises((HaltedError, RefusedError)):
            async with block(house, Energy.SUCTION):
                pytest.fail("the block must not be entered")
        await asyncio.gather(*stopping)
        assert house.on == set()


def order_of_stops(house: House) -> list[str]:
    heard: list[str] = []
    for key in house.home.twins:
        house.before_command(key, "off" if key == "warm-pad" else "stop", lambda key=key: heard.append(key))  # type: ignore[misc]
    return heard


REVERSED: tuple[DeviceKey, ...] = ("massager", "warm-pad", "left-pump", "right-pump")


async def test_stopping_all_stops_pumps_first_then_heat_then_vibration() -> None:
    async with household(owner=WILLING, devices=REVERSED) as house, everything_on(house):
        heard = order_of_stops(house)
        await house.guard.stop_all()
        assert list(dict.fromkeys(heard)) == ["left-pump", "right-pump", "warm-pad", "massager"]


async def test_a_trip_stops_pumps_first_then_heat_then_vibration() -> None:
    async with household(owner=WILLING, devices=REVERSED) as house, everything_on(house):
        heard = order_of_stops(house)
        house.home.massager.duty.fault = "motor"
        await house.elapse(3)
        assert list(dict.fromkeys(heard)) == ["left-pump", "right-pump", "warm-pad", "massager"]


# Changing the vacuum


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


# Limits


async def test_a_wish_that_meets_a_limit_is_told_with_its_reasons() -> None:
    async with household(owner=OwnerLimits(comfort_vacuum_mmhg=80, heat_celsius=38)) as house:
        told: list[Limit] = []

        def tell(limits: Sequence[Limit]) -> None:
            told.extend(limits)

        house.guard.on_limit = tell
        async with block(house, Energy.HEAT), block(house, Energy.SUCTION):
            assert house.home.pad.pad.target_celsius == 38
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == 80
        met = {limit.quantity: limit for limit in told}
        assert met["celsius"].reasons[0].who == "owner"
        assert met["vacuum_mmhg"].reasons[0].who == "owner"
        assert str(met["vacuum_mmhg"]) == "vacuum mmhg 80: limited by your comfort cap"


async def test_vibration_is_refused_until_the_owner_turned_it_on() -> None:
    async with household(owner=OwnerLimits()) as house:
        with pytest.raises(NotAllowedError, match="turn it on"):
            await block(house, Energy.VIBRATION).__aenter__()
        assert house.starts == 0


async def test_vibration_is_held_to_the_lowest_third() -> None:
    async with household(owner=WILLING) as house:
        vibration = house.guard.vibration([house.massager], 1.0, Side.BOTH, at_most_seconds=30)
        async with vibration:
            await house.elapse(2)
            assert house.massager.reading.intensity == pytest.approx(0.33, abs=0.004)


async def test_symptoms_block_heat_and_vibration_and_hold_suction_at_100() -> None:
    async with household(owner=WILLING) as house:
        house.guard.begin_session(frozenset({"lump"}))
        for energy in (Energy.HEAT, Energy.VIBRATION):
            with pytest.raises(NotAllowedError, match="symptoms"):
                await block(house, energy).__aenter__()
        assert house.starts == 0
        wish = SETTING.model_copy(update={"vacuum_mmhg": 180})
        async with house.guard.suction(house.guard.pumps(Side.BOTH), wish, at_most_seconds=60) as run:
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == 100
            await house.elapse(10)
            limit = await run.adjust(vacuum_mmhg=150, by_person=True)
            assert limit.allowed == 100
            assert limit.reasons[0].who in ("symptoms", "pace")
        assert house.commanded("left-pump", "adjust") == 0


async def test_heat_rests_for_half_an_hour_after_twenty_minutes() -> None:
    async with household(devices=["warm-pad"], coarse=True) as house:
        async with house.guard.heat([house.pad], 42, at_most_seconds=2000):
            assert house.home.pad.pad.target_celsius == 41  # more than ten minutes
            await house.elapse(1200)
        with pytest.raises(NotAllowedError, match="rest"):
            await block(house, Energy.HEAT).__aenter__()
        await house.idle(1790)
        with pytest.raises(NotAllowedError, match="rest"):
            await block(house, Energy.HEAT).__aenter__()
        await house.elapse(10)
        async with block(house, Energy.HEAT):
            assert house.on == {"warm-pad"}


async def test_heat_above_41_degrees_is_for_ten_minutes_in_all() -> None:
    async with household(devices=["warm-pad"], coarse=True) as house:
        async with house.guard.heat([house.pad], 42, at_most_seconds=600):
            assert house.home.pad.pad.target_celsius == 42
            await house.elapse(600)
        async with house.guard.heat([house.pad], 42, at_most_seconds=600):
            assert (house.home.pad.pad.target_celsius or 0) <= 41


@pytest.mark.system  # it takes its time
async def test_suction_ends_after_forty_minutes_of_a_session_whatever_the_rests() -> None:
    async with household(devices=["left-pump"], coarse=True) as house:
        for _ in range(2):
            async with block(house, Energy.SUCTION, seconds=1200):
                await house.elapse(1200)
            await house.elapse(300)
        with pytest.raises(NotAllowedError, match="rest"):
            await block(house, Energy.SUCTION).__aenter__()
        house.guard.begin_session(frozenset())
        async with block(house, Energy.SUCTION):
            assert house.on == {"left-pump"}
