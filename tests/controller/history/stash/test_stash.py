"""Stored milk: nothing appears or disappears, storage times only get shorter, and two people cannot use it twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.contract.stash import Container, MovementKind, Place, StashArgs
from controller.history.history_store import HistoryStore
from controller.history.stash.stash_keeper import StashKeeper
from controller.history.stash.stash_model import (
    Movement,
    StashError,
    after_movement,
    containers,
    total_ml,
)
from controller.history.stash.stash_store import add, movements

AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def moved(
    kind: MovementKind,
    ml: float = 0,
    place: Place | None = None,
    *,
    after: timedelta = timedelta(),
    name: str = "bag 1",
) -> Movement:
    return Movement(
        id=f"{name} {kind} {after}", station="home", container=name, kind=kind, place=place, ml=ml, moved_at=AT + after
    )


def stored(place: Place, ml: float = 100, name: str = "bag 1", after: timedelta = timedelta()) -> Movement:
    return moved(MovementKind.STORED, ml, place, name=name, after=after)


def put(place: Place, after: timedelta) -> Movement:
    return moved(MovementKind.MOVED, place=place, after=after)


@pytest.mark.parametrize(
    ("what", "best_before"),
    [
        ([stored(Place.ROOM)], 4 * HOUR),
        ([stored(Place.FRIDGE)], 4 * DAY),
        ([stored(Place.FREEZER)], 182 * DAY),
        ([stored(Place.FRIDGE), put(Place.FREEZER, DAY)], 182 * DAY),
        ([stored(Place.FRIDGE), put(Place.ROOM, DAY)], DAY + 4 * HOUR),
        ([stored(Place.ROOM), put(Place.FRIDGE, HOUR)], 4 * HOUR),  # not given back
        ([stored(Place.FREEZER), moved(MovementKind.THAWED, after=30 * DAY)], 31 * DAY),
        ([stored(Place.FREEZER), moved(MovementKind.THAWED, place=Place.ROOM, after=30 * DAY)], 30 * DAY + HOUR),
        ([stored(Place.FREEZER), moved(MovementKind.THAWED, after=DAY), put(Place.ROOM, DAY + 23.5 * HOUR)], 2 * DAY),
    ],
)
def test_until_when_it_is_best_used(what: list[Movement], best_before: timedelta) -> None:
    (kept,) = containers(what)
    assert kept.best_before == AT + best_before


@pytest.mark.parametrize(
    ("what", "key"),
    [
        ([moved(MovementKind.USED, 10)], "stash_empty"),
        ([stored(Place.FRIDGE), stored(Place.FRIDGE, after=HOUR)], "stash_taken"),
        ([stored(Place.FRIDGE), moved(MovementKind.USED, 101, after=HOUR)], "stash_less"),
        ([stored(Place.FRIDGE), moved(MovementKind.THAWED, after=HOUR)], "stash_not_frozen"),
        ([stored(Place.FREEZER), put(Place.FRIDGE, HOUR)], "stash_frozen"),
        (
            [stored(Place.FREEZER), moved(MovementKind.THAWED, after=HOUR), put(Place.FREEZER, 2 * HOUR)],
            "stash_thawed",
        ),
        ([stored(Place.FRIDGE), put(Place.FREEZER, 5 * DAY)], "stash_past"),
        ([stored(Place.FRIDGE), put(Place.FRIDGE, HOUR)], "stash_there"),
        ([stored(Place.FRIDGE, ml=0)], "stash_needs"),
        ([stored(Place.FREEZER), moved(MovementKind.THAWED, place=Place.FREEZER, after=HOUR)], "stash_thawed_place"),
    ],
)
def test_what_does_not_fit_is_an_error(what: list[Movement], key: str) -> None:
    with pytest.raises(StashError) as caught:
        containers(what)
    assert caught.value.message.key == key


def test_the_nearest_is_first_and_what_is_empty_is_gone() -> None:
    kept = containers(
        [
            stored(Place.FREEZER, name="old"),
            stored(Place.FRIDGE, name="new", after=HOUR),
            stored(Place.FRIDGE, name="gone"),
            moved(MovementKind.DISCARDED, 100, name="gone", after=HOUR),
        ]
    )
    assert [each.name for each in kept] == ["new", "old"]
    assert total_ml(kept) == 200


STEPS = st.lists(
    st.tuples(st.sampled_from(list(MovementKind)), st.none() | st.sampled_from(list(Place)), st.floats(0, 300)),
    max_size=20,
)


@given(STEPS)
def test_whatever_is_done_no_milk_appears_and_no_time_is_given_back_outside_a_freezer(
    steps: list[tuple[MovementKind, Place | None, float]],
) -> None:
    kept: Container | None = None
    for number, (kind, place, ml) in enumerate(steps):
        before = kept
        try:
            kept = after_movement(before, moved(kind, ml, place, after=number * HOUR))
        except StashError:
            continue
        if before is not None and kept is not None:
            assert kept.ml <= before.ml
            assert not (before.thawed and kept.place is Place.FREEZER)
            if kept.place is not Place.FREEZER and before.place is not Place.FREEZER:
                assert kept.best_before <= before.best_before


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


async def test_two_people_cannot_use_the_same_milk(store: HistoryStore) -> None:
    await add(store, stored(Place.FRIDGE))
    uses = [moved(MovementKind.USED, 70, after=number * HOUR) for number in (1, 2)]
    results = await asyncio.gather(*(add(store, each) for each in uses), return_exceptions=True)
    assert sum(isinstance(each, StashError) for each in results) == 1
    assert [each.kind for each in await movements(store, "home")] == [MovementKind.STORED, MovementKind.USED]
    (kept,) = containers(await movements(store, "home"))
    assert kept.ml == 30


def args(kind: MovementKind, **more: Any) -> StashArgs:
    return StashArgs(kind=kind, container="bag 1", **more)


async def test_without_an_amount_all_is_used_or_discarded(store: HistoryStore) -> None:
    keeper = StashKeeper(store)
    for kind in (MovementKind.USED, MovementKind.DISCARDED):
        (kept,) = await keeper.move("home", args(MovementKind.STORED, ml=80, place=Place.FRIDGE))
        assert (kept.ml, kept.place) == (80, Place.FRIDGE)
        assert await keeper.move("home", args(kind)) == []
    with pytest.raises(StashError, match="stash_empty"):
        await keeper.move("home", args(MovementKind.USED))
    with pytest.raises(StashError, match="stash_needs"):
        await keeper.move("home", args(MovementKind.STORED, place=Place.FRIDGE))


async def test_a_name_is_one_line(store: HistoryStore) -> None:
    keeper = StashKeeper(store)
    new = {"kind": MovementKind.STORED, "ml": 80, "place": Place.FRIDGE}
    (kept,) = await keeper.move("home", StashArgs(container=" bag\n\x00 7 ", **new))
    assert kept.name == "bag 7"
    with pytest.raises(StashError, match="stash_name"):
        await keeper.move("home", StashArgs(container="\n\x00", **new))


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1999-01-01T00:00:00Z"])
async def test_an_impossible_time_is_refused_and_harms_nothing(store: HistoryStore, when: str) -> None:
    keeper = StashKeeper(store)
    with pytest.raises(StashError, match="stash_when"):
        await keeper.move("home", args(MovementKind.STORED, ml=80, place=Place.FRIDGE, expressed_at=when))
    assert await keeper.containers("home") == []


async def test_a_clock_that_is_set_back_does_not_make_the_list_unreadable(store: HistoryStore) -> None:
    await add(store, stored(Place.FRIDGE, after=DAY))
    await add(store, moved(MovementKind.USED, 40))  # a day earlier, by the clock
    (kept,) = containers(await movements(store, "home"))
    assert kept.ml == 60
