"""A number whose sign is in another field, and one that is not known while a bit says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.driver.field_spec import FieldSpec
from devices.driver.fields import pack, unpack

SIGNED = [
    FieldSpec.model_validate({"weight_sign": "u8", "is": {0x2B: "plus", 0x2D: "minus"}, "otherwise": "unconfirmed"}),
    FieldSpec.model_validate({"weight_g": "u24", "scale": 0.01, "sign": "weight_sign"}),
]
UNLESS = [
    FieldSpec.model_validate({"bits": "u8", "flags": {0: "in_pounds"}}),
    FieldSpec.model_validate({"weight_g": "u16", "scale": 5, "unless": "in_pounds"}),
]


@pytest.mark.parametrize(
    ("data", "weight_g"),
    [("2b 00 30 39", 123.45), ("2d 00 30 39", -123.45), ("2d 00 00 00", 0), ("00 00 30 39", None)],
)
def test_the_sign_is_that_of_the_field_that_is_named(data: str, weight_g: float | None) -> None:
    assert unpack(SIGNED, bytes.fromhex(data), "big")["weight_g"] == weight_g


@given(st.integers(-1_000_000, 1_000_000))
def test_a_signed_value_comes_back(hundredths: int) -> None:
    data = pack(SIGNED, {"weight_g": hundredths / 100}, "big")
    assert unpack(SIGNED, data, "big")["weight_g"] == pytest.approx(hundredths / 100)


@pytest.mark.parametrize(("data", "weight_g"), [("00 0a 00", 50), ("02 0a 00", 50), ("01 0a 00", None)])
def test_a_value_is_unknown_while_the_bit_is_set(data: str, weight_g: float | None) -> None:
    assert unpack(UNLESS, bytes.fromhex(data), "little")["weight_g"] == weight_g


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight_g": "s16", "sign": "weight_sign"},
        {"weight_g": "bool", "sign": "weight_sign"},
        {"target_celsius": "u8", "sign": "weight_sign", "unit": "fahrenheit"},
    ],
)
def test_a_sign_belongs_to_a_number_that_has_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a number without one"):
        FieldSpec.model_validate(wrong)
