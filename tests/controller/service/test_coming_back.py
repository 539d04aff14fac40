"""What a crash leaves behind: what was running is stopped first, what was latched stays, what was used counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from controller.contract.events import EventType, SessionState
from controller.safety.limits import ABOVE_WARM_SECONDS, BUDGETS, HOT, WARM_CELSIUS, OwnerLimits, Trip, TripKind
from controller.safety.message import message
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    InMemoryPersistence,
    InterruptedSession,
    PersistenceError,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)
from devices.roles import Side
from tests.helpers.home import PUMPS, RunningHome, running_home, words

ALLOWED = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
HEAT = BUDGETS["heat"][0]
TRIP = Trip(kind=TripKind.VACUUM, device="left-pump", detail="the vacuum reached 301 mmHg")


def today() -> date:
    return datetime.now().astimezone().date()


def running(*names: str) -> dict[str, DeviceIdentity]:
    return {name: DeviceIdentity(name=name, profile="open-pump") for name in names}


class Diary(InMemoryPersistence):
    """Notes what it is told, with what the test home was doing at that moment. `broken`: nothing can be kept."""

    def __init__(self, saved: SavedState = SavedState()) -> None:  # noqa: B008 - it is frozen
        super().__init__(saved)
        self.house: RunningHome | None = None
        self.broken = False
        self.entries: list[tuple[Any, ...]] = []
        self.starts_before: list[int] = []
        self.on_starting = lambda: None

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:
        names = [device.name for device in devices]
        if self.broken:
            raise PersistenceError("the disk is full")
        if not names:
            return  # only waits for what was said before
        self.entries.append(("starting", *names))
        assert self.house is not None
        self.starts_before.append(self.house.starts)
        self.on_starting()

    def save_stopped(self, device: str) -> None:
        self.entries.append(("stopped", device))

    def save_trip(self, trip: Trip | None) -> None:
        self.entries.append(("tripped", trip))

    def save_answers(self, answers: SavedAnswers) -> None:
        self.entries.append(("answered", answers))

    def save_uncertain(self, device: DeviceIdentity) -> None:
        self.entries.append(("doubted", device.name))

    def save_start_defaults(self, chosen: SavedStartDefaults) -> None:
        self.entries.append(("chose", chosen))

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        self.entries.append(("used", number, budgets, began_seconds_ago - ended_seconds_ago))

    def of(self, kind: str) -> list[Any]:
        return [entry[1:] for entry in self.entries if entry[0] == kind]


# What runs is kept before it runs


async def test_it_is_kept_before_a_device_is_told_to_start_and_until_it_has_confirmed_its_stop() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        await house.reach("stimulate", "milk")
        await house.skip_to("express")
        await house.elapse(3)
        assert diary.starts_before == [0, 2]  # of stimulation and of expression, each for both pumps
        assert diary.of("starting") == [PUMPS, PUMPS]
        assert diary.entries[-1] == ("starting", *PUMPS)
        await house.send("stop")
        assert sorted(diary.of("stopped")[-2:]) == [("left-pump",), ("right-pump",)]


async def test_what_never_ran_is_not_said_to_have_stopped() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        await house.send("stop")
        assert diary.entries == []


@pytest.mark.system
async def test_nothing_starts_when_it_cannot_be_kept_and_the_rest_of_the_routine_goes_on() -> None:
    diary = Diary()
    async with running_home(owner=ALLOWED, persistence=diary) as house:
        diary.house, diary.broken = house, True
        await house.start()
        snapshot = await house.finished()
        outcomes = {step.name: step.outcome for step in snapshot.steps}
        assert outcomes == {
            "check": "done",
            "warm": "not_today",
            "massage": "done",  # by hand
            "stimulate": "not_today",
            "express": "not_today",
            "rest": "done",
            "prompt": "done",
        }
        assert house.starts == 0
        assert house.words.sentence(message("store_unusable")) in {guide.words for guide in house.recorded.guides()}


@pytest.mark.system
async def test_a_stop_while_it_is_being_kept_lets_nothing_start() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        diary.on_starting = house.guard._enforcer.halt
        await house.start("milk")
        snapshot = await house.finished()
        assert (snapshot.state, house.starts) == (SessionState.FAILED, 0)
        assert sorted(diary.of("stopped")) == [("left-pump",), ("right-pump",)]


# What was chosen


async def test_what_was_chosen_is_kept_piece_by_piece() -> None:
    diary = Diary()
    async with running_home(owner=ALLOWED, persistence=diary) as house:
        await house.send("set_start_defaults", routine="gentle")
        await house.send("set_start_defaults", side="left", comfort_vacuum_mmhg=240)
        assert diary.of("chose") == [
            (SavedStartDefaults(routine="gentle"),),
            (
                SavedStartDefaults(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=150),
            ),  # no more than the settings allow
        ]
        assert (await house.send("set_start_defaults", routine="gentel")).outcome == "refused"
        assert len(diary.of("chose")) == 2


@pytest.mark.system
async def test_what_was_chosen_holds_after_a_restart() -> None:
    chosen = SavedStartDefaults(routine="milk", side=Side.LEFT, comfort_vacuum_mmhg=70)
    async with running_home(owner=ALLOWED, persistence=InMemoryPersistence(SavedState(start_defaults=chosen))) as house:
        assert (await house.send("start", no_symptoms=True)).outcome == "accepted"
        await house.until(lambda: house.recorded.snapshot.phase == "stimulation", within_seconds=30)
        await house.send("let_down")
        await house.until(lambda: house.recorded.snapshot.phase == "expression", within_seconds=30)
        await house.elapse(45)  # it would be at 100 by now
        assert (house.on, house.recorded.snapshot.target_vacuum_mmhg) == ({"left-pump"}, 70)


async def test_a_choice_of_something_else_is_no_comfort_cap() -> None:
    persistence = InMemoryPersistence(SavedState(start_defaults=SavedStartDefaults(routine="milk")))
    async with running_home(owner=OwnerLimits(), persistence=persistence) as house:
        await house.send("set_start_defaults", side="left")
        assert house.guard.owner.comfort_vacuum_mmhg is None


async def test_a_cap_that_was_chosen_never_outdoes_settings_that_were_lowered_since() -> None:
    saved = SavedState(start_defaults=SavedStartDefaults(comfort_vacuum_mmhg=150))
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=90), persistence=InMemoryPersistence(saved)) as house:
        assert house.station.comfort_mmhg == 90
        assert house.guard.owner.comfort_vacuum_mmhg == 90


async def test_a_routine_that_is_no_more_is_not_chosen_any_more() -> None:
    async with running_home(
        persistence=InMemoryPersistence(SavedState(start_defaults=SavedStartDefaults(routine="gone")))
    ) as house:
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert house.recorded.snapshot.routine == "classic"


# What was running is stopped first


async def test_what_was_running_is_stopped_before_anything_else_is_asked_of_it() -> None:
    async with running_home(persistence=InMemoryPersistence(SavedState(running=running("left-pump")))) as house:
        assert house.home.twins["left-pump"].commands[0].name == "stop"
        assert house.commanded("right-pump", "stop") == 0


async def test_no_session_starts_until_it_is_known_to_have_stopped() -> None:
    persistence = InMemoryPersistence(SavedState(running=running("left-pump")))
    async with running_home(devices=("right-pump",), persistence=persistence) as house:
        assert house.recorded.snapshot.uncertain == ("left-pump",)
        reply = await house.send("start", no_symptoms=True)
        assert reply.outcome == "refused"
        assert reply.keys == ("stop_uncertain",)
        assert "left-pump is off" in reply.reasons[0]


async def test_where_it_confirms_its_stop_a_session_may_start() -> None:
    async with running_home(persistence=InMemoryPersistence(SavedState(running=running("left-pump")))) as house:
        assert house.recorded.snapshots[0].uncertain == ("left-pump",)
        await house.until(lambda: not house.recorded.snapshot.uncertain, within_seconds=5)
        assert [event.data.device for event in house.recorded.events(EventType.STOP_CONFIRMED)] == ["left-pump"]
        assert house.recorded.guide.words == house.words.message("settled", device="left-pump")
        await house.start()


@pytest.mark.system
async def test_what_does_not_stop_is_stopped_again_until_it_does_and_said_once() -> None:
    async with running_home() as house:
        await house.reach("express", "milk")
        house.break_ears("left-pump")
        assert (await house.send("stop")).outcome == "failed"
        await house.finished()
        stops = house.commanded("left-pump", "stop")
        codec = house.home.twins["left-pump"]._codec
        await house.elapse(1)  # sooner than its lease ends it
        assert house.recorded.snapshot.uncertain == ("left-pump",)
        assert len(house.recorded.events(EventType.UNCERTAIN)) == 1
        del codec.decode_command  # it hears again
        await house.until(lambda: not house.recorded.snapshot.uncertain, within_seconds=6)
        assert house.on == set()
        assert house.commanded("left-pump", "stop") > stops
        await house.elapse(60)
        assert house.commanded("left-pump", "stop") <= stops + 2  # and then it is left alone


async def test_the_person_may_say_that_they_switched_it_off() -> None:
    diary = Diary(SavedState(running=running("left-pump", "of-another-day")))
    async with running_home(persistence=diary) as house:
        assert "of-another-day" in (await house.send("start")).reasons[0]
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert sorted(diary.of("stopped")) == [("left-pump",), ("of-another-day",)]
        assert house.recorded.snapshot.uncertain == ()
        assert (await house.send("acknowledge")).outcome == "refused"
        diary.house = house
        await house.start()


async def test_it_is_told_what_was_left_running_and_which_session_broke_off() -> None:
    saved = SavedState(
        running=running("left-pump"),
        interrupted=InterruptedSession(session_id="before", routine="classic", side=Side.LEFT),
    )
    async with running_home(persistence=InMemoryPersistence(saved)) as house:
        first = house.recorded.snapshots[0]
        assert (first.state, first.session_id, first.routine) == (SessionState.FAILED, "before", "classic")
        (finished,) = house.recorded.events(EventType.SESSION_FINISHED)
        assert (finished.session_id, finished.data.outcome) == ("before", "failed")
        assert house.recorded.guides()[0].words == house.words.message("restarted", device="left-pump")


# What was latched stays


async def test_a_trip_outlives_a_restart_until_it_is_acknowledged() -> None:
    diary = Diary(SavedState(trip=TRIP))
    async with running_home(persistence=diary) as house:
        diary.house = house
        assert house.recorded.snapshot.trip == house.words.trip(TRIP)
        assert house.recorded.guide.words == house.words.message(
            "tripped", device="left-pump", words=house.words.reasons["trip_vacuum"]
        )
        assert (await house.send("start")).keys == ("stopped_by_trip",)
        await house.send("acknowledge")
        assert diary.entries == [("tripped", None)]
        await house.start()


async def test_a_trip_is_kept_when_it_happens() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.finished()
        ((trip,),) = diary.of("tripped")
        assert trip == house.guard.trip


# The day's answers


@pytest.mark.system
async def test_the_answers_of_the_day_outlive_a_restart_and_no_other_day_s_do() -> None:
    answered = dict.fromkeys(words().questions, False)
    for day, left_seconds, still_known in (
        (today(), 3600.0, True),
        (today(), 0.0, False),  # the wall clock was set back
        (today() - timedelta(days=1), 3600.0, False),  # it was set forward: asking once more is the stricter
        (today() - timedelta(days=1), 0.0, False),
    ):
        answers = SavedAnswers(on=day, values=answered, day_left_seconds=left_seconds)
        async with running_home(owner=ALLOWED, persistence=InMemoryPersistence(SavedState(answers=answers))) as house:
            await house.start(no_symptoms=False)
            assert (house.recorded.guide.question is None) is still_known, (day, left_seconds)


async def test_a_yes_of_an_earlier_day_stays_after_a_restart_until_its_own_question_is_answered() -> None:
    yesterday = SavedAnswers(on=today() - timedelta(days=1), values={"lump": True}, day_left_seconds=0.0)
    async with running_home(owner=ALLOWED, persistence=InMemoryPersistence(SavedState(answers=yesterday))) as house:
        await house.start("milk")
        assert house.guard.symptoms == {"lump"}
        assert house.recorded.guide.question == "lump"
        assert (await house.send("answer", question="all", value=False)).outcome == "refused"
        assert house.guard.symptoms == {"lump"}
        assert (await house.send("answer", question="lump", value=False)).outcome == "accepted"
        assert house.guard.symptoms == frozenset()


async def test_answers_are_kept_as_they_come() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        await house.send("answer", question="fever", value=True)
        await house.send("answer", question="all", value=False)
        *_, (answers,) = diary.of("answered")
        assert answers.on == today()
        assert {question for question, yes in answers.values.items() if yes} == {"fever"}
        assert set(answers.values) == set(house.words.questions)
        assert 0 < answers.day_left_seconds <= 86400


# What was used counts


@pytest.mark.parametrize(
    ("rested_seconds", "allowed"),
    [(0.0, False), (HEAT.in_seconds - HEAT.most_seconds - 30, False), (HEAT.in_seconds, True)],
)
async def test_heat_that_was_on_before_a_restart_counts_while_it_is_in_the_window(
    rested_seconds: float, allowed: bool
) -> None:
    use = EnergyUse(
        budgets=frozenset({"heat"}),
        began_seconds_ago=rested_seconds + HEAT.most_seconds,
        ended_seconds_ago=rested_seconds,
    )
    async with running_home(persistence=InMemoryPersistence(SavedState(energy_uses=(use,)))) as house:
        await house.start()
        await house.elapse(2)
        assert (house.on == {"warm-pad"}) is allowed


@pytest.mark.system
async def test_all_the_time_planned_is_kept_as_used_before_it_begins_and_put_right_after() -> None:
    diary = Diary()
    async with running_home(persistence=diary) as house:
        diary.house = house
        await house.reach("warm", run_seconds=30)
        assert diary.of("used") == [(0, {"heat"}, 120.0)]
        await house.send("stop")
        (number, budgets, seconds), *more = diary.of("used")[1:]
        assert (number, budgets, more) == (0, {"heat"}, [])
        assert 30 <= seconds <= 35


async def test_time_above_41_degrees_is_kept_apart() -> None:
    use = EnergyUse(budgets=frozenset({HOT}), began_seconds_ago=ABOVE_WARM_SECONDS, ended_seconds_ago=0)
    diary = Diary(SavedState(energy_uses=(use,)))
    async with running_home(persistence=diary) as house:
        diary.house = house
        async with house.guard.heat([house.pad], 42, at_most_seconds=60):
            await house.elapse(2)
            assert house.pad.reading.target_celsius == WARM_CELSIUS
        assert {budgets for _, budgets, _ in diary.of("used")} == {frozenset({"heat"})}
