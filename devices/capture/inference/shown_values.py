"""Which bytes are what the app showed: battery, milk, temperature, and time left, by labels that say what was seen."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.capture.inference.report_kinds import ReportKind
from devices.driver.vocabulary import ByteOrder, Value

_NEAREST_SECONDS = 45.0
_SLACK_SECONDS = 2.5
_TYPES: tuple[tuple[str, int, ByteOrder], ...] = (
    ("u8", 1, "little"),
    ("u16", 2, "little"),
    ("u16", 2, "big"),
)
# The steps in which devices count, finest last, and by how much the app may round.
_SCALES: Mapping[str, tuple[float, ...]] = {
    "battery_percent": (1,),
    "volume_ml": (1, 0.1, 0.5, 2, 5, 0.01),
    "surface_celsius": (1, 0.1, 0.5, 0.01),
    "remaining_seconds": (1, 60),
}
_ROUNDING = {"battery_percent": 1.0, "volume_ml": 1.0, "surface_celsius": 0.6, "remaining_seconds": 3.0}


@dataclass(frozen=True)
class ShownFit:
    """Bytes that agree with all labels of a value. `points`: how many different values were seen."""

    kind: ReportKind
    at: int
    width: int
    entry: Mapping[str, Any]
    points: int
    error: float

    @property
    def name(self) -> str:
        """The name of the value."""
        return next(iter(self.entry))

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return f"byte {self.at} of a report of {self.kind.size} bytes"


def shown_in(
    kinds: Sequence[ReportKind],
    seen: Sequence[tuple[float, Mapping[str, Value]]],
    taken: Mapping[int, frozenset[int]],
) -> Iterator[tuple[str, list[ShownFit]]]:
    """Yield each value that labels say was shown, with all places that agree, the best first.

    `taken`: by the number of a kind, the places that are fixed or have another meaning.
    """
    for name, scales in _SCALES.items():
        shown = [(at, float(values[name] or 0)) for at, values in seen if name in values]
        if not shown:
            continue
        found: list[ShownFit] = []
        for number, kind in enumerate(kinds):
            times = [message.at_seconds for message in kind.messages]
            for at in range(kind.size):
                places = taken.get(number, frozenset())
                found += _at(kind, times, at, name, scales, shown, places)
        found.sort(key=lambda fit: (fit.error > _ROUNDING[name] / 4, fit.width, -float(fit.entry.get("scale", 1))))
        yield name, found


def _at(
    kind: ReportKind,
    times: Sequence[float],
    at: int,
    name: str,
    scales: Sequence[float],
    shown: Sequence[tuple[float, float]],
    taken: frozenset[int],
) -> Iterator[ShownFit]:
    for type_, width, order in _TYPES:
        if at + width > kind.size or set(range(at, at + width)) & taken:
            continue
        if width > 1 and len({message.payload[at : at + 2] for message in kind.messages[:: len(times) // 500 + 1]}) < 2:  # noqa: PLR2004
            continue
        for scale in scales:
            error = _error(kind, times, at, width, order, scale, shown)
            if error is None or error > _ROUNDING[name]:
                continue
            highest = max(int.from_bytes(message.payload[at : at + width], order) for message in kind.messages)
            if name == "battery_percent" and highest > 100:  # noqa: PLR2004 - percent
                continue
            entry: dict[str, Any] = {name: type_}
            if scale != 1:
                entry["scale"] = scale
            if width > 1:
                entry["order"] = order
            if name == "battery_percent":
                entry["range"] = [0, 100]
            yield ShownFit(kind, at, width, entry, len({value for _, value in shown}), error)


def _error(
    kind: ReportKind,
    times: Sequence[float],
    at: int,
    width: int,
    order: ByteOrder,
    scale: float,
    shown: Sequence[tuple[float, float]],
) -> float | None:
    """Return by how much it differs from the labels at most; `None` where no report came near one."""
    worst = None
    for seconds, value in shown:
        near = _near(times, seconds)
        if not near:
            continue
        errors = [
            abs(int.from_bytes(kind.messages[number].payload[at : at + width], order) * scale - value)
            for number in near
        ]
        worst = max(worst or 0.0, min(errors))
    return worst


def _near(times: Sequence[float], seconds: float) -> range:
    """Return the numbers of the reports at that time: those around it, or the nearest before and after."""
    first = bisect.bisect_left(times, seconds - _SLACK_SECONDS)
    last = bisect.bisect_right(times, seconds + _SLACK_SECONDS)
    if first < last:
        return range(first, last)
    begin = first - 1 if first and seconds - times[first - 1] <= _NEAREST_SECONDS else first
    end = first + 1 if first < len(times) and times[first] - seconds <= _NEAREST_SECONDS else first
    return range(begin, end)
