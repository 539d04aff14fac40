"""A year of sessions of virtual mothers: what is learned converges, does not oscillate, and never rises by itself."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from controller.contract.comfort import LearnedVacuum
from controller.history.comfort.comfort_model import Key, learn
from controller.history.comfort.comfort_state import accepted_vacuum
from controller.history.comfort.observations import Observation
from devices.roles import Phase, Side
from devices.virtual.breast import Mother
from tests.helpers.sampling import sampled

AT = datetime(2026, 1, 1, tzinfo=UTC)
SESSIONS_A_DAY, DAYS = 6, 365
ROUTINE_MMHG = 150.0
KEY = (Side.LEFT, Phase.EXPRESSION)

every_person = pytest.mark.parametrize("seed", sampled([0, 3, 6, 9], keep=lambda seed: seed in (3, 9)))


class Person:
    """A virtual mother who uses the controls: comfort varies by 5 % from day to day."""

    def __init__(self, seed: int) -> None:
        self.mother = Mother(seed)
        self._random = random.Random(seed)
        self._seconds = 0.0

    def session(self, at: datetime, start_mmhg: float) -> Observation | None:
        """Express once, from `start_mmhg` on; return what it says, if anything."""
        today = self._random.gauss(1.0, 0.05)
        vacuum_mmhg, offered = start_mmhg, None
        if self._hurts(vacuum_mmhg, today) and self._random.random() < 0.3:
            return Observation(*KEY, at, None, None, vacuum_mmhg)
        while self._hurts(vacuum_mmhg, today) and vacuum_mmhg > 40:
            offered, vacuum_mmhg = start_mmhg, vacuum_mmhg - 20
        if offered is None and self._random.random() < 0.5:  # sometimes she tries a little more
            while not self._hurts(vacuum_mmhg + 30, today) and vacuum_mmhg < 250:
                offered, vacuum_mmhg = start_mmhg, vacuum_mmhg + 20
        return None if offered is None else Observation(*KEY, at, offered, vacuum_mmhg, None)

    def _hurts(self, vacuum_mmhg: float, today: float) -> bool:
        self._seconds += 2
        self.mother.advance(self._seconds, {Side.LEFT: vacuum_mmhg / today})
        return self.mother.in_pain


def year(seed: int, *, accepts: bool) -> Iterator[tuple[float, bool]]:
    """Yield after each session where the next begins, and whether the person has just accepted a suggestion."""
    person, known = Person(seed), dict[Key, LearnedVacuum]()
    recent: list[Observation] = []
    for number in range(SESSIONS_A_DAY * DAYS):
        at = AT + timedelta(hours=24 / SESSIONS_A_DAY * number)
        start_mmhg = min(ROUTINE_MMHG, known[KEY].mmhg) if KEY in known else ROUTINE_MMHG
        if (seen := person.session(at, start_mmhg)) is not None:
            recent = [*recent[-59:], seen]
        learned, suggestions = learn(recent, known)
        known = {(each.side, each.phase): each for each in learned}
        accepted = accepts and bool(suggestions) and number % 30 == 0
        if accepted:
            known[KEY] = accepted_vacuum(suggestions[0], known, at)
        yield (min(ROUTINE_MMHG, known[KEY].mmhg) if KEY in known else ROUTINE_MMHG), accepted


@pytest.mark.system
@every_person
def test_it_never_rises_by_itself_and_settles_below_what_hurts(seed: int) -> None:
    starts = [start for start, _ in year(seed, accepts=False)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(starts))
    mcv_mmhg = Mother(seed).mcv_mmhg
    assert starts[-1] <= mcv_mmhg
    assert starts[-1] >= min(ROUTINE_MMHG, mcv_mmhg) - 60  # and does not sink to where no milk comes
    half = len(starts) // 2
    assert len(set(starts[half:])) <= 2


@pytest.mark.system
@every_person
def test_with_a_person_who_accepts_every_suggestion_it_does_not_oscillate(seed: int) -> None:
    found = list(year(seed, accepts=True))
    for (earlier, _), (later, accepted) in itertools.pairwise(found):
        assert later <= earlier or accepted
    starts = [start for start, _ in found]
    half = starts[len(starts) // 2 :]
    changes = sum(later != earlier for earlier, later in itertools.pairwise(half))
    assert changes <= 2
    assert max(half) - min(half) <= 20
