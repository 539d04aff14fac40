"""The curves of one session: what its devices report, as one value a second of the session's time.

A cycling vacuum looked at once a second would show any part of its cycles. So a second's vacuum is the highest that was
reported in it, counting a pump's own peak of its latest cycles: the curve follows the peaks. A second's flow is the
mean of the reports in it, so that the area under the curve is milk; its temperature is the last report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.contract.session_record import CurveQuantity
from controller.history.curve_samples import encode_samples
from devices.roles import Side

STRETCH_SECONDS = 60  # of a curve in one row, while the session is under way
LONG_STRETCH_SECONDS = 600  # once it is over: three such rows fill a page of SQLite, longer ones waste half of it
_LONGEST_SECONDS = 6 * 3600  # no session is as long

_REPORTED_AS: dict[str, CurveQuantity] = {
    "vacuum_mmhg": "vacuum_mmhg",
    "peak_vacuum_mmhg": "vacuum_mmhg",
    "flow_ml_per_s": "flow_ml_per_s",
    "surface_celsius": "surface_celsius",
}


class Stretch(NamedTuple):
    """A part of a curve, packed."""

    device: str
    side: Side
    quantity: CurveQuantity
    began_second: int
    samples: bytes


@dataclass
class _Curve:
    side: Side
    values: list[float | None] = field(default_factory=list)
    reports: int = 0  # in its last second
    changed: set[int] = field(default_factory=set)  # the numbers of stretches


class CurveRecorder:
    """Collects the curves of one session."""

    def __init__(self) -> None:
        self._curves: dict[tuple[str, CurveQuantity], _Curve] = {}

    def add(self, device: str, side: Side, seconds: float, values: Mapping[str, float]) -> None:
        """Take in what a device reported at a time (seconds since the session began); other values are ignored."""
        second = int(seconds)
        if not 0 <= second < _LONGEST_SECONDS:
            return
        for name, quantity in _REPORTED_AS.items():
            value = values.get(name)
            if value is not None and math.isfinite(value):
                curve = self._curves.setdefault((device, quantity), _Curve(side))
                _add_value(curve, quantity, second, value)

    def changed(self) -> Iterator[Stretch]:
        """Return the stretches that have changed since the last call."""
        for (device, quantity), curve in self._curves.items():
            for number in sorted(curve.changed):
                began_second = number * STRETCH_SECONDS
                values = curve.values[began_second : began_second + STRETCH_SECONDS]
                yield Stretch(device, curve.side, quantity, began_second, encode_samples(quantity, values))
            curve.changed.clear()

    def whole(self) -> Iterator[Stretch]:
        """Return all of the curves."""
        for (device, quantity), curve in self._curves.items():
            yield from stretches_of(device, curve.side, quantity, curve.values)


def stretches_of(device: str, side: Side, quantity: CurveQuantity, values: Sequence[float | None]) -> Iterator[Stretch]:
    """Return a whole curve in stretches, from its first value on: most of a session comes before suction."""
    first = next((second for second, value in enumerate(values) if value is not None), 0)
    for began_second in range(first, len(values), LONG_STRETCH_SECONDS):
        samples = encode_samples(quantity, values[began_second : began_second + LONG_STRETCH_SECONDS])
        if samples:
            yield Stretch(device, side, quantity, began_second, samples)


def _add_value(curve: _Curve, quantity: CurveQuantity, second: int, value: float) -> None:
    if second >= len(curve.values):
        curve.values += [None] * (second + 1 - len(curve.values))
        curve.reports = 0
    before, curve.reports = curve.values[-1], curve.reports + 1
    match quantity:
        case "vacuum_mmhg" if before is not None:
            value = max(before, value)
        case "flow_ml_per_s" if before is not None:
            value = before + (value - before) / curve.reports
    curve.values[-1] = value
    curve.changed.add((len(curve.values) - 1) // STRETCH_SECONDS)
