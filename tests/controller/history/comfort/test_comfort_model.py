"""Learned comfort goes down by itself and never up, whatever is observed; up only by what the person accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controller.contract.comfort import LearnedVacuum
from controller.history.comfort.comfort_model import learn
from controller.history.comfort.observations import Observation
from devices.roles import Phase, Side

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
KEY = (Side.LEFT, Phase.EXPRESSION)


def seen(number: int, kept: float | None = None, pain: float | None = None, offered: float = 150) -> Observation:
    return Observation(*KEY, AT + timedelta(hours=3 * number), offered, kept, pain)


def known(mmhg: float) -> dict[tuple[Side, Phase], LearnedVacuum]:
    return {KEY: LearnedVacuum(side=KEY[0], phase=KEY[1], mmhg=mmhg, because="accepted", since=AT)}


def learned(*observed: Observation, before: dict[tuple[Side, Phase], LearnedVacuum] | None = None) -> float | None:
    found, _ = learn(observed, before or {})
    return found[0].mmhg if found else None


def test_nothing_is_learned_from_one_bad_day_but_pain_counts_at_once() -> None:
    assert learned(seen(1, kept=110)) is None
    assert learned(seen(1, kept=110), seen(2, kept=150), seen(3, kept=110)) is None
    assert learned(seen(1, kept=110), seen(2, kept=90)) == 110
    assert learned(seen(1, pain=140)) == 120
    assert learned(seen(1, pain=50)) == 40


def test_pain_at_a_vacuum_that_the_person_tried_does_not_lower_what_is_below_it_anyway() -> None:
    assert learned(seen(1, pain=200), before=known(120)) == 120


def test_raising_by_hand_is_suggested_after_eight_sessions_and_applied_never() -> None:
    higher = [seen(number, kept=150, offered=100) for number in range(1, 9)]
    found, suggestions = learn(higher, known(100))
    assert [each.mmhg for each in found] == [100]
    assert [(each.mmhg, each.sessions) for each in suggestions] == [(150, 8)]
    _, none = learn(higher[:7], known(100))
    assert none == ()
    _, none = learn([*higher, seen(9, pain=150)], known(100))
    assert none == ()


def test_what_was_accepted_counts_from_then_on_and_pain_lowers_it_again() -> None:
    before = known(140)
    assert learned(seen(-1, pain=100), before=before) == 140  # from before
    assert learned(seen(1, pain=140), before=before) == 120


OBSERVATIONS = st.lists(
    st.builds(
        Observation,
        st.sampled_from([Side.LEFT, Side.RIGHT]),
        st.sampled_from(list(Phase)),
        st.integers(1, 400).map(lambda hours: AT + timedelta(hours=hours)),
        st.none() | st.floats(40, 250),
        st.none() | st.floats(40, 250),
        st.none() | st.floats(40, 250),
    ),
    max_size=40,
)


@given(OBSERVATIONS, st.integers(0, 40))
def test_more_sessions_never_raise_what_is_learned_and_learning_can_go_on_from_what_was_saved(
    observed: list[Observation], split: int
) -> None:
    observed = sorted({each.at: each for each in observed}.values(), key=lambda each: each.at)
    earlier, _ = learn(observed[:split], {})
    before = {(each.side, each.phase): each for each in earlier}
    later, _ = learn(observed, before)
    at_once, _ = learn(observed, {})
    assert {(each.side, each.phase): each.mmhg for each in later} == {
        (each.side, each.phase): each.mmhg for each in at_once
    }
    for each in later:
        assert each.mmhg >= 40
        if (each.side, each.phase) in before:
            assert each.mmhg <= before[each.side, each.phase].mmhg
