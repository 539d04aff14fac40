"""The decimal FLOAT of medical devices, and a temperature whose unit is a bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver.field_spec import FieldSpec
from devices.driver.fields import pack, unpack
from devices.driver.medfloat import decode, encode
from devices.errors import RefusedError

FIELDS = [
    FieldSpec.model_validate({"bits": "u8", "flags": {0: "in_fahrenheit"}}),
    FieldSpec.model_validate({"celsius": "medfloat32", "fahrenheit_if": "in_fahrenheit"}),
]


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (0xFF000172, 37.0),
        (0xFE000E72, 36.98),
        (0x00000024, 36),
        (0x01000004, 40),
        (0xFFFFFFCE, -5.0),
        (0x007FFFFF, None),  # NaN
        (0x00800000, None),  # NRes: not at this resolution
        (0x007FFFFE, None),  # +INFINITY
        (0x00800002, None),  # -INFINITY
        (0x00800001, None),  # reserved
        (0xFF7FFFFF, None),
        (0x007FFFFD, 0x7FFFFD),
        (0x00800003, -0x7FFFFD),
    ],
)
def test_the_integer_on_the_wire_is_exponent_and_mantissa(number: int, value: float | None) -> None:
    found = decode(number)
    assert found == (None if value is None else pytest.approx(value))


@given(st.integers(-5_000, 30_000))
def test_what_is_written_is_read_again(hundredths: int) -> None:
    number = encode(hundredths / 100)
    assert number is not None
    assert decode(number) == pytest.approx(hundredths / 100, abs=1e-6)


def test_what_is_too_large_is_refused() -> None:
    assert encode(1e12) is None
    with pytest.raises(RefusedError, match="does not fit"):
        pack(FIELDS, {"in_fahrenheit": False, "celsius": 1e12}, "little")


@pytest.mark.parametrize(
    ("data", "celsius"), [("00 72 01 00 ff", 37.0), ("01 da 03 00 ff", 37.0), ("01 ff ff 7f 00", None)]
)
def test_the_bit_says_its_unit(data: str, celsius: float | None) -> None:
    assert unpack(FIELDS, bytes.fromhex(data), "little")["celsius"] == celsius


@pytest.mark.parametrize("in_fahrenheit", [True, False])
def test_it_is_written_in_the_unit_of_the_bit(in_fahrenheit: bool) -> None:
    values = {"in_fahrenheit": in_fahrenheit, "celsius": 39.87}
    assert unpack(FIELDS, pack(FIELDS, values, "little"), "little") == values
    unknown = {"in_fahrenheit": in_fahrenheit, "celsius": None}
    assert unpack(FIELDS, pack(FIELDS, unknown, "little"), "little") == unknown


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"celsius": "medfloat32", "scale": 0.1}, "leave the rest out"),
        ({"celsius": "medfloat32", "unknown": 1}, "leave the rest out"),
        ({"celsius": "medfloat32", "flags": {0: "on"}}, "leave the rest out"),
        ({"celsius": "medfloat32", "unit": "fahrenheit", "fahrenheit_if": "in_fahrenheit"}, "not both"),
    ],
)
def test_what_does_not_go_with_it_is_said(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FieldSpec.model_validate(wrong)
