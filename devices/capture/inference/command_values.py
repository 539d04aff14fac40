"""Which bytes carry which setting: the same byte for the same value, and a straight line, a code, or an inverse."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from devices.driver.field_spec import FieldSpec
from devices.driver.fields import from_wire
from devices.driver.vocabulary import ByteOrder, Value
from devices.errors import DeviceError

_KNOWN_SHARE = 0.6
CHECKED_POINTS = 3
"""Two points make a straight line, and the third shows that it is one."""
_NUMBERS = ("level", "intensity", "vacuum_mmhg", "celsius", "rate_cpm", "duration_minutes")
_CODES = ("phase", "side")
_CELSIUS_STEPS = (1, 0.5, 0.25, 0.2, 0.1, 0.05, 0.01)
# By how much an app may round what it shows.
_ROUNDING = {
    "level": 0.01,
    "intensity": 0.006,
    "vacuum_mmhg": 0.6,
    "celsius": 0.06,
    "rate_cpm": 0.6,
    "duration_minutes": 0.01,
}
_FAHRENHEIT_ROUNDING = 0.29
_TYPES: tuple[tuple[str, int, ByteOrder], ...] = (("u8", 1, "little"), ("u16", 2, "little"), ("u16", 2, "big"))

Sample = tuple[bytes, Mapping[str, Value]]
"""A payload, and the settings that held when it was written."""


@dataclass(frozen=True)
class ValueFit:
    """A field that explains a place in all samples.

    `wires`: the captured values on the wire, ascending. `points`: how many different values it was checked on.
    `spec`: the rest of the field, as the profile language writes it, without its range.
    """

    name: str
    at: int
    type: str
    width: int
    order: ByteOrder
    spec: Mapping[str, Any]
    wires: tuple[int, ...]
    points: int
    plain: bool

    @property
    def checked(self) -> bool:
        """Whether it may be used for values between the captured ones."""
        return self.is_code or self.points >= CHECKED_POINTS

    @property
    def is_code(self) -> bool:
        """Whether it has a code for each value, and no numbers."""
        return "is" in self.spec

    @property
    def words(self) -> str:
        """The field, for a person."""
        return f"{self.name} at byte {self.at} ({self.type})"

    def wire_of(self, payload: bytes) -> int:
        """Return the number in a payload."""
        return int.from_bytes(payload[self.at : self.at + self.width], self.order)

    def value_of(self, wire: int) -> Value:
        """Return what a number means, exactly as the profile reads it."""
        return from_wire(FieldSpec.model_validate(self.entry()), wire, {})[self.name]

    def span(self) -> tuple[int, ...]:
        """Return the captured numbers between which every number may be used, ascending.

        All of them where the line was checked; else those without a gap, from the lowest.
        """
        if self.checked:
            return self.wires
        step = self._step
        found = [self.wires[0]]
        for wire in self.wires[1:]:
            if step is None or wire - found[-1] != step:
                break
            found.append(wire)
        return tuple(found)

    @property
    def _step(self) -> int | None:
        """How far the next value of a setting in whole numbers is; `None`: not known."""
        scale = Fraction(self.spec.get("scale", 1)).limit_denominator(1000)
        if self.name == "level" and scale > 0 and (1 / scale).denominator == 1:
            return int(1 / scale)
        return 1

    def entry(self, *, least: int | None = None, ranged: bool = False) -> dict[str, Any]:
        """Return the field as the profile language writes it. `ranged`: bounded by what was captured.

        `least`: the lowest number on the wire that it may have.
        """
        entry: dict[str, Any] = {self.name: self.type, **self.spec}
        if self.width > 1:
            entry["order"] = self.order
        if ranged and not self.is_code:
            span = [wire for wire in self.span() if least is None or wire >= least] or [self.wires[0]]
            values = [self.value_of(wire) for wire in (span[0], span[-1])]
            entry["range"] = sorted(values, key=lambda value: float(value or 0))
        return entry


def fits_at(samples: Sequence[Sample], at: int) -> Iterator[ValueFit]:
    """Yield every field that explains the bytes at a place in all samples, the simplest first."""
    found = [fit for name in (*_NUMBERS, *_CODES) for kind in _TYPES if (fit := _fit(samples, at, name, *kind))]
    yield from sorted(found, key=lambda fit: (not fit.checked, fit.width, not fit.plain))


def _fit(samples: Sequence[Sample], at: int, name: str, type_: str, width: int, order: ByteOrder) -> ValueFit | None:
    if any(len(payload) < at + width for payload, _ in samples) or (width > 1 and not _uses_both(samples, at)):
        return None
    if sum(name in state for _, state in samples) < _KNOWN_SHARE * len(samples):
        return None
    pairs = {
        (int.from_bytes(payload[at : at + width], order), state[name]) for payload, state in samples if name in state
    }
    if not 2 <= len(pairs) == len({wire for wire, _ in pairs}) == len({value for _, value in pairs}):  # noqa: PLR2004
        return None
    spec = _codes(pairs) if name in _CODES else _line(name, pairs)
    if spec is None:
        return None
    wires = tuple(sorted(wire for wire, _ in pairs))
    plain = name in _CODES or not spec
    return ValueFit(name, at, type_, width, order, spec, wires, len(pairs), plain)


def _uses_both(samples: Sequence[Sample], at: int) -> bool:
    return all(len({payload[place] for payload, _ in samples}) > 1 for place in (at, at + 1))


def _codes(pairs: set[tuple[int, Value]]) -> dict[str, Any] | None:
    return {"is": dict(sorted(pairs, key=lambda pair: pair[0]))}


def _line(name: str, pairs: set[tuple[int, Value]]) -> dict[str, Any] | None:
    """Return scale and bias of a straight line through all pairs; `None` where there is none that is plausible."""
    points = sorted((wire, float(value)) for wire, value in pairs if isinstance(value, int | float))
    if len(points) != len(pairs):
        return None
    for spec in _lines(name, points):
        try:
            field = FieldSpec.model_validate({name: "s32", **spec})
            read = [float(from_wire(field, wire, {})[name] or 0) for wire, _ in points]
        except (ValueError, DeviceError):
            continue
        # An app that shows °C rounds what is °F on the wire.
        rounding = _FAHRENHEIT_ROUNDING if "unit" in spec else _ROUNDING[name]
        if all(abs(one - value) <= rounding for one, (_, value) in zip(read, points, strict=True)):
            return spec
    return None


def _lines(name: str, points: Sequence[tuple[int, float]]) -> Iterator[dict[str, Any]]:
    (first, low), (last, high) = points[0], points[-1]
    if high <= low:
        return  # a higher number never means less here: then nothing is sent that is more than was requested
    slope = Fraction((high - low) / (last - first)).limit_denominator(200)
    if slope == 0:
        return
    if name == "intensity" and slope.numerator == 1:
        whole = slope.denominator
        shift = round(first - low * whole)
        yield {"full_scale": whole, **({"bias": shift} if shift else {})}
    scale: float = int(slope) if slope.denominator == 1 else round(float(slope), 6)
    if name != "celsius" or scale in _CELSIUS_STEPS:
        bias = first - low / float(slope)
        spec: dict[str, Any] = {} if scale == 1 else {"scale": scale}
        if math.isclose(bias, round(bias), abs_tol=0.05):
            yield {**spec, **({"bias": round(bias)} if round(bias) else {})}
        else:
            yield {**spec, "offset": round(low - first * float(slope), 3)}
    if name == "celsius":
        yield {"unit": "fahrenheit"}


def inverse_of(samples: Sequence[Sample], at: int, fits: Sequence[ValueFit]) -> str | None:
    """Return the name of the value before this byte, of which it is the inverse in all samples."""
    for fit in fits:
        if fit.width == 1 and fit.at < at and all(data[at] == 0xFF - data[fit.at] for data, _ in samples):
            return fit.name
    return None


def explained(
    samples: Sequence[Sample], known: Sequence[ValueFit] = ()
) -> tuple[tuple[ValueFit, ...], Mapping[int, str], tuple[int, ...], Mapping[int, tuple[str, ...]]]:
    """Explain the bytes of payloads of one length that differ.

    `known`: fields of other commands: where several explain a byte, one that is encoded like them is preferred.
    Return the fields; the inverses, by their place; the places that nothing explains; and the places where several
    fields would send different bytes, with their names.
    """
    size = len(samples[0][0])
    varying = [at for at in range(size) if len({payload[at] for payload, _ in samples}) > 1]
    fits: list[ValueFit] = []
    inverses: dict[int, str] = {}
    unexplained: list[int] = []
    ambiguous: dict[int, tuple[str, ...]] = {}
    covered: set[int] = set()
    for at in varying:
        if at in covered:
            continue
        name = inverse_of(samples, at, fits)
        if name is not None:
            inverses[at] = name
            continue
        found = [fit for fit in fits_at(samples, at) if not (set(range(at, at + fit.width)) & covered)]
        if not found:
            unexplained.append(at)
            continue
        chosen, rivals = _chosen(found, known, {fit.name for fit in fits})
        if rivals:
            ambiguous[at] = tuple(dict.fromkeys((chosen.name, *rivals)))
        fits.append(chosen)
        covered |= set(range(at, at + chosen.width))
    return tuple(fits), inverses, tuple(unexplained), ambiguous


def _chosen(found: Sequence[ValueFit], known: Sequence[ValueFit], taken: set[str]) -> tuple[ValueFit, tuple[str, ...]]:
    """Return the field that explains a byte best, and the names of those that explain it as well."""
    alike = [fit for fit in found if any(_same_encoding(fit, other) for other in known)]
    if alike:
        return alike[0], ()
    # Of two numbers that rise together, either sends the captured bytes; a code that hides a number does not.
    checked = [fit for fit in found if fit.checked and not fit.is_code]
    pool = [fit for fit in checked or found if fit.name not in taken] or list(checked or found)
    best = pool[0]
    rivals = tuple(fit.name for fit in found if fit.name != best.name and (fit.is_code or best.is_code))
    return best, () if checked else rivals


def _same_encoding(fit: ValueFit, other: ValueFit) -> bool:
    if (fit.name, fit.type) != (other.name, other.type):
        return False
    if fit.is_code:
        return all(other.spec["is"].get(wire) == value for wire, value in fit.spec["is"].items())
    return fit.spec == other.spec
