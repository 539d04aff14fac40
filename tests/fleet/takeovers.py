"""How long a fault leaves a station alone, as its devices saw it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.fleet.observer import Line, devices, links, runs

_AT_ONCE_SECONDS = 10.0  # a successor that stops, does so within this time after it has connected
_LOSES = ("kill", "freeze", "cut")  # the faults of a controller after which another one is to take over


@dataclass(frozen=True)
class Takeover:
    """What became of a station after a fault of the controller that was linked to it. Seconds are since the fault.

    `off_seconds`: until none of its devices ran that did then; `None` if none did. `taken_seconds`: until another
    controller was linked to a device of it; `stopped_seconds`: until that one sent a stop, before anything else.
    `None`: it did not come to that before the first controller was linked anew, or before the end.
    """

    fault: str
    at: float
    station: str
    lost: str
    taken_by: str | None
    off_seconds: float | None
    taken_seconds: float | None
    stopped_seconds: float | None


def takeovers(lines: Sequence[Line], faults: Iterable[Line]) -> list[Takeover]:
    """Return a takeover for each station that a controller was linked to at its fault."""
    of_station = {name: device.station for name, device in devices(lines).items()}
    all_links, all_runs = links(lines), runs(lines)
    found = []
    for fault in faults:
        if fault["what"] not in _LOSES:
            continue
        at, lost = fault["at"], fault["controller"]
        stations = {of_station[link.device] for link in all_links if link.controller == lost and link.covers(at)}
        for station in sorted(stations):
            later = [link for link in all_links if of_station[link.device] == station and link.began > at]
            back = min((link.began for link in later if link.controller == lost), default=math.inf)
            taken = min((link for link in later if link.controller != lost), key=lambda link: link.began, default=None)
            if taken is not None and taken.began > back:
                taken = None
            ran = [run for run in all_runs if of_station[run.device] == station and run.covers(at)]
            off = max((run.ended for run in ran), default=math.inf)
            stopped = None if taken is None else _first_stop(lines, of_station, station, taken.controller, taken.began)
            found.append(
                Takeover(
                    fault["what"],
                    at,
                    station,
                    lost,
                    None if taken is None else taken.controller,
                    off - at if off < math.inf else None,
                    None if taken is None else taken.began - at,
                    None if stopped is None else stopped - at,
                )
            )
    return found


def _first_stop(
    lines: Sequence[Line], of_station: dict[str, str], station: str, controller: str, since: float
) -> float | None:
    """Return when a controller stopped a station, unless it first let a device of it run."""
    first = next(
        (
            line
            for line in lines
            if line["what"] == "command"
            and (line.get("stops") or line["drives"])
            and line["controller"] == controller
            and line["at"] >= since
            and of_station[line["device"]] == station
        ),
        None,
    )
    at_once = first is not None and first["at"] - since <= _AT_ONCE_SECONDS
    return first["at"] if first is not None and at_once and first.get("stops") else None


def lasting(faults: Iterable[Line], nodes: int, ttl_seconds: float) -> list[Line]:
    """Return the faults that another controller must make up for: kills, and what lasts for the time to live.

    A controller that is cut from some of `nodes` nodes uses another one.
    """
    return [
        fault
        for fault in faults
        if fault["what"] == "kill"
        or (fault["what"] == "freeze" and fault["seconds"] >= ttl_seconds)
        or (fault["what"] == "cut" and fault["seconds"] >= ttl_seconds and len(fault["nodes"]) == nodes)
    ]


def summary(found: Sequence[Takeover]) -> dict[str, dict[str, dict[str, float]]]:
    """Return how many there were, their median, 90th percentile and the longest, by fault and what was waited for."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for fault in sorted({each.fault for each in found}):
        of_fault = [each for each in found if each.fault == fault]
        for name in ("off_seconds", "taken_seconds", "stopped_seconds"):
            values = [value for each in of_fault if (value := getattr(each, name)) is not None]
            if values:
                result.setdefault(fault, {})[name] = {
                    "count": len(values),
                    "median": round(statistics.median(values), 2),
                    "p90": round(sorted(values)[math.ceil(0.9 * len(values)) - 1], 2),
                    "longest": round(max(values), 2),
                }
    return result
