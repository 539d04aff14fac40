"""One person's answers to the check's questions: asked once a day; a yes counts until its question is asked again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from controller.safety.message import KeyedMessage, message
from controller.safety.persistence import Persistence, SavedAnswers
from devices.support.clock import Clock

_DAY_SECONDS = 86400.0


class DayAnswers:
    """The answers of a day. `values`: today's, by question; `carried_over`: earlier symptoms, not asked about since.

    A day ends by the date (the wall clock, `now`, which may be set) and by its remaining time (`clock`, which is
    monotonic). A symptom is asked about again only when it is a new day by both; a `no` ends with the first of them.
    """

    def __init__(
        self, clock: Clock, persistence: Persistence, questions: Collection[str], now: Callable[[], datetime]
    ) -> None:
        saved = persistence.saved.answers
        self.values = dict(saved.values)
        self.carried_over = saved.standing & frozenset(questions)
        self._questions = tuple(questions)
        self._date = saved.on
        self._last_date = saved.on  # the date at the latest call, earlier or later than `_date`
        self._ends_seconds = clock.now() + saved.day_left_seconds if saved.on else -math.inf
        self._clock = clock
        self._persistence = persistence
        self._now = now

    @property
    def symptoms(self) -> frozenset[str]:
        """The symptoms that count now: today's, and those carried over."""
        return self._symptoms_of_today | self.carried_over

    @property
    def open_questions(self) -> list[str]:
        """The questions without an answer today, in their order."""
        return [name for name in self._questions if name not in self.values]

    @property
    def to_answer_singly(self) -> tuple[str, ...]:
        """The open questions that were answered yes on an earlier day: no to all does not answer them."""
        return tuple(name for name in self.open_questions if name in self.carried_over)

    def new_day(self) -> None:
        """Discard the answers that have ended. Call it before every start and every answer."""
        before = (self._date, dict(self.values), self.carried_over)
        today, time_over = self._now().date(), self._clock.now() >= self._ends_seconds
        symptoms = self._symptoms_of_today
        if time_over and (self._date is None or today > self._date):
            self.carried_over |= symptoms
            self.values.clear()
            self._date = today
            self._ends_seconds = self._clock.now() + self._seconds_until_midnight()
        elif time_over or today != self._last_date:  # a new day by one clock only
            self.values = dict.fromkeys(symptoms, True)
            if time_over:
                self._ends_seconds = self._clock.now() + _DAY_SECONDS
        self._last_date = today
        if (self._date, self.values, self.carried_over) != before:
            self._save()  # or a crash would restore a no that has ended

    def answer(self, question: str, yes: bool) -> KeyedMessage | None:
        """Answer a question, or `asked`, the one that is shown. Return why that is not possible, else `None`."""
        self.new_day()
        if question == "asked":
            if not self.open_questions:
                return message("no_question_open")
            question = self.open_questions[0]
        if question not in self._questions:
            known = ", ".join(("all", "asked", *self._questions))
            return message("unknown_question", question=question[:40], questions=known)
        if self.values.get(question) and not yes:
            return message("answered_yes_today", question=question)
        self.values[question] = yes
        if not yes:
            self.carried_over -= {question}
        self._save()
        return None

    def answer_open(self, yes: bool) -> tuple[str, ...]:
        """Answer all open questions alike; return those that must be answered one by one.

        A symptom that is carried over is cleared only by the answer to its own question.
        """
        self.new_day()
        left = () if yes else self.to_answer_singly
        for name in self.open_questions:
            if name not in left:
                self.values[name] = yes
        self._save()
        return left

    @property
    def _symptoms_of_today(self) -> frozenset[str]:
        return frozenset(name for name, yes in self.values.items() if yes)

    def _save(self) -> None:
        left_seconds = max(0.0, self._ends_seconds - self._clock.now())
        self._persistence.save_answers(
            SavedAnswers(
                on=self._date, values=dict(self.values), standing=self.carried_over, day_left_seconds=left_seconds
            )
        )

    def _seconds_until_midnight(self) -> float:
        now = self._now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
