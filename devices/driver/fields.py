"""Values to payload bytes and back. Pure; a value that does not fit raises `RefusedError` before any radio."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from devices.driver import medfloat
from devices.driver.field_spec import MEDFLOAT, FieldSpec
from devices.driver.vocabulary import ByteOrder, Value
from devices.errors import ProtocolError, RefusedError

_TINY = 1e-6  # so that 0.3 / 0.1 counts as 3
# The precision of `_value`: a value that came in must go out as the same step.
_PRECISION = 6e-7
_FAHRENHEIT_PRECISION = 0.0091  # 13.33 °C is 56 °F
_SIGNS: Mapping[Value, int] = {"plus": 1, "minus": -1}
_LARGEST = 1e12  # no quantity here is anywhere near it


def pack(fields: Sequence[FieldSpec], values: Mapping[str, Value], order: ByteOrder) -> bytes:
    """Return the payload that carries `values`. Raise `RefusedError` when one is missing or does not fit."""
    data = b""
    wires: dict[str, int] = {}
    values = {**_signs(fields, values), **values}
    for field in fields:
        if field.const is not None:
            data += field.const
        elif field.skip is not None:
            data += bytes(field.skip)
        elif field.inverse_of is not None:
            data += _inverse(wires[field.inverse_of])
        elif field.type == "text":
            data += str(values.get(field.name or "", "")).encode("ascii", "replace")[: field.width].ljust(field.width)
        elif not field.rest:
            number = to_wire(field, values)
            wires[field.name or ""] = number
            data += number.to_bytes(field.width, field.order or order, signed=field.signed)
    return data


def _signs(fields: Sequence[FieldSpec], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the signs of those values that are sent apart from them."""
    signed = {field.sign: values.get(field.name or "") for field in fields if field.sign is not None}
    return {name: "minus" if isinstance(value, int | float) and value < 0 else "plus" for name, value in signed.items()}


def unpack(
    fields: Sequence[FieldSpec], data: bytes, order: ByteOrder, known: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Return the values in `data`. Raise `ProtocolError` when its length or a code is not the described one.

    `known` are values received before; a temperature may take its unit from one of them.
    """
    values: dict[str, Value] = {}
    wires: dict[str, int] = {}
    at = 0
    for field in fields:
        if field.rest:
            return values
        piece = data[at : at + field.width]
        if len(piece) < field.width:
            raise ProtocolError(f"{len(data)} bytes end before {field.name or 'a fixed part'} at byte {at}")
        at += field.width
        if field.const is not None and piece != field.const:
            raise ProtocolError(f"{piece.hex(' ')} where {field.const.hex(' ')} is fixed")
        if field.inverse_of is not None and piece != _inverse(wires[field.inverse_of]):
            raise ProtocolError(f"byte {at - 1} is not the inverse of {field.inverse_of}")
        if field.type == "text":
            values[field.name or ""] = piece.decode("ascii", "replace").rstrip(" \0")
        elif field.name is not None:
            number = int.from_bytes(piece, field.order or order, signed=field.signed)
            wires[field.name] = number
            values.update(from_wire(field, number, {**(known or {}), **values}))
    if at != len(data):
        raise ProtocolError(f"{len(data)} bytes where {at} are described")
    return values


def to_wire(field: FieldSpec, values: Mapping[str, Value]) -> int:
    """Return the integer that carries a value on the wire. Raise `RefusedError` when it is missing or does not fit."""
    if field.flags:
        return sum(1 << bit for bit, name in field.flags.items() if values.get(name))
    name = field.name or ""
    if name not in values:
        raise RefusedError(f"{name} is missing")
    value = values[name]
    if value is None:
        if field.type == MEDFLOAT:
            return medfloat.NAN
        if field.unknown is None:
            raise RefusedError(f"{name} cannot be unknown")
        return field.unknown
    if field.type == "bool":
        return int(bool(value))
    if field.meanings:
        codes = {meaning: code for code, meaning in field.meanings.items()}
        if field.otherwise is not None:  # written as the lowest code that means nothing else
            taken = {*field.meanings, field.unknown}
            codes.setdefault(field.otherwise, next(code for code in itertools.count() if code not in taken))
        if value not in codes:
            raise RefusedError(f"{name} is one of {', '.join(map(str, codes))}, not {value}")
        return codes[value]  # type: ignore[index]  # membership was checked
    return _scaled(field, name, value, values)


def _scaled(field: FieldSpec, name: str, value: Value, values: Mapping[str, Value]) -> int:
    if isinstance(value, str) or value is None or not abs(value) <= _LARGEST:
        raise RefusedError(f"{name} is a number, not {value!r:.20}")
    lowest, highest = field.range or (-math.inf, math.inf)
    if not lowest <= value <= highest:
        raise RefusedError(f"{name} is from {lowest:g} to {highest:g}, not {value:g}")
    if field.sign is not None:  # the sign is another field's
        value, lowest, highest = abs(value), 0, math.inf
    unit = _unit(field, values)
    if unit is None:
        raise RefusedError(f"{name} is in the unit {field.unit}, which is not known")
    scaled = value * 1.8 + 32 if unit == "fahrenheit" else value
    if field.type == MEDFLOAT:
        if (wire := medfloat.encode(scaled)) is None:
            raise RefusedError(f"{name} = {value:g} does not fit into {field.type}")
        return wire
    steps = (scaled - field.offset) / field.factor
    if not abs(steps) <= _LARGEST:
        raise RefusedError(f"{name} = {value:g} does not fit into {field.type}")
    precision = _FAHRENHEIT_PRECISION if unit == "fahrenheit" else _PRECISION
    number = _step_down(steps, field.factor, min(precision / abs(field.factor) + _TINY, 0.1)) + field.bias
    if _value(field, number, unit) < lowest - _TINY:
        number += 1 if field.factor > 0 else -1  # the lowest step there is
    smallest, largest = field.wire_range
    if not smallest <= number <= largest or number == field.unknown or _value(field, number, unit) > highest + _TINY:
        raise RefusedError(f"{name} = {value:g} does not fit into {field.type}")
    return number


def least_value(field: FieldSpec, *, above_zero: bool = False) -> float | None:
    """Return the lowest value that a field can be set to, in the unit of its name; `None` for what is not a number.

    `above_zero`: the lowest that is more than 0, for values whose 0 means off.
    """
    if field.name is None or field.meanings or field.flags or field.type in ("bool", "text", MEDFLOAT):
        return None
    # Where the unit is another value's, it may be either: the higher of both lowest steps is possible in both.
    units = (field.unit or "celsius",) if field.unit in (None, "celsius", "fahrenheit") else ("celsius", "fahrenheit")
    return max(_least_step(field, unit, above_zero=above_zero) for unit in units)


def reach(field: FieldSpec) -> tuple[float, float] | None:
    """Return the lowest and the highest number that fit on the wire, whatever the range; `None` for no number."""
    if field.name is None or field.meanings or field.flags or field.type in ("bool", "text", MEDFLOAT):
        return None
    unit = "fahrenheit" if field.unit == "fahrenheit" else "celsius"
    ends = [_value(field, number, unit) for number in field.wire_range]
    return min(ends), max(ends)


def _least_step(field: FieldSpec, unit: str, *, above_zero: bool) -> float:
    up = 1 if field.factor > 0 else -1
    number = field.wire_range[0 if up > 0 else 1]
    lowest = max(field.range[0] if field.range else -math.inf, 0 if above_zero else -math.inf)
    if lowest > -math.inf:
        scaled = lowest * 1.8 + 32 if unit == "fahrenheit" else lowest
        number = _step_down((scaled - field.offset) / field.factor, field.factor, _TINY) + field.bias
    while _value(field, number, unit) < lowest - _TINY or (above_zero and _value(field, number, unit) <= 0):
        number += up
    return _value(field, number, unit)


def _step_down(steps: float, factor: float, tiny: float) -> int:
    """Return whole steps that are worth what was requested or a little less, never more."""
    nearest = round(steps)
    if math.isclose(steps, nearest, rel_tol=1e-12, abs_tol=tiny):
        return nearest
    return math.floor(steps) if factor > 0 else math.ceil(steps)


def _inverse(number: int) -> bytes:
    return bytes([0xFF - number & 0xFF])


def from_wire(field: FieldSpec, number: int, known: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that an integer on the wire means. Raise `ProtocolError` for what is not described."""
    if field.flags:
        return {name: bool(number >> bit & 1) for bit, name in field.flags.items()}
    name = field.name or ""
    if field.unknown is not None and number == field.unknown:
        return {name: None}
    if field.meanings:
        meaning = field.meanings.get(number, field.otherwise)
        if meaning is None:
            raise ProtocolError(f"{name}: code {number:#04x} is not described")
        return {name: meaning}
    if field.type == "bool":
        return {name: bool(number)}
    unit = _unit(field, known)
    sign = _SIGNS.get(known.get(field.sign)) if field.sign is not None else 1
    no_number = field.type == MEDFLOAT and medfloat.decode(number) is None
    if no_number or unit is None or sign is None or (field.unless is not None and known.get(field.unless)):
        return {name: None}  # a number whose unit or sign is not known yet, is not known either
    value = sign * _value(field, number, unit)
    if not math.isfinite(value):
        raise ProtocolError(f"{name} is no number: its scale makes {number} too large")
    if field.range is not None and not field.range[0] - _TINY <= value <= field.range[1] + _TINY:
        raise ProtocolError(f"{name} = {value:g} is outside {field.range[0]:g} to {field.range[1]:g}")
    return {name: value}


def _unit(field: FieldSpec, known: Mapping[str, Value]) -> str | None:
    if field.fahrenheit_if is not None:
        return "fahrenheit" if known.get(field.fahrenheit_if) else "celsius"
    if field.unit in (None, "celsius", "fahrenheit"):
        return field.unit or "celsius"
    unit = known.get(field.unit)
    return unit if unit in ("celsius", "fahrenheit") else None


def _value(field: FieldSpec, number: int, unit: str | None) -> float:
    scaled = (number - field.bias) * field.factor + field.offset
    if field.type == MEDFLOAT:
        scaled = medfloat.decode(number) or 0.0
    if unit == "fahrenheit":
        return round((scaled - 32) / 1.8, 2)
    if field.type != MEDFLOAT and field.factor == 1 and field.offset == int(field.offset):
        return int(scaled)
    return round(scaled, 6)  # 12 * 0.1 is meant to be 1.2
