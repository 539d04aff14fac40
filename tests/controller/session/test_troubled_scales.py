"""A scale that fails in the middle of a session: no milk is invented, and the step does not end as dry by mistake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from controller.contract.events import SessionState, Snapshot
from tests.helpers.sampling import sampled
from tests.helpers.weighed_home import WeighedHome, weighed_home

SEED = 2  # its milk flows from before the trouble until after it

Trouble = Callable[[WeighedHome], Awaitable[None]]


async def frozen(house: WeighedHome) -> None:
    house.scale.frozen = True


async def overloaded(house: WeighedHome) -> None:
    house.scale.overloaded = True


async def lifted_for_good(house: WeighedHome) -> None:
    house.scale.lift()


async def gone(house: WeighedHome) -> None:
    await house.disconnect_scale(10_000, zero_lost=False)


async def frozen_for_a_while(house: WeighedHome) -> None:
    house.scale.frozen = True
    await house.clock.sleep(90)
    house.scale.frozen = False


async def overloaded_for_a_while(house: WeighedHome) -> None:
    house.scale.overloaded = True
    await house.clock.sleep(70)
    house.scale.overloaded = False


async def disconnected_for_a_while(house: WeighedHome) -> None:
    await house.disconnect_scale(40, zero_lost=False)


async def lifted_for_a_while(house: WeighedHome) -> None:
    house.scale.lift()
    await house.clock.sleep(80)
    house.scale.put_back()


async def switched_off_and_on(house: WeighedHome) -> None:
    await house.disconnect_scale(20, zero_lost=True)


async def set_to_zero_at_the_scale(house: WeighedHome) -> None:
    house.scale.command("tare", {})


async def run_until_dry(trouble: Trouble) -> tuple[WeighedHome, Snapshot, list[float | None]]:
    """Run a session with trouble from the middle of its expression on; return the flows that it knew of since then."""
    flows: list[float | None] = []
    async with weighed_home(SEED) as house:

        async def make_trouble() -> None:
            await house.until_step("express", 30)
            await trouble(house)

        async def watch_flow() -> None:
            await house.until_step("express", 30)
            while True:
                flows.append(house.weighed_flow_ml_per_s)
                await house.clock.sleep(1)

        snapshot = await house.run("until-dry", make_trouble, watch_flow)
    return house, snapshot, flows


def outcome_of(snapshot: Snapshot, step: str) -> str | None:
    return next(each.outcome for each in snapshot.steps if each.name == step)


@pytest.mark.system
@pytest.mark.parametrize("trouble", sampled([frozen, overloaded, lifted_for_good, gone], {frozen}.__contains__))
async def test_what_fails_for_good_ends_nothing_as_dry_and_invents_no_milk(trouble: Trouble) -> None:
    house, snapshot, flows = await run_until_dry(trouble)
    assert snapshot.state is SessionState.COMPLETED
    assert outcome_of(snapshot, "express") == "done"
    assert set(flows[75:-1]) == {None}
    assert snapshot.weighed_ml.left is not None
    assert 1 < snapshot.weighed_ml.left <= house.breast.volume_ml


@pytest.mark.system
@pytest.mark.parametrize(
    "trouble",
    sampled(
        [frozen_for_a_while, overloaded_for_a_while, disconnected_for_a_while, lifted_for_a_while],
        {disconnected_for_a_while}.__contains__,
    ),
)
async def test_what_comes_back_has_missed_nothing(trouble: Trouble) -> None:
    house, snapshot, flows = await run_until_dry(trouble)
    assert snapshot.state is SessionState.COMPLETED
    assert None in flows
    assert snapshot.weighed_ml.left == pytest.approx(house.breast.volume_ml, rel=0.03, abs=0.5)


@pytest.mark.system
@pytest.mark.parametrize(
    "trouble", sampled([switched_off_and_on, set_to_zero_at_the_scale], {switched_off_and_on}.__contains__)
)
async def test_a_scale_that_loses_its_zero_goes_on_from_the_new_one(trouble: Trouble) -> None:
    house, snapshot, _ = await run_until_dry(trouble)
    assert snapshot.state is SessionState.COMPLETED
    assert snapshot.weighed_ml.left is not None
    assert 0.5 * house.breast.volume_ml <= snapshot.weighed_ml.left <= house.breast.volume_ml + 0.3


@pytest.mark.system
async def test_a_breast_without_milk_ends_the_step_as_dry() -> None:
    async with weighed_home(SEED) as house:

        async def run_dry() -> None:
            await house.until_step("express", 30)
            house.breast.milk_ml = 0.0

        snapshot = await house.run("until-dry", run_dry)
    assert outcome_of(snapshot, "express") == "dry"
