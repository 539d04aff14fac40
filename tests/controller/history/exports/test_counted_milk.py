"""The milk that counts is that of `SessionRecord.volume_ml`, each figure with its source."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controller.contract.session_record import Milk, MilkSource
from controller.history.exports.counted_milk import SOURCES, counted_milk, counted_sources
from devices.roles import Side
from tests.helpers.session_records import record

FIGURES = st.dictionaries(
    st.tuples(st.sampled_from(Side), st.sampled_from(SOURCES)), st.floats(0, 300, allow_nan=False), max_size=9
)


@given(FIGURES)
def test_it_is_what_counts_and_was_given_by_that_source(figures: dict[tuple[Side, MilkSource], float]) -> None:
    milk = tuple(Milk(side=side, source=source, ml=ml) for (side, source), ml in figures.items())
    one = record(milk=milk)
    counted = counted_milk(one)
    assert {each.side.value: each.ml for each in counted} == one.volume_ml.model_dump(exclude_none=True)
    assert set(counted) <= set(milk)
    assert set(counted_sources(one)) == {each.source for each in counted}


def test_what_was_entered_counts_before_what_was_measured() -> None:
    measured, entered = (Milk(side=Side.LEFT, source=source, ml=ml) for source, ml in (("measured", 3), ("entered", 5)))
    assert counted_milk(record(milk=(entered, measured))) == (entered,)
