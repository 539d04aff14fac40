"""The expected answers to the symptom check, by the test's own count of days."""

from __future__ import annotations

import math
from datetime import date, timedelta

from controller.safety.persistence import SavedAnswers
from tests.helpers.home import words
from tests.helpers.random_sessions.crashes import World

QUESTIONS = tuple(words().questions)
DAY_SECONDS = 86400.0


class ExpectedAnswers:
    """The answers of one person. A yes is cleared by a no to its own question, on a later day by both clocks.

    A no ends with the first of them.
    """

    def __init__(self, world: World) -> None:
        self.values: dict[str, bool] = {}
        self.standing: set[str] = set()
        self._world = world
        self._on: date | None = None
        self._asked_on: date | None = None
        self._ends_seconds = -math.inf

    @property
    def symptoms(self) -> frozenset[str]:
        """The symptoms of today, and of earlier days until they are asked about again."""
        return frozenset(name for name, yes in self.values.items() if yes) | self.standing

    def start_controller(self, saved: SavedAnswers) -> None:
        """Take over what was saved when the controller ended: the last answers may not have been received."""
        self.values, self.standing, self._on = dict(saved.values), set(saved.standing), saved.on
        self._asked_on = saved.on
        left_seconds = self._world.disk.saved().answers.day_left_seconds
        self._ends_seconds = self._world.clock.now() + left_seconds if saved.on else -math.inf

    def answer(self, question: str, yes: bool) -> None:
        """Expect an answer to one question."""
        if question not in QUESTIONS:
            return
        self.new_day()
        if self.values.get(question) and not yes:
            return  # a yes stays for the day
        self.values[question] = yes
        if not yes:
            self.standing.discard(question)

    def answer_open(self, yes: bool) -> None:
        """Expect one answer to all open questions. It clears no symptom of an earlier day."""
        self.new_day()
        for question in QUESTIONS:
            if question not in self.values and (yes or question not in self.standing):
                self.values[question] = yes

    def new_day(self) -> None:
        """Begin a new day where the last one is over."""
        now_seconds, wall = self._world.clock.now(), self._world.wall()
        over, another = now_seconds >= self._ends_seconds, wall.date() != self._asked_on
        symptoms = {name for name, yes in self.values.items() if yes}
        if over and (self._on is None or wall.date() > self._on):
            midnight = (wall + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            self.standing |= symptoms
            self.values, self._on = {}, wall.date()
            self._ends_seconds = now_seconds + (midnight - wall).total_seconds()
        elif over or another:  # by one clock alone: the no is asked again, the yes stays
            self.values = dict.fromkeys(symptoms, True)
            if over:
                self._ends_seconds = now_seconds + DAY_SECONDS
        self._asked_on = wall.date()
