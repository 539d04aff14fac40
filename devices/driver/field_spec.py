"""How one value is encoded, as a model file describes it. `fields` turns it into bytes and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from devices.driver.vocabulary import ByteOrder, HexBytes, Name, one_or_more
from devices.roles import Frozen

INTEGER_TYPES = {  # name: (bytes, signed)
    "u8": (1, False),
    "s8": (1, True),
    "u16": (2, False),
    "s16": (2, True),
    "u24": (3, False),
    "u32": (4, False),
    "s32": (4, True),
}
MEDFLOAT = "medfloat32"  # IEEE 11073 FLOAT, of four bytes
FIELD_TYPES = (*INTEGER_TYPES, "bool", "text", MEDFLOAT)
_KEYS = {
    *("const", "skip", "rest", "inverse_of", "name", "type"),
    *(
        "range",
        "scale",
        "bias",
        "offset",
        "full_scale",
        "unit",
        "sign",
        "unless",
        "fahrenheit_if",
        "is",
        "otherwise",
        "flags",
        "unknown",
        "order",
        "size",
    ),
}


class FieldSpec(Frozen):
    """One value, or bytes without a value.

    In a file: `{vacuum_mmhg: u16, scale: 0.1, range: [0, 250]}` for a value; `"55 aa"` for fixed bytes; `{skip: 2}`
    for bytes without a known meaning; `{rest: skip}` for all that follows; `{inverse_of: level}`: FF minus that byte,
    which may be a value itself: `{run_state: u8, is: {0: stopped}, otherwise: running, inverse_of: level}`.

    An integer on the wire means `(wire - bias) * scale + offset`, in the unit of its name; `full_scale: 20` is short
    for `scale: 1/20`. `unit: fahrenheit`: °F on the wire where the name is in °C; `unit: NAME` takes the unit
    from another value, `celsius` or `fahrenheit`. `sign: NAME`: the number has no sign of its own; that earlier value
    says `plus` or `minus`. `unless: NAME`: it is not known while that earlier value is true. `fahrenheit_if: NAME`: it
    is in °F on the wire while that earlier value is true, else in °C. `range` bounds the value, not the wire.
    `medfloat32` is the decimal FLOAT of medical devices (IEEE 11073); what is no number in it is not known.
    """

    name: Name | None = None
    type: str | None = None
    const: HexBytes | None = None
    skip: int | None = Field(None, ge=1, le=255)
    rest: bool = False
    inverse_of: Name | None = None
    range: tuple[float, float] | None = None
    scale: float = 1.0
    full_scale: float | None = Field(None, gt=0)
    bias: int = 0
    offset: float = 0.0
    unit: Name | None = None
    sign: Name | None = None
    unless: Name | None = None
    fahrenheit_if: Name | None = None
    meanings: Mapping[int, str | StrictBool] | None = Field(None, alias="is")
    otherwise: str | StrictBool | None = None
    flags: Mapping[int, Name] | None = None
    unknown: int | None = None
    order: ByteOrder | None = None
    size: int | None = Field(None, ge=1, le=64)

    @model_validator(mode="before")
    @classmethod
    def _name_is_the_key(cls, data: object) -> object:
        if isinstance(data, str):
            return {"const": data}
        if not isinstance(data, dict):
            return data
        if "name" in data:  # in a text protocol the name is outside
            return data
        if "rest" in data:
            if data not in ({"rest": "skip"}, {"rest": True}):
                raise ValueError("what follows can only be skipped: {rest: skip}")
            return {"rest": True}
        names = [key for key in data if key not in _KEYS]
        if not names and data.keys() & {"const", "skip", "inverse_of"}:
            return data
        if len(names) != 1:
            listed = ", ".join(map(str, names)) or "none"
            raise ValueError(f"a field has one name, like {{battery_percent: u8}}; here: {listed}")
        rest = {key: value for key, value in data.items() if key in _KEYS}
        return {"name": names[0], "type": data[names[0]], **rest}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        inverse = self.inverse_of if self.name is None else None  # a value may also be the inverse of another
        kinds = [self.name, self.const, self.skip, self.rest or None, inverse]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a field is one thing: a value, fixed bytes, skip, rest or inverse_of")
        if self.name is None:
            return self
        if self.type not in FIELD_TYPES:
            raise ValueError(f"{self.type!r} is no field type; there are {', '.join(FIELD_TYPES)}")
        if self.scale == 0:
            raise ValueError("scale cannot be 0")
        if not all(map(math.isfinite, (self.scale, self.offset, self.full_scale or 0, *(self.range or ())))):
            raise ValueError("numbers are finite")
        if self.scale != 1 and self.full_scale is not None:
            raise ValueError("give scale or full_scale, not both")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError("range is [lowest, highest]")
        if self.type in ("bool", "text") and (self.meanings or self.flags):
            raise ValueError("`is` and `flags` belong to integers")
        if self.meanings and self.flags:
            raise ValueError("give what the number `is` or what its bits are (`flags`), not both")
        if self.sign is not None and (
            self.signed or self.unit or self.meanings or self.flags or self.type in ("bool", "text")
        ):
            raise ValueError(
                "a sign of its own belongs to a number without one, like {weight_g: u24, sign: weight_sign}"
            )
        if (self.type == "text") != (self.size is not None):
            raise ValueError("a text has a size in bytes, and nothing else has: {model: text, size: 8}")
        self._check_decimal()
        self._check_codes()
        return self

    def _check_decimal(self) -> None:
        if self.fahrenheit_if is not None and self.unit is not None:
            raise ValueError("give its unit, or the flag from which it follows (`fahrenheit_if`), not both")
        changed = (self.scale != 1, self.full_scale, self.bias, self.offset, self.sign, self.meanings, self.flags)
        if self.type == MEDFLOAT and (any(changed) or self.unknown is not None):
            raise ValueError("a medfloat32 is a number as it is, and says what is unknown: leave the rest out")

    def _check_codes(self) -> None:
        lowest, highest = self.wire_range
        codes = [*(self.meanings or {}), *([self.unknown] if self.unknown is not None else [])]
        for code in codes:
            if not lowest <= code <= highest:
                raise ValueError(f"{code} does not fit into {self.type} ({lowest} to {highest})")
        for bit in self.flags or {}:
            if not 0 <= bit < 8 * self.width:
                raise ValueError(f"bit {bit} is not in {self.type}")
        if self.meanings and len(set(self.meanings.values())) != len(self.meanings):
            raise ValueError("two codes mean the same; then it could not be written")
        if self.unknown in (self.meanings or {}):
            raise ValueError(f"{self.unknown} cannot both mean something and be unknown")

    @cached_property
    def width(self) -> int:
        """How many bytes it takes; 0 for `rest`."""
        if self.const is not None:
            return len(self.const)
        if self.rest:
            return 0
        if self.skip is not None:
            return self.skip
        if self.size is not None:
            return self.size
        if self.type == MEDFLOAT:
            return 4
        return INTEGER_TYPES.get(self.type or "", (1, False))[0]

    @cached_property
    def signed(self) -> bool:
        """Whether the integer has a sign."""
        return INTEGER_TYPES.get(self.type or "", (1, False))[1]

    @cached_property
    def wire_range(self) -> tuple[int, int]:
        """The integers that fit on the wire."""
        bits = 8 * self.width
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)

    @cached_property
    def factor(self) -> float:
        """What one step on the wire is worth."""
        return self.scale if self.full_scale is None else 1 / self.full_scale

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the values it carries."""
        if self.flags:
            return tuple(self.flags.values())
        return () if self.name is None else (self.name,)


Payload = Annotated[tuple[FieldSpec, ...], BeforeValidator(one_or_more)]


def names_in(payload: tuple[FieldSpec, ...] | None) -> tuple[str, ...]:
    """Return the names of all values in a payload."""
    return tuple(name for field in payload or () for name in field.names)
