"""Stretches of use and the day's answers are as old as a clock says that nobody sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.journal.store import Store
from controller.safety.persistence import EnergyUse, SavedAnswers
from tests.helpers.stores import ANSWERS, HOT, SUCTION, Clocks, saved

DAY_SECONDS = 86_400.0


async def uses(path: Path, clocks: Clocks, name: str = "home") -> list[tuple[float, float]]:
    known = await saved(path, name, clocks)
    return [(use.began_seconds_ago, use.ended_seconds_ago) for use in known.energy_uses]


@pytest.mark.parametrize(
    ("passed", "set_ahead", "rebooted", "certain"),
    [
        (0, 0, False, 0),
        (1799.5, 0, False, 1799.5),
        (60, 5000, False, 60),
        (60, -50, False, 10),
        (60, -5000, False, 0),
        (60, 0, True, 60),
        (60, 5000, True, 60),
        (60, -5000, True, 0),
    ],
)
async def test_a_use_is_as_old_as_is_certain_and_never_shorter_than_it_was(
    path: Path, clocks: Clocks, passed: float, set_ahead: float, rebooted: bool, certain: float
) -> None:
    async with Store.opened(path, clocks) as store:
        store.persistence("home").save_energy_use(0, SUCTION, 630, 30)
    if rebooted:
        clocks.reboot()
    clocks.run(passed)
    clocks.set_wall(set_ahead)
    assert await uses(path, clocks) == [(630 + certain, 30 + certain)]


async def test_an_end_that_was_planned_lies_ahead_until_it_is_over(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        store.persistence("home").save_energy_use(0, SUCTION, 0, -900)
    for began, ended in [(0, -900), (600, -300), (1200, 300)]:
        assert await uses(path, clocks) == [(began, ended)]
        clocks.run(600)


async def test_a_stretch_replaces_the_one_of_the_same_number_of_this_opening_alone(path: Path, clocks: Clocks) -> None:
    for _ in range(2):
        async with Store.opened(path, clocks) as store:
            for name in ("home", "work"):
                store.persistence(name).save_energy_use(0, SUCTION, 0, -900)
                store.persistence(name).save_energy_use(1, HOT, 0, -60)
                await store.persistence(name).save_starting([])
                store.persistence(name).save_energy_use(0, SUCTION, 0, -100)
    for name in ("home", "work"):
        assert [each.budgets for each in (await saved(path, name, clocks)).energy_uses] == [SUCTION, HOT, SUCTION, HOT]
        assert await uses(path, clocks, name) == [(0, -100), (0, -60), (0, -100), (0, -60)]


async def test_what_ended_more_than_a_day_ago_is_forgotten(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        store.persistence("home").save_energy_use(0, SUCTION, 2000, 1000)
        store.persistence("home").save_energy_use(1, HOT, 100, -60)
    clocks.run(DAY_SECONDS + 3600 - 999)
    await saved(path, clocks=clocks)  # the opening that forgets
    async with Store.opened(path, clocks) as store:
        (left,) = store.persistence("home").saved.energy_uses
        assert left.budgets == HOT
        store.persistence("home").save_energy_use(0, SUCTION, 0, 0)
    assert [each.budgets for each in (await saved(path, clocks=clocks)).energy_uses] == [HOT, SUCTION]
    clocks.run(DAY_SECONDS)
    clocks.set_wall(-DAY_SECONDS)  # it may all have been this very moment
    await saved(path, clocks=clocks)
    assert len(await uses(path, clocks)) == 2


async def test_a_stretch_of_no_known_time_is_of_no_known_boot(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        store.persistence("home").save_energy_use(0, SUCTION, 0, 0)
    clocks.now = type(clocks.now)("", 50, clocks.now.wall)
    clocks.set_wall(3600)
    assert (await saved(path, clocks=clocks)).energy_uses == (
        EnergyUse(budgets=SUCTION, began_seconds_ago=50, ended_seconds_ago=50),
    )


@pytest.mark.parametrize(
    ("passed", "set_ahead", "left"), [(0, 0, 3600), (600, 0, 3000), (600, 90_000, 3000), (3601, 0, 0)]
)
async def test_of_the_day_is_left_what_was_left_without_the_time_that_passed(
    path: Path, clocks: Clocks, passed: float, set_ahead: float, left: float
) -> None:
    async with Store.opened(path, clocks) as store:
        store.persistence("home").save_answers(ANSWERS)
    clocks.run(passed)
    clocks.set_wall(set_ahead)
    expected = ANSWERS.model_copy(update={"day_left_seconds": left})
    for _ in range(2):  # to look changes nothing
        assert (await saved(path, clocks=clocks)).answers == expected


async def test_no_answers_yet_are_answers(path: Path) -> None:
    async with Store.opened(path) as store:
        store.persistence("home").save_answers(ANSWERS)
        store.persistence("home").save_answers(SavedAnswers())
    assert (await saved(path)).answers == SavedAnswers()
