"""The 32-bit FLOAT of IEEE 11073-20601, `medfloat32` at the Bluetooth SIG: a decimal number of medical devices.

On the wire it is an integer of four bytes: the exponent in the highest one, and 24 bits of mantissa, both signed.
"""

from __future__ import annotations

_MANTISSA_BITS = 24
_SIGN = 1 << _MANTISSA_BITS - 1
_MOST = 0x7FFFFD  # above it are NaN, and what stands for +INFINITY
# What is no number, by its mantissa: NaN ("not at this resolution" included), both infinities, and a reserved one.
_NO_NUMBERS = frozenset({0x7FFFFF, 0x800000, 0x7FFFFE, 0x800002, 0x800001})
NAN = 0x007FFFFF

_FINEST, _COARSEST = -4, 5  # exponents of what is written: the finest that a value fits into


def decode(number: int) -> float | None:
    """Return the value of a FLOAT; `None` for NaN, NRes, an infinity, or a reserved value."""
    mantissa = number & (1 << _MANTISSA_BITS) - 1
    if mantissa in _NO_NUMBERS:
        return None
    exponent = number >> _MANTISSA_BITS
    signed = mantissa - (1 << _MANTISSA_BITS) if mantissa & _SIGN else mantissa
    return float(signed * 10.0 ** (exponent - 256 if exponent & 0x80 else exponent))


def encode(value: float) -> int | None:
    """Return the FLOAT of a value, as fine as it fits; `None` where it is too large."""
    for exponent in range(_FINEST, _COARSEST):
        mantissa = round(value / 10.0**exponent)
        if abs(mantissa) <= _MOST:
            return (exponent & 0xFF) << _MANTISSA_BITS | mantissa & (1 << _MANTISSA_BITS) - 1
    return None
