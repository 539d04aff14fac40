"""The day's answers: a yes stays until a later day by both clocks, and only its own question clears it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.message import message
from controller.safety.persistence import InMemoryPersistence, SavedAnswers, SavedState
from controller.session.day_answers import DayAnswers
from tests.helpers.still import StillClock

QUESTIONS = ("lump", "fever", "numb")
MORNING = datetime(2026, 3, 10, 8, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR_SECONDS = 3600.0
DAY_SECONDS = 24 * HOUR_SECONDS


class RecordingPersistence(InMemoryPersistence):
    """Records the answers that were saved last."""

    answers = SavedAnswers()

    def save_answers(self, answers: SavedAnswers) -> None:
        self.answers = answers


class Person:
    """Answers, with a wall clock, which may be set, and a monotonic clock."""

    def __init__(self, known: SavedAnswers = SavedAnswers(), wall: datetime = MORNING) -> None:  # noqa: B008 - frozen
        self.clock = StillClock(1000.0)
        self.wall = wall
        self.persistence = RecordingPersistence(SavedState(answers=known))
        self.answers = DayAnswers(self.clock, self.persistence, QUESTIONS, lambda: self.wall)

    def pass_by(self, seconds: float) -> None:
        """Let time pass by both clocks."""
        self.clock.now_seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def set_wall(self, by: timedelta) -> None:
        """Set the wall clock; no time passes."""
        self.wall += by

    def restart(self, *, wall: datetime | None = None) -> Person:
        """Return what is left after the controller was restarted. The monotonic clock starts again."""
        return Person(self.persistence.answers, self.wall if wall is None else wall)

    @property
    def symptoms(self) -> set[str]:
        self.answers.new_day()
        return set(self.answers.symptoms)

    @property
    def open(self) -> list[str]:
        self.answers.new_day()
        return self.answers.open_questions


def with_a_symptom() -> Person:
    """Return a person who answered yes to one question this morning, and no to the others."""
    person = Person()
    assert person.answers.answer("fever", True) is None
    assert person.answers.answer_open(False) == ()
    return person


def test_all_questions_are_open_until_they_are_answered() -> None:
    person = Person()
    assert person.open == list(QUESTIONS)
    assert person.answers.answer("asked", False) is None
    assert person.answers.answer("numb", False) is None
    assert person.open == ["fever"]
    person.answers.answer_open(False)
    assert person.open == []
    assert person.answers.answer("asked", True) == message("no_question_open")
    assert person.symptoms == set()


def test_an_unknown_question_is_refused() -> None:
    problem = Person().answers.answer("cough", True)
    assert problem is not None
    assert (problem.key, problem.values["question"]) == ("unknown_question", "cough")


# The same day


@pytest.mark.parametrize("question", ["fever", "asked"])
def test_a_yes_is_not_taken_back_on_the_same_day(question: str) -> None:
    person = with_a_symptom()
    person.pass_by(15 * HOUR_SECONDS)
    assert person.answers.answer(question, False) is not None
    person.answers.answer_open(False)
    assert person.symptoms == {"fever"}


def test_a_no_may_become_a_yes_at_any_time() -> None:
    person = with_a_symptom()
    assert person.answers.answer("numb", True) is None
    assert person.symptoms == {"fever", "numb"}


# A later day, by both clocks


def test_on_the_next_day_a_symptom_still_counts_until_its_own_question_is_answered_no() -> None:
    person = with_a_symptom()
    person.pass_by(DAY_SECONDS)
    assert person.open == list(QUESTIONS)
    assert person.symptoms == {"fever"}
    assert person.answers.answer_open(False) == ("fever",)  # by `all`, and by a start with `no_symptoms`
    assert person.open == ["fever"]
    assert person.symptoms == {"fever"}
    assert person.answers.answer("fever", False) is None
    assert person.symptoms == set()
    assert person.open == []


def test_a_symptom_that_nobody_is_asked_about_counts_for_days() -> None:
    person = with_a_symptom()
    for _ in range(5):
        person.pass_by(DAY_SECONDS)
        assert person.answers.answer_open(False) == ("fever",)
        assert person.symptoms == {"fever"}


def test_all_with_a_yes_answers_every_open_question_yes() -> None:
    person = with_a_symptom()
    person.pass_by(DAY_SECONDS)
    assert person.answers.answer_open(True) == ()
    assert person.symptoms == set(QUESTIONS)


@pytest.mark.parametrize("days", [-400, -1, 1, 2, 400])
def test_setting_the_wall_clock_clears_no_symptom(days: int) -> None:
    person = with_a_symptom()
    person.set_wall(days * DAY)
    assert person.symptoms == {"fever"}
    assert person.answers.answer("fever", False) is not None
    person.answers.answer_open(False)
    assert person.symptoms == {"fever"}


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_setting_the_wall_clock_asks_again_about_every_no(days: int) -> None:
    person = with_a_symptom()
    person.set_wall(days * DAY)
    assert person.open == ["lump", "numb"]
    person.answers.answer_open(False)
    assert person.open == []  # once


def test_a_day_by_the_monotonic_clock_alone_clears_no_symptom() -> None:
    """The wall clock was set back, or stands still."""
    person = with_a_symptom()
    for _ in range(3):
        person.clock.now_seconds += DAY_SECONDS + 1
        assert person.symptoms == {"fever"}
        assert person.open == ["lump", "numb"]
        assert person.answers.answer("fever", False) is not None
        person.answers.answer_open(False)


def test_after_the_wall_clock_was_set_forward_and_back_the_day_ends_as_usual() -> None:
    person = with_a_symptom()
    person.set_wall(DAY)
    person.answers.answer_open(False)
    person.set_wall(-DAY)
    assert person.symptoms == {"fever"}
    person.pass_by(DAY_SECONDS)
    assert person.answers.answer("fever", False) is None
    assert person.symptoms == set()


@given(st.lists(st.tuples(st.integers(-3, 3), st.floats(0, 10 * HOUR_SECONDS)), max_size=20))
def test_however_the_clock_is_set_no_symptom_is_cleared_before_its_day_is_over(
    changes: list[tuple[int, float]],
) -> None:
    person = with_a_symptom()
    began_seconds = person.clock.now()
    for days, seconds in changes:
        person.set_wall(days * DAY)
        person.pass_by(seconds)
        person.answers.answer_open(False)
        person.answers.answer("fever", False)
        if person.clock.now() - began_seconds < 16 * HOUR_SECONDS:  # until midnight, from eight in the morning
            assert person.symptoms == {"fever"}


# A restart


def test_what_was_answered_today_counts_after_a_restart() -> None:
    person = with_a_symptom()
    person.pass_by(HOUR_SECONDS)
    again = person.restart()
    assert again.open == []
    assert again.symptoms == {"fever"}
    assert again.answers.answer("fever", False) is not None


def test_a_symptom_carried_over_counts_after_a_restart() -> None:
    person = with_a_symptom()
    person.pass_by(DAY_SECONDS)
    person.answers.answer("lump", False)
    again = person.restart()
    assert again.open == ["fever", "numb"]
    assert again.answers.answer_open(False) == ("fever",)
    assert again.symptoms == {"fever"}


@pytest.mark.parametrize("later", [timedelta(days=1), timedelta(days=30)])
def test_a_restart_on_another_date_clears_no_symptom_alone(later: timedelta) -> None:
    again = with_a_symptom().restart(wall=MORNING + later)
    assert again.answers.answer("fever", False) is not None
    assert again.symptoms == {"fever"}
    again.pass_by(16 * HOUR_SECONDS + 1)  # what was left of the day
    assert again.answers.answer("fever", False) is None


def test_a_restart_does_not_make_yesterdays_no_count_today() -> None:
    person = Person()
    person.answers.answer_open(False)
    again = person.restart(wall=MORNING + timedelta(hours=20))  # at four in the morning
    assert again.open == list(QUESTIONS)


def test_a_restart_in_the_evening_does_not_make_a_no_count_on_the_next_day() -> None:
    person = Person()
    person.answers.answer_open(False)
    person.pass_by(15 * HOUR_SECONDS)
    again = person.restart()
    assert again.open == []
    again.pass_by(10 * HOUR_SECONDS)
    assert again.open == list(QUESTIONS)


def test_a_symptom_of_a_removed_question_is_not_carried_over() -> None:
    known = SavedAnswers(on=MORNING.date() - DAY, standing=frozenset({"cough"}))
    assert Person(known).symptoms == set()


def test_a_no_that_ended_with_its_date_does_not_come_back_with_a_restart_and_the_old_date() -> None:
    person = Person()
    person.answers.answer_open(False)
    person.set_wall(DAY)
    assert person.open == list(QUESTIONS)
    assert person.restart(wall=MORNING).open == list(QUESTIONS)
