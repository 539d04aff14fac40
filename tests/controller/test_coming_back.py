"""What a crash leaves behind: what was running is stopped first, what was latched stays, what was used counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from controller import safety
from controller.events import EventType, SessionState
from controller.memory import Answers, Chosen, CutOff, Identity, NotKeptError, Remembered, ShortMemory, Use
from controller.safety import HOT, OwnerLimits, Trip, TripKind
from devices.roles import RunState, Side
from tests.controller.household import COMFORTABLE, PUMPS, House, household, words

ALLOWED = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
HEAT = safety.BUDGETS["heat"][0]
TRIP = Trip(kind=TripKind.VACUUM, device="left-pump", words="the vacuum reached 301 mmHg")


def today() -> date:
    return datetime.now().astimezone().date()


def running(*names: str) -> dict[str, Identity]:
    return {name: Identity(name=name, profile="open-pump") for name in names}


class Diary(ShortMemory):
    """Notes what it is told, with what the household was doing at that moment. `broken`: nothing can be kept."""

    def __init__(self, remembered: Remembered = Remembered()) -> None:  # noqa: B008 - it is frozen
        super().__init__(remembered)
        self.house: House | None = None
        self.broken = False
        self.entries: list[tuple[Any, ...]] = []
        self.starts_before: list[int] = []
        self.on_starting = lambda: None

    async def starting(self, devices: Iterable[Identity]) -> None:
        names = [device.name for device in devices]
        if self.broken:
            raise NotKeptError("the disk is full")
        if not names:
            return  # only waits for what was said before
        self.entries.append(("starting", *names))
        assert self.house is not None
        self.starts_before.append(self.house.starts)
        self.on_starting()

    def stopped(self, device: str) -> None:
        self.entries.append(("stopped", device))

    def tripped(self, trip: Trip | None) -> None:
        self.entries.append(("tripped", trip))

    def answered(self, answers: Answers) -> None:
        self.entries.append(("answered", answers))

    def doubted(self, device: Identity) -> None:
        self.entries.append(("doubted", device.name))

    def chose(self, chosen: Chosen) -> None:
        self.entries.append(("chose", chosen))

    def used(self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float) -> None:
        self.entries.append(("used", number, budgets, began_seconds_ago - ended_seconds_ago))

    def of(self, kind: str) -> list[Any]:
        return [entry[1:] for entry in self.entries if entry[0] == kind]


# What runs is kept before it runs


async def test_it_is_kept_before_a_device_is_told_to_start_and_until_it_has_confirmed_its_stop() -> None:
    diary = Diary()
    async with household(memory=diary) as house:
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
    async with household(memory=diary) as house:
        diary.house = house
        await house.send("stop")
        assert diary.entries == []


async def test_nothing_starts_when_it_cannot_be_kept_and_the_rest_of_the_routine_goes_on() -> None:
    diary = Diary()
    async with household(owner=ALLOWED, memory=diary) as house:
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
        assert "the disk is full" in {guide.words for guide in house.told.guides()}


async def test_a_stop_while_it_is_being_kept_lets_nothing_start() -> None:
    diary = Diary()
    async with household(memory=diary) as house:
        diary.house = house
        diary.on_starting = house.guard._halt
        await house.start("milk")
        snapshot = await house.finished()
        assert (snapshot.state, house.starts) == (SessionState.FAILED, 0)
        assert sorted(diary.of("stopped")) == [("left-pump",), ("right-pump",)]


# What was chosen


async def test_what_was_chosen_is_kept_piece_by_piece() -> None:
    diary = Diary()
    async with household(owner=ALLOWED, memory=diary) as house:
        await house.send("choose", routine="gentle")
        await house.send("choose", side="left", comfort_vacuum_mmhg=240)
        assert diary.of("chose") == [
            (Chosen(routine="gentle"),),
            (Chosen(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=150),),  # no more than the settings allow
        ]
        assert (await house.send("choose", routine="gentel")).outcome == "refused"
        assert len(diary.of("chose")) == 2


async def test_what_was_chosen_holds_after_a_restart() -> None:
    chosen = Chosen(routine="milk", side=Side.LEFT, comfort_vacuum_mmhg=70)
    async with household(owner=ALLOWED, memory=ShortMemory(Remembered(chosen=chosen))) as house:
        assert (await house.send("start", no_symptoms=True)).outcome == "accepted"
        await house.until(lambda: house.told.snapshot.phase == "stimulation", within_seconds=30)
        await house.send("let_down")
        await house.until(lambda: house.told.snapshot.phase == "expression", within_seconds=30)
        await house.elapse(45)  # it would be at 100 by now
        assert (house.on, house.told.snapshot.target_vacuum_mmhg) == ({"left-pump"}, 70)


async def test_a_choice_of_something_else_is_no_comfort_cap() -> None:
    memory = ShortMemory(Remembered(chosen=Chosen(routine="milk")))
    async with household(owner=OwnerLimits(), memory=memory) as house:
        await house.send("choose", side="left")
        assert house.guard.owner.comfort_vacuum_mmhg is None


async def test_a_cap_that_was_chosen_never_outdoes_settings_that_were_lowered_since() -> None:
    remembered = Remembered(chosen=Chosen(comfort_vacuum_mmhg=150))
    async with household(owner=OwnerLimits(comfort_vacuum_mmhg=90), memory=ShortMemory(remembered)) as house:
        assert house.station.comfort_mmhg == 90
        assert house.guard.owner.comfort_vacuum_mmhg == 90


async def test_a_routine_that_is_no_more_is_not_chosen_any_more() -> None:
    async with household(memory=ShortMemory(Remembered(chosen=Chosen(routine="gone")))) as house:
        await house.send("start", no_symptoms=True)
        await house.elapse(1)
        assert house.told.snapshot.routine == "classic"


# What was running is stopped first


async def test_what_was_running_is_stopped_before_anything_else_is_asked_of_it() -> None:
    async with household(memory=ShortMemory(Remembered(running=running("left-pump")))) as house:
        assert house.home.twins["left-pump"].commands[0].name == "stop"
        assert house.commanded("right-pump", "stop") == 0


async def test_no_session_starts_until_it_is_known_to_have_stopped() -> None:
    memory = ShortMemory(Remembered(running=running("left-pump")))
    async with household(devices=("right-pump",), memory=memory) as house:
        assert house.told.snapshot.uncertain == ("left-pump",)
        reply = await house.send("start", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "left-pump has stopped" in reply.reasons[0]


async def test_where_it_confirms_its_stop_a_session_may_start() -> None:
    async with household(memory=ShortMemory(Remembered(running=running("left-pump")))) as house:
        assert house.told.snapshots[0].uncertain == ("left-pump",)
        await house.until(lambda: not house.told.snapshot.uncertain, within_seconds=5)
        assert [event.data["device"] for event in house.told.events(EventType.SETTLED)] == ["left-pump"]
        assert house.told.guide.words == house.words.message("settled", device="left-pump")
        await house.start()


async def test_what_does_not_stop_is_stopped_again_until_it_does_and_said_once() -> None:
    async with household() as house:
        await house.reach("express", "milk")
        house.break_ears("left-pump")
        assert (await house.send("stop")).outcome == "failed"
        await house.finished()
        stops = house.commanded("left-pump", "stop")
        codec = house.home.twins["left-pump"]._codec
        await house.elapse(1)  # sooner than its lease ends it
        assert house.told.snapshot.uncertain == ("left-pump",)
        assert len(house.told.events(EventType.UNCERTAIN)) == 1
        del codec.decode_command  # it hears again
        await house.until(lambda: not house.told.snapshot.uncertain, within_seconds=6)
        assert house.on == set()
        assert house.commanded("left-pump", "stop") > stops
        await house.elapse(60)
        assert house.commanded("left-pump", "stop") <= stops + 2  # and then it is left alone


async def test_the_person_may_say_that_they_switched_it_off() -> None:
    diary = Diary(Remembered(running=running("left-pump", "of-another-day")))
    async with household(memory=diary) as house:
        assert "of-another-day" in (await house.send("start")).reasons[0]
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert sorted(diary.of("stopped")) == [("left-pump",), ("of-another-day",)]
        assert house.told.snapshot.uncertain == ()
        assert (await house.send("acknowledge")).outcome == "refused"
        diary.house = house
        await house.start()


async def test_it_is_told_what_was_left_running_and_which_session_broke_off() -> None:
    remembered = Remembered(
        running=running("left-pump"), cut_off=CutOff(session_id="before", routine="classic", side=Side.LEFT)
    )
    async with household(memory=ShortMemory(remembered)) as house:
        first = house.told.snapshots[0]
        assert (first.state, first.session_id, first.routine) == (SessionState.FAILED, "before", "classic")
        (finished,) = house.told.events(EventType.SESSION_FINISHED)
        assert (finished.session_id, finished.data["outcome"]) == ("before", "failed")
        assert house.told.guides()[0].words == house.words.message("restarted", device="left-pump")


# What was latched stays


async def test_a_trip_outlives_a_restart_until_it_is_acknowledged() -> None:
    diary = Diary(Remembered(trip=TRIP))
    async with household(memory=diary) as house:
        diary.house = house
        assert house.told.snapshot.trip == TRIP
        assert house.told.guide.words == house.words.message(
            "tripped", device="left-pump", words=house.words.message("trip_vacuum")
        )
        assert "acknowledge it first" in (await house.send("start")).reasons[0]
        await house.send("acknowledge")
        assert diary.entries == [("tripped", None)]
        await house.start()


async def test_a_trip_is_kept_when_it_happens() -> None:
    diary = Diary()
    async with household(memory=diary) as house:
        diary.house = house
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.finished()
        ((trip,),) = diary.of("tripped")
        assert trip == house.guard.trip


# The day's answers


async def test_the_answers_of_the_day_outlive_a_restart_and_no_other_day_s_do() -> None:
    answered = dict.fromkeys(words().questions, False)
    for day, left_seconds, still_known in (
        (today(), 3600.0, True),
        (today(), 0.0, False),  # the wall clock was set back
        (today() - timedelta(days=1), 3600.0, False),  # it was set forward: asking once more is the stricter
        (today() - timedelta(days=1), 0.0, False),
    ):
        answers = Answers(on=day, values=answered, day_left_seconds=left_seconds)
        async with household(owner=ALLOWED, memory=ShortMemory(Remembered(answers=answers))) as house:
            await house.start(no_symptoms=False)
            assert (house.told.guide.question is None) is still_known, (day, left_seconds)


async def test_a_yes_of_an_earlier_day_stays_after_a_restart_until_its_own_question_is_answered() -> None:
    yesterday = Answers(on=today() - timedelta(days=1), values={"lump": True}, day_left_seconds=0.0)
    async with household(owner=ALLOWED, memory=ShortMemory(Remembered(answers=yesterday))) as house:
        await house.start("milk")
        assert house.guard.symptoms == {"lump"}
        assert house.told.guide.question == "lump"
        assert (await house.send("answer", question="all", value=False)).outcome == "refused"
        assert house.guard.symptoms == {"lump"}
        assert (await house.send("answer", question="lump", value=False)).outcome == "accepted"
        assert house.guard.symptoms == frozenset()


async def test_answers_are_kept_as_they_come() -> None:
    diary = Diary()
    async with household(memory=diary) as house:
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
    use = Use(
        budgets=frozenset({"heat"}),
        began_seconds_ago=rested_seconds + HEAT.most_seconds,
        ended_seconds_ago=rested_seconds,
    )
    async with household(memory=ShortMemory(Remembered(uses=(use,)))) as house:
        await house.start()
        await house.elapse(2)
        assert (house.on == {"warm-pad"}) is allowed


async def test_all_the_time_planned_is_kept_as_used_before_it_begins_and_put_right_after() -> None:
    diary = Diary()
    async with household(memory=diary) as house:
        diary.house = house
        await house.reach("warm", run_seconds=30)
        assert diary.of("used") == [(0, {"heat"}, 120.0)]
        await house.send("stop")
        (number, budgets, seconds), *more = diary.of("used")[1:]
        assert (number, budgets, more) == (0, {"heat"}, [])
        assert 30 <= seconds <= 35


async def test_time_above_41_degrees_is_kept_apart() -> None:
    use = Use(budgets=frozenset({HOT}), began_seconds_ago=safety.ABOVE_WARM_SECONDS, ended_seconds_ago=0)
    diary = Diary(Remembered(uses=(use,)))
    async with household(memory=diary) as house:
        diary.house = house
        async with house.guard.heat([house.pad], 42, at_most_seconds=60):
            await house.elapse(2)
            assert house.pad.reading.target_celsius == safety.WARM_CELSIUS
        assert {budgets for _, budgets, _ in diary.of("used")} == {frozenset({"heat"})}


# One pump of two


async def test_a_lost_pump_stops_both_unless_the_owner_chose_otherwise() -> None:
    async with household() as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.elapse(1)
        assert house.on == set()
        assert house.guard.trip is not None


async def test_where_the_owner_chose_so_the_other_pump_goes_on_and_the_lost_one_never_does() -> None:
    owner = COMFORTABLE.model_copy(update={"go_on_with_one_pump": True})
    async with household(owner=owner) as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.elapse(1)
        assert house.on == {"right-pump"}
        assert house.told.snapshot.uncertain == ("left-pump",)
        assert house.told.guide.words == house.words.message("uncertain", device="left-pump")
        starts = house.commanded("left-pump", "start")
        await house.until(lambda: house.pump("left-pump").connected, within_seconds=20)
        await house.elapse(5)
        assert house.on == {"right-pump"}
        assert house.told.snapshot.uncertain == ()
        assert house.commanded("left-pump", "start") == starts
        assert house.pump("left-pump").reading.run_state is RunState.STOPPED
        assert (await house.send("vacuum_down")).outcome == "accepted"
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED


async def test_when_the_second_pump_is_lost_too_everything_stops() -> None:
    owner = COMFORTABLE.model_copy(update={"go_on_with_one_pump": True})
    async with household(owner=owner) as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump", for_good=True)
        await house.elapse(1)
        house.lose_link("right-pump", for_good=True)
        snapshot = await house.finished()
        assert snapshot.state is SessionState.TRIPPED
        assert snapshot.uncertain == ("left-pump", "right-pump")
