"""The state of a body as a document: nothing is lost on the way, and time only goes on."""

from __future__ import annotations

import math
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cluster.state_document import (
    LONGEST_BUDGET_SECONDS,
    SessionUnderWay,
    StateDocument,
    UnreadableStateError,
    aged,
    older,
    read,
)
from controller.safety.limits import BUDGETS, Trip, TripKind
from controller.safety.persistence import DeviceIdentity, EnergyUse, SavedAnswers, SavedStartDefaults, SavedState
from devices.roles import Side

names = st.text(string.ascii_lowercase + '-äß😀"\\', min_size=1, max_size=12)
seconds = st.floats(-LONGEST_BUDGET_SECONDS, 2 * LONGEST_BUDGET_SECONDS, allow_nan=False)
passed = st.floats(0, 3 * LONGEST_BUDGET_SECONDS, allow_nan=False)
identities = st.builds(
    DeviceIdentity,
    name=names,
    profile=names,
    side=st.sampled_from(Side),
    address=st.none() | names,
    advertised_name=st.none() | names,
    uuids=st.dictionaries(names, st.tuples(names, names), max_size=2),
)
uses = st.builds(
    lambda budgets, began, length: EnergyUse(
        budgets=budgets, began_seconds_ago=began, ended_seconds_ago=began - abs(length)
    ),
    st.frozensets(st.sampled_from(sorted(BUDGETS)), max_size=3),
    seconds,
    seconds,
)
states = st.builds(
    SavedState,
    running=st.dictionaries(names, identities, max_size=2),
    trip=st.none() | st.builds(Trip, kind=st.sampled_from(TripKind), device=names, detail=names),
    answers=st.builds(
        SavedAnswers,
        on=st.none() | st.dates(),
        values=st.dictionaries(names, st.booleans(), max_size=3),
        standing=st.frozensets(names, max_size=3),
        day_left_seconds=st.floats(0, 100_000, allow_nan=False),
    ),
    energy_uses=st.lists(uses, max_size=4).map(tuple),
    start_defaults=st.builds(
        SavedStartDefaults,
        routine=st.none() | names,
        side=st.none() | st.sampled_from(Side),
        comfort_vacuum_mmhg=st.none() | st.floats(0, 300, allow_nan=False),
    ),
)
sessions = st.builds(
    SessionUnderWay,
    session_id=names,
    routine=names,
    side=st.sampled_from(Side),
    began_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
documents = st.builds(
    StateDocument,
    epoch=st.integers(0, 2**62),
    states=st.dictionaries(names, states, max_size=3),
    under_way=st.dictionaries(names, sessions, max_size=2),
)


@pytest.mark.system
@given(documents)
def test_every_field_comes_back_as_it_was_written(document: StateDocument) -> None:
    assert read(document.model_dump_json().encode()) == document


@given(documents, passed)
def test_time_makes_a_use_older_and_never_younger_and_the_day_shorter(
    document: StateDocument, seconds_later: float
) -> None:
    later = aged(document, seconds_later)
    assert later.keys() == {*document.states, *document.under_way}
    for name, before in document.states.items():
        after = later[name]
        kept = [older(use, seconds_later) for use in before.energy_uses]
        assert list(after.energy_uses) == [use for use in kept if use.ended_seconds_ago <= LONGEST_BUDGET_SECONDS]
        assert 0 <= after.answers.day_left_seconds <= before.answers.day_left_seconds
        assert (
            after.model_copy(update={"answers": before.answers, "energy_uses": before.energy_uses, "interrupted": None})
            == before
        )
        assert after.answers.model_copy(update={"day_left_seconds": 0.0}) == before.answers.model_copy(
            update={"day_left_seconds": 0.0}
        )


@given(documents, st.floats(-1e6, 0, allow_nan=False))
def test_a_clock_that_goes_back_makes_nothing_younger(document: StateDocument, seconds_later: float) -> None:
    assert aged(document, seconds_later) == aged(document, 0)


@given(documents, passed, passed)
def test_to_age_twice_is_to_age_once_by_both(document: StateDocument, first: float, second: float) -> None:
    twice = aged(StateDocument(epoch=1, states=aged(document, first)), second)
    once = aged(document, first + second)
    for name, state in twice.items():
        assert math.isclose(
            state.answers.day_left_seconds, once[name].answers.day_left_seconds, rel_tol=1e-9, abs_tol=1e-6
        )
        for one, other in zip(state.energy_uses, once[name].energy_uses, strict=False):
            assert math.isclose(one.began_seconds_ago, other.began_seconds_ago, rel_tol=1e-9, abs_tol=1e-6)


def test_a_session_under_way_was_interrupted_also_at_a_station_without_a_state() -> None:
    session = SessionUnderWay(session_id="s1", routine="classic", side=Side.LEFT, began_at=datetime.now(UTC))
    (found,) = aged(StateDocument(epoch=1, under_way={"home": session}), 5).values()
    assert found.interrupted is not None
    assert (found.interrupted.session_id, found.interrupted.routine, found.interrupted.side) == (
        "s1",
        "classic",
        Side.LEFT,
    )


def test_what_a_device_may_do_is_known_of_the_whole_body() -> None:
    device = DeviceIdentity(name="pump", profile="open-pump")
    assert not StateDocument(epoch=1, states={"home": SavedState()}).anything_may_run
    running = {"home": SavedState(), "work": SavedState(running={"pump": device})}
    assert StateDocument(epoch=1, states=running).anything_may_run


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"epoch": "many"}',
        b'{"epoch": 1, "states": {"home": {"trip": {"kind": "magic"}}}}',
        b'{"epoch": 1, "states": {"home": 5}}',
        b'{"epoch": 1, "of_a_newer_version": 1}',
    ],
)
def test_what_is_no_document_is_an_error_that_shows_nothing_of_it(content: bytes) -> None:
    with pytest.raises(UnreadableStateError) as caught:
        read(content)
    assert "error" in str(caught.value)
    for words in ("magic", "many", "newer"):
        assert words not in str(caught.value)
