"""One person's answers to the check: asked once a day, and a yes stays until it has been asked again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from controller.memory import Answers, Memory
from devices.clock import Clock

_DAY_SECONDS = 86400.0


class DayAnswers:
    """The answers of a day, by question.

    A day ends by two clocks: the date has changed, and as much time has passed as was left of the day by a clock that
    nobody sets. A symptom needs both to be asked again; a `no` ends with the first of them.
    """

    def __init__(self, clock: Clock, memory: Memory, questions: Collection[str], now: Callable[[], datetime]) -> None:
        known = memory.remembered.answers
        self.values = dict(known.values)
        self.standing = known.standing & frozenset(questions)
        self._questions = tuple(questions)
        self._on = known.on
        self._asked_on = known.on  # the date of the answers, by the clock on the wall, whichever way that was set
        self._ends_seconds = clock.now() + known.day_left_seconds if known.on else -math.inf
        self._clock = clock
        self._memory = memory
        self._now = now

    @property
    def symptoms(self) -> frozenset[str]:
        """The symptoms that count now: of today, and of an earlier day until they are asked about again."""
        return frozenset(name for name, yes in self.values.items() if yes) | self.standing

    @property
    def open(self) -> list[str]:
        """The questions that are still to be asked, in their order."""
        return [name for name in self._questions if name not in self.values]

    def new_day(self) -> None:
        """Ask anew where the day is over."""
        before = (self._on, dict(self.values), self.standing)
        today, over = self._now().date(), self._clock.now() >= self._ends_seconds
        symptoms = frozenset(name for name, yes in self.values.items() if yes)
        if over and (self._on is None or today > self._on):
            self.standing |= symptoms
            self.values.clear()
            self._on = today
            self._ends_seconds = self._clock.now() + self._until_midnight_seconds()
        elif over or today != self._asked_on:  # one clock says that it is another day, the other that it is not
            self.values = dict.fromkeys(symptoms, True)
            if over:
                self._ends_seconds = self._clock.now() + _DAY_SECONDS
        self._asked_on = today
        if (self._on, self.values, self.standing) != before:
            self._keep()  # or a crash would bring back a no that has ended

    def answer(self, question: str, yes: bool) -> str | None:
        """Note an answer to a question, or to `asked`, the one that is open. Return why not, if it cannot be."""
        self.new_day()
        if question == "asked":
            if not self.open:
                return "no question is open"
            question = self.open[0]
        if question not in self._questions:
            return f"there is no question {question}; there are all, asked, {', '.join(self._questions)}"
        if self.values.get(question) and not yes:
            return f"{question}: you answered yes today, and it stays so for today; tomorrow you are asked again"
        self.values[question] = yes
        if not yes:
            self.standing -= {question}
        self._keep()
        return None

    def answer_open(self, yes: bool) -> tuple[str, ...]:
        """Answer every open question alike; return those that must be answered one by one.

        A symptom of an earlier day is not cleared like this, only by the answer to its own question.
        """
        self.new_day()
        left = () if yes else tuple(name for name in self.open if name in self.standing)
        for name in self.open:
            if name not in left:
                self.values[name] = yes
        self._keep()
        return left

    def _keep(self) -> None:
        left_seconds = max(0.0, self._ends_seconds - self._clock.now())
        kept = Answers(on=self._on, values=dict(self.values), standing=self.standing, day_left_seconds=left_seconds)
        self._memory.answered(kept)

    def _until_midnight_seconds(self) -> float:
        now = self._now()
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
