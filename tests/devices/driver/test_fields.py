"""Values to payload bytes and back, held against bytes written down by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from devices.driver.field_spec import INTEGER_TYPES, FieldSpec
from devices.driver.fields import pack, unpack
from devices.driver.vocabulary import ByteOrder, Value
from devices.errors import ProtocolError, RefusedError

Spec = dict[str, Any] | str
ORDERS = st.sampled_from(["little", "big"])
PHASE: Spec = {"phase": "u8", "is": {0x33: "stimulation", 0xCC: "expression"}}
PAUSED: Spec = {"paused": "u8", "is": {0: False, 1: True}}


def fields(*specs: Spec) -> tuple[FieldSpec, ...]:
    return tuple(FieldSpec.model_validate(spec) for spec in specs)


def highest(kind: str) -> int:
    size, signed = INTEGER_TYPES[kind]
    return (1 << 8 * size - signed) - 1


def lowest(kind: str) -> int:
    size, signed = INTEGER_TYPES[kind]
    return -(1 << 8 * size - 1) if signed else 0


VECTORS: list[tuple[Spec, dict[str, Value], ByteOrder, str]] = [
    ({"a": "u8"}, {"a": 255}, "little", "ff"),
    ({"a": "s8"}, {"a": -2}, "little", "fe"),
    ({"a": "u16"}, {"a": 0x1234}, "little", "34 12"),
    ({"a": "u16"}, {"a": 0x1234}, "big", "12 34"),
    ({"a": "s16"}, {"a": -2}, "big", "ff fe"),
    ({"a": "u24"}, {"a": 0x010203}, "little", "03 02 01"),
    ({"a": "u24"}, {"a": 0x010203}, "big", "01 02 03"),
    ({"a": "u32"}, {"a": 0xDEADBEEF}, "big", "de ad be ef"),
    ({"a": "s32"}, {"a": -(2**31)}, "little", "00 00 00 80"),
    ({"a": "u16", "order": "big"}, {"a": 1}, "little", "00 01"),
    ({"a": "u16", "order": "little"}, {"a": 1}, "big", "01 00"),
    ({"a": "bool"}, {"a": True}, "little", "01"),
    ({"a": "bool"}, {"a": False}, "little", "00"),
    ({"a": "u16", "scale": 0.1}, {"a": 148.8}, "little", "d0 05"),
    ({"a": "u8", "scale": 0.01}, {"a": 0.29}, "little", "1d"),  # 0.29 / 0.01 is 28.999999999999996
    ({"a": "u8", "offset": -40}, {"a": 25}, "little", "41"),
    ({"a": "u8", "offset": 32, "scale": 1.8}, {"a": 104.0}, "little", "28"),
    ({"a": "u8", "scale": -1, "offset": 255}, {"a": 5.0}, "little", "fa"),
    ({"a": "u8", "bias": 3}, {"a": 9}, "little", "0c"),
    ({"a": "u8", "bias": 3, "scale": 0.5}, {"a": 4.5}, "little", "0c"),
    ({"a": "u8", "full_scale": 20}, {"a": 0.25}, "little", "05"),
    ({"a": "u8", "unit": "fahrenheit"}, {"a": 40.0}, "little", "68"),
    ({"a": "u16", "unit": "fahrenheit", "scale": 0.1}, {"a": 37.5}, "little", "e3 03"),
    ({"a": "u8", "unit": "celsius"}, {"a": 40}, "little", "28"),
    ({"a": "text", "size": 4}, {"a": "ab"}, "little", "61 62 20 20"),
    ({"a": "u16", "scale": 0.1, "unknown": 0xFFFF}, {"a": None}, "little", "ff ff"),
    ({"a": "s16", "scale": 0.01, "unknown": -32768}, {"a": None}, "little", "00 80"),
    ({"a": "u8", "unknown": 0}, {"a": None}, "little", "00"),
    ({"a": "bool", "unknown": 255}, {"a": None}, "little", "ff"),
    (PHASE, {"phase": "expression"}, "little", "cc"),
    ({"a": "s8", "is": {-1: "back", 1: "forth"}}, {"a": "back"}, "little", "ff"),
    ({"a": "u16", "is": {0x0102: "one", 0x0201: "two"}}, {"a": "one"}, "big", "01 02"),
    ({"a": "u8", "is": {1: "left"}, "unknown": 0}, {"a": None}, "little", "00"),
    (PAUSED, {"paused": True}, "little", "01"),
    (PAUSED, {"paused": False}, "little", "00"),
    ({"a": "u8", "flags": {0: "x", 7: "y"}}, {"x": False, "y": True}, "little", "80"),
    ({"a": "u16", "flags": {0: "x", 9: "y"}}, {"x": True, "y": True}, "big", "02 01"),
    ("55 aa", {}, "little", "55 aa"),
    ({"const": "0102"}, {}, "big", "01 02"),
]


@pytest.mark.parametrize(("spec", "values", "order", "data"), VECTORS)
def test_a_value_becomes_these_bytes_and_these_bytes_that_value(
    spec: Spec, values: dict[str, Value], order: ByteOrder, data: str
) -> None:
    described = fields(spec)
    assert pack(described, values, order) == bytes.fromhex(data)
    found = unpack(described, bytes.fromhex(data), order)
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in values.items()}
    assert described[0].width == len(bytes.fromhex(data))


def test_fields_stand_one_after_another() -> None:
    described = fields("0f", {"a": "u16"}, PHASE, {"f": "u8", "flags": {1: "x"}})
    values: dict[str, Value] = {"a": 0x0102, "phase": "stimulation", "x": True}
    assert pack(described, values, "little") == bytes.fromhex("0f 02 01 33 02")
    assert unpack(described, bytes.fromhex("0f 02 01 33 02"), "little") == values


def test_otherwise_is_encoded_as_a_code_without_another_meaning() -> None:
    described = fields({"a": "u8", "is": {0: "stopped", 1: "paused"}, "otherwise": "running", "unknown": 2})
    assert pack(described, {"a": "running"}, "little") == b"\x03"
    assert unpack(described, b"\x03", "little") == {"a": "running"}


def test_values_that_no_field_carries_are_left_out() -> None:
    assert pack(fields({"a": "u8"}), {"a": 1, "b": 2}, "little") == b"\x01"


def test_a_flag_that_is_not_given_is_not_set() -> None:
    assert pack(fields({"a": "u8", "flags": {0: "x", 1: "y"}}), {"y": True}, "little") == b"\x02"


def test_bits_that_are_no_flag_are_not_read() -> None:
    assert unpack(fields({"a": "u8", "flags": {0: "x"}}), b"\xfe", "little") == {"x": False}


class TestRefused:
    @pytest.mark.parametrize(
        ("spec", "values", "says"),
        [
            ({"a": "u8"}, {}, "a is missing"),
            ({"a": "u8"}, {"a": None}, "a cannot be unknown"),
            ({"a": "u8"}, {"a": 256}, "a = 256 does not fit into u8"),
            ({"a": "u8"}, {"a": -1}, "a = -1 does not fit into u8"),
            ({"a": "s8"}, {"a": 128}, "a = 128 does not fit into s8"),
            ({"a": "u24"}, {"a": 1 << 24}, "does not fit into u24"),
            ({"a": "u8", "scale": 0.1}, {"a": 25.6}, "does not fit into u8"),
            ({"a": "u8", "range": [2, 60]}, {"a": 1}, "a is from 2 to 60, not 1"),
            ({"a": "u8", "range": [2, 60]}, {"a": 61}, "a is from 2 to 60, not 61"),
            ({"a": "u8", "range": [2, 60]}, {"a": 60.0001}, "a is from 2 to 60"),
            ({"a": "u8", "range": [2, 60]}, {"a": math.nan}, "a is a number, not nan"),
            ({"a": "u8", "unit": "shown_unit"}, {"a": 40}, "a is in the unit shown_unit, which is not known"),
            ({"a": "u8", "unknown": 255}, {"a": 255}, "a = 255 does not fit into u8"),
            ({"a": "u16", "scale": 0.01, "range": [30, 42]}, {"a": 42.001}, "a is from 30 to 42"),
            ({"a": "u8"}, {"a": "12"}, "a is a number, not '12'"),
            (PHASE, {"phase": "massage"}, "phase is one of stimulation, expression, not massage"),
            (PHASE, {"phase": 0x33}, "phase is one of stimulation, expression, not 51"),
            (PHASE, {"phase": None}, "phase cannot be unknown"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_what_would(
        self, spec: Spec, values: dict[str, Value], says: str
    ) -> None:
        with pytest.raises(RefusedError) as caught:
            pack(fields(spec), values, "little")
        assert says in str(caught.value)

    def test_one_value_out_of_range_refuses_the_whole_payload(self) -> None:
        described = fields({"a": "u8"}, {"b": "u8", "range": [0, 10]}, {"c": "u8"})
        with pytest.raises(RefusedError, match="b is from 0 to 10"):
            pack(described, {"a": 1, "b": 11, "c": 1}, "little")

    @pytest.mark.parametrize("edge", [2, 60])
    def test_the_edges_of_a_range_belong_to_it(self, edge: int) -> None:
        assert pack(fields({"a": "u8", "range": [2, 60]}), {"a": edge}, "little") == bytes([edge])

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, 10**400])
    def test_what_is_not_a_finite_number_is_refused(self, value: float) -> None:
        with pytest.raises(RefusedError):
            pack(fields({"a": "u16", "scale": 0.1}), {"a": value}, "little")

    def test_rounding_does_not_lead_out_of_the_range(self) -> None:
        described = fields({"celsius": "u8", "range": [30.5, 41.5]})
        assert pack(described, {"celsius": 41.5}, "little") == b"\x29"
        assert pack(described, {"celsius": 30.5}, "little") == b"\x1f"

    def test_a_range_without_a_step_in_it_is_refused(self) -> None:
        with pytest.raises(RefusedError, match=r"does not fit into u8"):
            pack(fields({"celsius": "u8", "range": [30.4, 30.6]}), {"celsius": 30.5}, "little")


class TestDown:
    """What goes out is what was asked, or a little less: never a stronger pull or a warmer pad."""

    @pytest.mark.parametrize(
        ("spec", "value", "data"),
        [
            ({"a": "u8"}, 149.9, "95"),
            ({"a": "u8"}, 0.999, "00"),
            ({"a": "s8"}, -0.1, "ff"),
            ({"a": "u16", "scale": 0.1}, 148.89, "d0 05"),
            ({"a": "u8", "full_scale": 20}, 0.299, "05"),
            ({"a": "u8", "scale": -1, "offset": 255}, 5.5, "fa"),  # a smaller code means more
            ({"a": "u8", "unit": "fahrenheit"}, 41.6, "6a"),  # 106.88 °F
            ({"a": "u8", "unit": "fahrenheit"}, 13.33, "38"),  # 56 °F as it is told, to two digits
        ],
    )
    def test_a_value_between_two_steps_is_the_lower_one(self, spec: Spec, value: float, data: str) -> None:
        assert pack(fields(spec), {"a": value}, "little") == bytes.fromhex(data)

    @pytest.mark.parametrize("unit", ["celsius", "fahrenheit"])
    def test_every_code_of_a_temperature_comes_back(self, unit: str) -> None:
        described = fields({"a": "u8", "unit": unit})
        for code in range(256):
            assert pack(described, unpack(described, bytes([code]), "little"), "little") == bytes([code])


class TestUndescribed:
    @pytest.mark.parametrize(
        ("spec", "data", "says"),
        [
            ({"a": "u16"}, "01", "1 bytes end before a at byte 0"),
            ({"a": "u16"}, "", "0 bytes end before a at byte 0"),
            ({"a": "u8"}, "01 02", "2 bytes where 1 are described"),
            ("55 aa", "55", "end before a fixed part"),
            ("55 aa", "55 ab", "55 ab where 55 aa is fixed"),
            (PHASE, "00", "phase: code 0x00 is not described"),
            ({"a": "u8", "range": [0, 100]}, "65", "a = 101 is outside 0 to 100"),
            ({"a": "u8", "scale": 1e308}, "65", "a is no number: its scale makes 101 too large"),
            ({"a": "u8", "is": {1: "left"}, "unknown": 0}, "02", "a: code 0x02 is not described"),
            ({"a": "text", "size": 4}, "61 62", "2 bytes end before a at byte 0"),
            ({"skip": 2}, "61", "end before a fixed part"),
        ],
    )
    def test_bytes_that_are_not_described_are_refused_with_what_is(self, spec: Spec, data: str, says: str) -> None:
        with pytest.raises(ProtocolError) as caught:
            unpack(fields(spec), bytes.fromhex(data), "little")
        assert says in str(caught.value)

    def test_a_code_that_means_unknown_is_read_even_out_of_range(self) -> None:
        described = fields({"a": "u8", "range": [0, 100], "unknown": 255})
        assert unpack(described, b"\xff", "little") == {"a": None}


@st.composite
def numbers(draw: st.DrawFn) -> FieldSpec:
    """Any field that carries a plain number, with a range that its type can hold."""
    kind = draw(st.sampled_from(sorted(INTEGER_TYPES)))
    scale = draw(st.sampled_from([1, 0.5, 0.1, 0.01, 0.001, 2, 5, 1.8, -1, -0.25]))
    offset = draw(st.sampled_from([0, -40, 0.5, 32, 1000]))
    spec: dict[str, Any] = {"a": kind, "scale": scale, "offset": offset}
    if draw(st.booleans()):
        codes = sorted(draw(st.integers(lowest(kind), highest(kind))) * scale + offset for _ in range(2))
        # A hair wider than the steps at its ends, as a range written in decimals is.
        spec["range"] = [codes[0] - 1e-4 * abs(scale), codes[1] + 1e-4 * abs(scale)]
    return fields(spec)[0]


@given(field=numbers(), share=st.floats(0, 1), order=ORDERS)
def test_whatever_is_in_range_comes_back_within_one_step(field: FieldSpec, share: float, order: ByteOrder) -> None:
    ends = sorted(code(field.type or "") * field.scale + field.offset for code in (lowest, highest))
    low, high = field.range or ends
    value = low + (high - low) * share
    assume(low <= value <= high)
    came_back = unpack([field], pack([field], {"a": value}, order), order)["a"]
    assert came_back == pytest.approx(value, abs=abs(field.scale))
    lowest_step = min(code(field.type or "") * field.scale + field.offset for code in (lowest, highest))
    if field.range is not None:
        lowest_step = field.range[0] + abs(field.scale)
    assert isinstance(came_back, int | float)
    rounding = 2e-6 * max(1, abs(field.scale)) + 1e-11 * abs(value)  # of the arithmetic, near the ends of 32 bits
    assert came_back <= value + rounding or came_back <= lowest_step


@given(kind=st.sampled_from(sorted(INTEGER_TYPES)), data=st.data(), order=ORDERS)
def test_every_code_of_every_type_comes_back_as_the_same_bytes(
    kind: str, data: st.DataObject, order: ByteOrder
) -> None:
    scale = data.draw(st.sampled_from([1, 0.1, 0.01, 0.001, 0.5, 3, -2]))
    described = fields({"a": kind, "scale": scale, "offset": data.draw(st.sampled_from([0, -40, 0.25]))})
    wire = data.draw(st.integers(lowest(kind), highest(kind))).to_bytes(
        INTEGER_TYPES[kind][0], order, signed=kind[0] == "s"
    )
    assert pack(described, unpack(described, wire, order), order) == wire


@given(
    kind=st.sampled_from(["u8", "u16", "u24", "u32"]),
    flags=st.dictionaries(st.integers(0, 7), st.booleans(), min_size=1),
    order=ORDERS,
)
def test_flags_come_back_as_they_were(kind: str, flags: dict[int, bool], order: ByteOrder) -> None:
    described = fields({"a": kind, "flags": {bit: f"bit{bit}" for bit in flags}})
    values: dict[str, Value] = {f"bit{bit}": on for bit, on in flags.items()}
    data = pack(described, values, order)
    assert int.from_bytes(data, order) == sum(1 << bit for bit, on in flags.items() if on)
    assert unpack(described, data, order) == values


ANY_FIELD = st.one_of(
    numbers(),
    st.sampled_from(
        fields(PHASE, PAUSED, "55 aa", {"b": "bool"}, {"c": "u16", "unknown": 0xFFFF}, {"d": "s16", "flags": {15: "x"}})
    ),
)


@given(described=st.lists(ANY_FIELD, max_size=4), data=st.binary(max_size=12), order=ORDERS)
def test_no_bytes_raise_anything_but_a_protocol_error(
    described: list[FieldSpec], data: bytes, order: ByteOrder
) -> None:
    try:
        values = unpack(described, data, order)
    except ProtocolError:
        return
    assert len(data) == sum(field.width for field in described)
    assert set(values) == {name for field in described for name in field.names}


@given(described=st.lists(ANY_FIELD, min_size=1, max_size=4), data=st.data(), order=ORDERS)
def test_bytes_of_the_wrong_length_are_never_read(
    described: list[FieldSpec], data: st.DataObject, order: ByteOrder
) -> None:
    size = sum(field.width for field in described)
    length = data.draw(st.integers(0, size + 4).filter(lambda length: length != size))
    with pytest.raises(ProtocolError):
        unpack(described, data.draw(st.binary(min_size=length, max_size=length)), order)


@given(
    described=ANY_FIELD.filter(lambda field: field.const is None and not field.flags),
    value=st.one_of(st.none(), st.booleans(), st.integers(-(10**300), 10**300), st.floats(-1e300, 1e300), st.text()),
)
def test_no_value_raises_anything_but_a_refusal(described: FieldSpec, value: Value) -> None:
    try:
        data = pack([described], {described.name or "": value}, "little")
    except RefusedError:
        return
    assert len(data) == described.width
