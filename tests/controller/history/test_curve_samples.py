"""Curves as they are stored: a format that never changes, and never makes up a value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.contract.session_record import CurveQuantity
from controller.history.curve_samples import decode_samples, encode_samples, join_stretches

RESOLUTION: dict[CurveQuantity, float] = {"vacuum_mmhg": 0.1, "flow_ml_per_s": 0.001, "surface_celsius": 0.01}
quantities = st.sampled_from(sorted(RESOLUTION))


@pytest.mark.parametrize(
    ("quantity", "values", "samples"),
    [
        ("vacuum_mmhg", [0.0, 150.3, None, -1.0], "000005df8000fff6"),
        ("flow_ml_per_s", [0.517, None, None], "0205"),
        ("surface_celsius", [None, 40.5], "80000fd2"),
        ("vacuum_mmhg", [], ""),
        ("vacuum_mmhg", [None], ""),
    ],
)
def test_rows_that_were_written_once_stay_readable(
    quantity: CurveQuantity, values: list[float | None], samples: str
) -> None:
    assert encode_samples(quantity, values).hex() == samples
    while values and values[-1] is None:
        values.pop()
    assert decode_samples(quantity, bytes.fromhex(samples)) == values


@given(quantity=quantities, values=st.lists(st.none() | st.floats(-20, 300), max_size=130))
def test_what_is_read_is_what_was_packed_within_its_resolution(
    quantity: CurveQuantity, values: list[float | None]
) -> None:
    in_range = [each if each is None or abs(each) < 3276 * RESOLUTION[quantity] * 10 - 1 else None for each in values]
    read = decode_samples(quantity, encode_samples(quantity, in_range))
    assert len(read) <= len(values)
    for before, after in zip(in_range, [*read, *[None] * (len(values) - len(read))], strict=True):
        assert (before is None) == (after is None)
        assert before is None or after is None or abs(before - after) <= RESOLUTION[quantity] / 2 + 1e-9


@given(quantity=quantities, value=st.floats(allow_nan=True, allow_infinity=True))
def test_what_is_no_such_quantity_is_missing_and_never_another_value(quantity: CurveQuantity, value: float) -> None:
    (read,) = decode_samples(quantity, encode_samples(quantity, [value, 1.0]))[:1]
    assert read is None or abs(read - value) <= RESOLUTION[quantity]
    assert read is not None or not abs(value) < 32766 * RESOLUTION[quantity]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e9])
def test_what_is_not_a_number_is_missing(value: float) -> None:
    assert decode_samples("vacuum_mmhg", encode_samples("vacuum_mmhg", [value, 1.0])) == [None, 1.0]


@given(data=st.binary(max_size=9))
def test_a_damaged_row_is_read_as_far_as_it_goes(data: bytes) -> None:
    assert len(decode_samples("vacuum_mmhg", data)) == len(data) // 2


def test_stretches_are_joined_with_gaps_where_one_is_missing() -> None:
    packed = [(4, encode_samples("vacuum_mmhg", [5.0])), (0, encode_samples("vacuum_mmhg", [1.0, None, 2.0]))]
    assert join_stretches("vacuum_mmhg", packed) == (1.0, None, 2.0, None, 5.0)


def test_a_stretch_that_is_also_in_the_whole_curve_cuts_nothing_off() -> None:
    packed = [(0, encode_samples("vacuum_mmhg", [1, 2, 3, 4])), (1, encode_samples("vacuum_mmhg", [2, 3]))]
    assert join_stretches("vacuum_mmhg", packed) == (1, 2, 3, 4)
