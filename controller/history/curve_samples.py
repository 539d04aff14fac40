"""How a curve is stored: one value a second, two bytes each. Pure.

The format never changes for rows that exist: big-endian signed 16-bit integers, in the units of `_STEPS_PER_UNIT`;
-32768 stands for a second without a value. Missing values at the end are left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from controller.contract.session_record import CurveQuantity

_MISSING = -32768
_HIGHEST = 32767
_STEPS_PER_UNIT: dict[CurveQuantity, int] = {"vacuum_mmhg": 10, "flow_ml_per_s": 1000, "surface_celsius": 100}


def encode_samples(quantity: CurveQuantity, values: Iterable[float | None]) -> bytes:
    """Pack values of a quantity. What is not a number, or too large to be one of it, counts as missing."""
    packed = [_step(value, _STEPS_PER_UNIT[quantity]) for value in values]
    while packed and packed[-1] == _MISSING:
        packed.pop()
    return struct.pack(f">{len(packed)}h", *packed)


def _step(value: float | None, steps_per_unit: int) -> int:
    if value is None or not abs(value) * steps_per_unit < _HIGHEST:  # also where it is not a number
        return _MISSING
    return round(value * steps_per_unit)


def decode_samples(quantity: CurveQuantity, samples: bytes) -> list[float | None]:
    """Return the values that were packed; half a value at the end, of a damaged row, is left out."""
    steps_per_unit = _STEPS_PER_UNIT[quantity]
    count = len(samples) // 2
    packed = struct.unpack_from(f">{count}h", samples)
    return [None if each == _MISSING else each / steps_per_unit for each in packed]


def join_stretches(quantity: CurveQuantity, stretches: Sequence[tuple[int, bytes]]) -> tuple[float | None, ...]:
    """Return one curve from its stretches: each with the second at which it began. Gaps between them are missing."""
    values: list[float | None] = []
    for began_second, samples in sorted(stretches):
        values += [None] * (began_second - len(values))
        found = decode_samples(quantity, samples)
        values[began_second : began_second + len(found)] = found
    return tuple(values)
