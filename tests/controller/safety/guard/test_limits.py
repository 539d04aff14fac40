"""What the limits refuse or lower, and the rests between."""

from __future__ import annotations

import contextlib

import pytest

from controller.safety.limits import Energy, OwnerLimits
from controller.safety.message import NotAllowedError
from controller.safety.persistence import InMemoryPersistence
from controller.service.station import Station
from devices.roles import Capability, Side
from tests.helpers.guarded import SETTING, WILLING, block
from tests.helpers.home import running_home
from tests.helpers.sampling import sampled

BLIND = frozenset({Capability.START, Capability.TARGET_CELSIUS, Capability.REPORTS_STATE})


async def test_a_limited_request_is_reported_with_its_reasons() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=80, heat_celsius=38)) as house:
        async with block(house, Energy.HEAT), block(house, Energy.SUCTION):
            assert house.home.pad.pad.target_celsius == 38
            await house.sealed_at(80)
            await house.elapse(30)
            assert house.home.pumps[Side.LEFT].suction.target_mmhg == 80
        met = {limit.quantity: limit for limit in house.heard.limits}
        assert met["celsius"].reasons[0].who == "owner"
        assert met["vacuum_mmhg"].reasons[0].who == "owner"
        assert str(met["vacuum_mmhg"]) == "vacuum mmhg 80: limited by comfort_cap"


async def test_vibration_is_refused_until_the_owner_turned_it_on() -> None:
    async with running_home(owner=OwnerLimits()) as house:
        with pytest.raises(NotAllowedError, match="vibration_off"):
            await block(house, Energy.VIBRATION).__aenter__()
        assert house.starts == 0


async def test_vibration_is_held_to_the_lowest_third() -> None:
    async with running_home(owner=WILLING) as house:
        vibration = house.guard.vibration([house.massager], 1.0, Side.BOTH, at_most_seconds=30)
        async with vibration:
            await house.elapse(2)
            assert house.massager.reading.intensity == pytest.approx(0.33, abs=0.004)


@pytest.mark.system
async def test_symptoms_block_heat_and_vibration_and_hold_suction_at_100() -> None:
    async with running_home(owner=WILLING) as house:
        house.guard.begin_session(frozenset({"lump"}))
        for energy in (Energy.HEAT, Energy.VIBRATION):
            with pytest.raises(NotAllowedError, match="symptoms"):
                await block(house, energy).__aenter__()
        assert house.starts == 0
        wish = SETTING.model_copy(update={"vacuum_mmhg": 180})
        async with house.guard.suction(house.pumps(), wish, at_most_seconds=120) as run:
            await house.sealed_at(100)
            adjusted = house.commanded("left-pump", "adjust")
            await house.elapse(30)
            limit = await run.adjust(vacuum_mmhg=150, by_person=True)
            assert limit.allowed == 100
            assert limit.reasons[0].who == "symptoms"
        assert house.commanded("left-pump", "adjust") == adjusted


@pytest.mark.system
async def test_heat_rests_for_half_an_hour_after_twenty_minutes_in_one_go() -> None:
    async with running_home(devices=["warm-pad"], coarse=True) as house:
        async with house.guard.heat([house.pad], 42, at_most_seconds=2000) as seconds:
            assert seconds == 1200
            assert house.home.pad.pad.target_celsius == 41  # more than ten minutes
            await house.elapse(1200)
        with pytest.raises(NotAllowedError, match="no_time_left"):
            await block(house, Energy.HEAT).__aenter__()
        await house.idle(1790)
        with pytest.raises(NotAllowedError, match=r"budget_heat \(most_minutes 20, in_minutes 50\)"):
            await block(house, Energy.HEAT).__aenter__()
        await house.elapse(40)
        async with block(house, Energy.HEAT):
            assert house.on == {"warm-pad"}


@pytest.mark.system
async def test_heat_above_41_degrees_is_for_ten_minutes_in_all() -> None:
    async with running_home(devices=["warm-pad"], coarse=True) as house:
        async with house.guard.heat([house.pad], 42, at_most_seconds=600):
            assert house.home.pad.pad.target_celsius == 42
            await house.elapse(600)
        async with house.guard.heat([house.pad], 42, at_most_seconds=600):
            assert (house.home.pad.pad.target_celsius or 0) <= 41


@pytest.mark.system
@pytest.mark.parametrize("pause_seconds", sampled([1, 60], keep=lambda pause_seconds: pause_seconds == 60))
async def test_heat_that_nobody_measures_does_not_last_longer_by_pauses(pause_seconds: float) -> None:
    async with running_home(devices=["warm-pad"], coarse=True) as house:
        house.pad.capabilities = BLIND
        used_seconds, began_seconds = 0.0, house.clock.now()
        while house.clock.now() - began_seconds < 1500:
            house.guard.begin_session(frozenset())  # nor by a new session
            with contextlib.suppress(NotAllowedError):
                async with block(house, Energy.HEAT, seconds=100) as seconds:
                    await house.elapse(seconds)
                    used_seconds += seconds
            await house.elapse(pause_seconds)
        assert 290 < used_seconds <= 300


@pytest.mark.system  # it takes its time
async def test_suction_is_for_forty_minutes_in_sixty_five_whatever_the_rests_and_the_sessions() -> None:
    async with running_home(devices=["left-pump"], coarse=True) as house:
        for _ in range(2):
            async with block(house, Energy.SUCTION, seconds=1200):
                await house.elapse(1200)
            await house.elapse(300)
        for _ in range(2):
            with pytest.raises(NotAllowedError, match=r"budget_suction \(most_minutes 40, in_minutes 65\)"):
                await block(house, Energy.SUCTION).__aenter__()
            house.guard.begin_session(frozenset())  # gives no time back
        await house.idle(910)  # 65 min after the beginning
        async with block(house, Energy.SUCTION):
            assert house.on == {"left-pump"}


@pytest.mark.system
async def test_two_stations_of_one_body_have_one_budget() -> None:
    async with running_home(devices=["warm-pad"], coarse=True) as house:
        async with block(house, Energy.HEAT, seconds=1200):
            await house.elapse(1200)
        other = Station(
            "armchair",
            clock=house.clock,
            stream=house.stream,
            devices=(),
            owner=WILLING,
            routines={},
            words=house.words,
            persistence=InMemoryPersistence(),
            body=house.station.body,
            roles=(),
        )
        with pytest.raises(NotAllowedError, match="no_time_left"):
            await other.guard.heat([house.pad], 40, at_most_seconds=60).__aenter__()
