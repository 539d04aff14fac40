"""What a body says is what its document says; the contract is that of the store of a home."""

from __future__ import annotations

import asyncio

import pytest

from controller.cluster import shared_persistence
from controller.cluster.shared_persistence import SharedPersistence
from controller.cluster.state_document import LONGEST_BUDGET_SECONDS
from controller.safety.persistence import EnergyUse, PersistenceError, SavedState
from tests.helpers.stores import (
    ANSWERS,
    CHOSEN,
    HOT,
    LEFT,
    RIGHT,
    SUCTION,
    TRIP,
    check_otherwise,
    say_all,
    say_otherwise,
)


class ListeningStore:
    """Counts what is to be written, and answers a flush when a test lets it."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.changes = 0
        self.flushes = 0
        self.found: str | None = None
        self.answers: list[str | None] = []  # first
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    def changed(self) -> None:
        self.changes += 1

    async def flush(self) -> str | None:
        self.flushes += 1
        await self.goes_on.wait()
        return self.answers.pop(0) if self.answers else self.found


@pytest.fixture
def store() -> ListeningStore:
    return ListeningStore()


@pytest.fixture
def persistence(store: ListeningStore) -> SharedPersistence:
    return SharedPersistence("home", SavedState(), store)


class Time:
    seconds = 1000.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    monkeypatch.setattr(shared_persistence, "now", lambda: found.seconds)
    return found


def test_a_new_one_has_nothing(persistence: SharedPersistence) -> None:
    assert persistence.state() == persistence.saved == SavedState()


def test_every_call_appears_in_the_document(time: Time, store: ListeningStore) -> None:
    persistence = SharedPersistence("home", SavedState(), store)
    say_all(persistence)
    persistence.save_uncertain(LEFT)
    assert store.changes == 6
    assert persistence.state() == SavedState(
        running={"left-pump": LEFT},
        trip=TRIP,
        answers=ANSWERS,
        energy_uses=(
            EnergyUse(budgets=SUCTION, began_seconds_ago=120.5, ended_seconds_ago=0),
            EnergyUse(budgets=HOT, began_seconds_ago=60, ended_seconds_ago=-240),
        ),
        start_defaults=CHOSEN,
    )
    assert persistence.saved == SavedState()  # what it was when it was opened


async def test_what_stopped_or_was_acknowledged_is_not_remembered(persistence: SharedPersistence) -> None:
    persistence.save_trip(TRIP)
    await persistence.save_starting([LEFT, RIGHT])
    persistence.save_stopped("left-pump")
    persistence.save_trip(None)
    assert persistence.state() == SavedState(running={"right-pump": RIGHT})


async def test_what_was_saved_last_counts(time: Time, store: ListeningStore) -> None:
    persistence = SharedPersistence("home", SavedState(), store)
    say_all(persistence)
    await persistence.save_starting([LEFT])
    await say_otherwise(persistence)
    check_otherwise(persistence.state())


def test_what_a_successor_says_does_not_replace_what_was_said_before(time: Time, store: ListeningStore) -> None:
    first = SharedPersistence("home", SavedState(), store)
    say_all(first)
    second = SharedPersistence("home", first.state(), store)
    second.save_energy_use(0, SUCTION, 5, 0)
    assert [use.began_seconds_ago for use in second.state().energy_uses] == [120.5, 60, 5]
    assert second.state().trip == TRIP
    assert second.state().start_defaults == CHOSEN


def test_time_goes_on_for_uses_and_the_day(time: Time, store: ListeningStore) -> None:
    persistence = SharedPersistence("home", SavedState(), store)
    say_all(persistence)
    time.seconds += 100
    known = persistence.state()
    assert [(use.began_seconds_ago, use.ended_seconds_ago) for use in known.energy_uses] == [(220.5, 100), (160, -140)]
    assert known.answers.day_left_seconds == 3500
    assert known.answers.values == ANSWERS.values
    time.seconds += 86_400
    assert persistence.state().answers.day_left_seconds == 0
    assert SharedPersistence("home", known, store).state() == known


def test_the_document_does_not_grow_for_as_long_as_a_controller_runs(time: Time, store: ListeningStore) -> None:
    persistence = SharedPersistence("home", SavedState(), store)
    for number in range(500):
        persistence.save_energy_use(number, SUCTION, 0, -300)
        time.seconds += 3600
        persistence.state()
    hours = LONGEST_BUDGET_SECONDS / 3600 + 2
    assert 1 < len(persistence.state().energy_uses) <= hours
    persistence.save_energy_use(0, HOT, 0, -60)
    assert persistence.state().energy_uses[-1].budgets == HOT


async def test_what_starts_is_in_the_document_before_the_start_returns(
    persistence: SharedPersistence, store: ListeningStore
) -> None:
    store.goes_on.clear()
    starting = asyncio.create_task(persistence.save_starting([LEFT]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not starting.done()
    assert persistence.state().running == {"left-pump": LEFT}
    store.goes_on.set()
    await starting


async def test_a_start_that_cannot_be_saved_is_none(persistence: SharedPersistence, store: ListeningStore) -> None:
    persistence.save_uncertain(LEFT)
    store.found = "the cluster does not answer"
    with pytest.raises(PersistenceError, match="the cluster does not answer; nothing was started"):
        await persistence.save_starting([LEFT, RIGHT])
    assert persistence.state().running == {"left-pump": LEFT}  # it may still run from before


async def test_with_a_problem_a_start_does_not_even_ask(persistence: SharedPersistence, store: ListeningStore) -> None:
    store.problem = "another controller may have this station"
    assert persistence.problem == store.problem
    with pytest.raises(PersistenceError, match="another controller"):
        await persistence.save_starting([LEFT])
    assert store.flushes == 0
    assert persistence.state().running == {}


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_failed_start_leaves_what_may_run_after_all(
    persistence: SharedPersistence, store: ListeningStore, cancelled: bool
) -> None:
    store.goes_on.clear()
    store.found = "the cluster does not answer"
    starting = asyncio.create_task(persistence.save_starting([LEFT, RIGHT]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    persistence.save_uncertain(RIGHT)
    if cancelled:
        starting.cancel()
    else:
        store.goes_on.set()
    await asyncio.wait({starting})
    assert persistence.state().running == {"right-pump": RIGHT}


async def test_a_failed_start_does_not_undo_another_one(persistence: SharedPersistence, store: ListeningStore) -> None:
    store.goes_on.clear()
    first = asyncio.create_task(persistence.save_starting([LEFT]))
    second = asyncio.create_task(persistence.save_starting([LEFT, RIGHT]))
    await asyncio.sleep(0)
    store.answers = [None, "the cluster does not answer"]
    store.goes_on.set()
    await first
    with pytest.raises(PersistenceError):
        await second
    assert persistence.state().running == {"left-pump": LEFT}
