"""Sessions with a scale under the bottle of a pump that measures nothing."""

from __future__ import annotations

from functools import partial

import pytest

from controller.contract.events import EventType, SessionState
from devices.roles import Side
from tests.helpers.weighed_home import AT_REST_SECONDS, PUMP, SCALE, TARED, weighed_home


@pytest.mark.system
@pytest.mark.parametrize("seed", range(20))
async def test_classic_with_bumps_and_lifts_weighs_the_milk_and_notices_the_let_down(seed: int) -> None:
    async with weighed_home(seed) as house:
        snapshot = await house.run("classic", house.watch_breast, partial(house.disturb, seed))
        assert snapshot.state is SessionState.COMPLETED
        assert snapshot.weighed_ml.left == pytest.approx(house.weighable_ml, rel=0.02)
        assert snapshot.weighed_ml.left <= house.breast.volume_ml + 0.3
        assert snapshot.volume_ml.total is None
        assert snapshot.let_down_by == "weight"
        (event,) = house.recorded.events(EventType.LET_DOWN)
        assert house.let_down_seconds is not None
        # A bottle that was just lifted or bumped is weighed again once it has stood for a moment.
        stands_seconds = house.disturbed_until(house.let_down_seconds) + AT_REST_SECONDS
        late_seconds = house.recorded.at(event) - max(house.let_down_seconds, stands_seconds)
        assert late_seconds <= 3
        assert house.recorded.at(event) - house.let_down_seconds >= -3


@pytest.mark.system
async def test_a_short_session_is_weighed() -> None:
    async with weighed_home() as house:
        snapshot = await house.run("milk", house.watch_breast)
        assert snapshot.weighed_ml.left == pytest.approx(house.breast.volume_ml, rel=0.05, abs=0.5)
        assert snapshot.let_down_by == "weight"


@pytest.mark.system
async def test_an_unverified_scale_is_only_read_and_weighs_all_the_same() -> None:
    async with weighed_home(may_control_scale=False) as house:
        snapshot = await house.run("milk")
        assert [each.name for each in house.scale_commands] == []
        assert snapshot.weighed_ml.left == pytest.approx(house.breast.volume_ml, rel=0.05, abs=0.5)


@pytest.mark.system
async def test_a_scale_is_set_to_zero_once_when_suction_begins_and_not_again_after_a_pause() -> None:
    async with weighed_home(devices=(PUMP, TARED)) as house:

        async def pause() -> None:
            await house.until_step("express", 20)
            await house.pause(10)

        snapshot = await house.run("milk", pause)
        assert [each.name for each in house.scale_commands] == ["tare"]
        assert len(house.recorded.events(EventType.RESUMED)) == 1
        assert snapshot.weighed_ml.left == pytest.approx(house.breast.volume_ml, rel=0.05, abs=0.5)


@pytest.mark.system
async def test_without_a_word_of_the_scale_the_session_goes_on_and_the_milk_is_unknown() -> None:
    async with weighed_home() as house:
        house.scale.overloaded = True
        snapshot = await house.run("milk")
        assert snapshot.state is SessionState.COMPLETED
        assert snapshot.weighed_ml.total is None
        assert snapshot.let_down_by is None


@pytest.mark.system
async def test_a_scale_for_both_breasts_weighs_them_together() -> None:
    async with weighed_home(devices=(PUMP, SCALE._replace(side=Side.BOTH))) as house:
        snapshot = await house.run("milk")
        assert snapshot.weighed_ml.left is None
        assert snapshot.weighed_ml.both == pytest.approx(house.breast.volume_ml, rel=0.05, abs=0.5)


@pytest.mark.system
async def test_a_scale_of_the_other_breast_is_not_asked() -> None:
    async with weighed_home(devices=(PUMP, SCALE._replace(side=Side.RIGHT))) as house:
        snapshot = await house.run("milk")
        assert snapshot.weighed_ml.total is None
        assert snapshot.let_down_by is None


async def test_with_a_pump_of_which_nothing_is_known_the_scale_weighs_and_notices_the_let_down() -> None:
    async with weighed_home(devices=(SCALE,)) as house:

        async def pump_by_hand() -> None:
            await house.until_step("stimulate", 20)
            house.scale.drift_g_per_s = 0.3

        snapshot = await house.run("milk", pump_by_hand)
        assert snapshot.state is SessionState.COMPLETED
        assert snapshot.let_down_by == "weight"
        assert snapshot.let_down_seconds == pytest.approx(22, abs=4)
        assert snapshot.weighed_ml.left == pytest.approx(60 * 0.3 / 1.03, rel=0.15)
