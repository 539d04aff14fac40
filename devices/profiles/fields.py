"""Values to payload bytes and back. Pure; a value that does not fit raises `RefusedError` before any radio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.errors import ProtocolError, RefusedError
from devices.profiles.schema import INTEGER_TYPES, ByteOrder, FieldSpec, Value


def pack(fields: Sequence[FieldSpec], values: Mapping[str, Value], order: ByteOrder) -> bytes:
    """Return the payload that carries `values`. Raise `RefusedError` when one is missing or out of range."""
    return b"".join(_pack_one(field, values, order) for field in fields)


def unpack(fields: Sequence[FieldSpec], data: bytes, order: ByteOrder) -> dict[str, Value]:
    """Return the values in `data`. Raise `ProtocolError` when its length or a code is not the described one."""
    values: dict[str, Value] = {}
    at = 0
    for field in fields:
        size = size_of(field)
        piece = data[at : at + size]
        if len(piece) < size:
            raise ProtocolError(f"{len(data)} bytes end before {field.name or 'a fixed part'} at byte {at}")
        values.update(_unpack_one(field, piece, order))
        at += size
    if at != len(data):
        raise ProtocolError(f"{len(data)} bytes where {at} are described")
    return values


def size_of(field: FieldSpec) -> int:
    """Return how many bytes the field takes."""
    if field.const is not None:
        return len(field.const)
    return INTEGER_TYPES[field.type][0] if field.type in INTEGER_TYPES else 1


def _pack_one(field: FieldSpec, values: Mapping[str, Value], order: ByteOrder) -> bytes:
    if field.const is not None:
        return field.const
    if field.flags:
        number = sum(1 << bit for bit, name in field.flags.items() if values.get(name))
        return number.to_bytes(size_of(field), field.order or order)
    name = field.name or ""
    if name not in values:
        raise RefusedError(f"{name} is missing")
    value = values[name]
    if value is None:
        if field.unknown is None:
            raise RefusedError(f"{name} cannot be unknown")
        number = field.unknown
    elif field.type == "bool":
        number = int(bool(value))
    elif field.values:
        codes = {meaning: code for code, meaning in field.values.items()}
        if value not in codes:
            raise RefusedError(f"{name} is one of {', '.join(map(str, codes))}, not {value}")
        number = codes[value]  # type: ignore[index]  # membership was checked
    else:
        number = _to_wire(field, name, value)
    size, signed = INTEGER_TYPES.get(field.type or "", (1, False))
    try:
        return number.to_bytes(size, field.order or order, signed=signed)
    except OverflowError:
        raise RefusedError(f"{name} = {value} does not fit into {field.type}") from None


def _to_wire(field: FieldSpec, name: str, value: Value) -> int:
    if isinstance(value, str) or value is None:
        raise RefusedError(f"{name} is a number, not {value!r}")
    if field.range is not None and not field.range[0] <= value <= field.range[1]:
        raise RefusedError(f"{name} is from {field.range[0]:g} to {field.range[1]:g}, not {value:g}")
    return round((value - field.offset) / field.scale)


def _unpack_one(field: FieldSpec, piece: bytes, order: ByteOrder) -> dict[str, Value]:
    if field.const is not None:
        if piece != field.const:
            raise ProtocolError(f"{piece.hex(' ')} where {field.const.hex(' ')} is fixed")
        return {}
    _, signed = INTEGER_TYPES.get(field.type or "", (1, False))
    number = int.from_bytes(piece, field.order or order, signed=signed)
    if field.flags:
        return {name: bool(number >> bit & 1) for bit, name in field.flags.items()}
    name = field.name or ""
    if field.unknown is not None and number == field.unknown:
        return {name: None}
    if field.values:
        if number not in field.values:
            raise ProtocolError(f"{name}: code {number:#04x} is not described")
        return {name: field.values[number]}
    if field.type == "bool":
        return {name: bool(number)}
    whole = field.scale == 1 and field.offset == int(field.offset)
    scaled = number * field.scale + field.offset
    value = int(scaled) if whole else round(scaled, 6)  # 12 * 0.1 is meant to be 1.2
    if field.range is not None and not field.range[0] <= value <= field.range[1]:
        raise ProtocolError(f"{name} = {value:g} is outside {field.range[0]:g} to {field.range[1]:g}")
    return {name: value}
