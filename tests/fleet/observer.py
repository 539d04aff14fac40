"""What must be true of a fleet, as pure functions over what its devices recorded. None of the fleet's own code is used.

A line is what `air_process` writes: `at` in seconds, `what`, and more. `event_observer` judges what was published and
kept. A violation found here is one at a body, whatever anybody says of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Line = Mapping[str, Any]

RELEASE_SECONDS = 3.0  # how long a pump may take to release, and to be looked at
COMMAND_SECONDS = 0.5  # a run begins so soon after the command for it


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, when, by which device, station or session, and how."""

    rule: str
    at: float
    subject: str
    detail: str


@dataclass(frozen=True)
class Device:
    """What ends a run of a device by itself."""

    name: str
    station: str
    has_lease: bool
    stops_on_link_loss: bool
    own_timer_seconds: float | None


@dataclass(frozen=True)
class Span:
    """A time during which something was so: a device was linked to a controller, or ran. `why`: what ended it."""

    device: str
    began: float
    ended: float = math.inf
    controller: str = ""
    why: str = ""

    def covers(self, at: float) -> bool:
        """Return whether it was so at a time."""
        return self.began <= at < self.ended


def devices(lines: Iterable[Line]) -> dict[str, Device]:
    """Return the devices, by name."""
    found = {}
    for line in lines:
        if line["what"] == "device":
            found[line["device"]] = Device(
                line["device"],
                line["station"],
                line["has_lease"],
                line["stops_on_link_loss"],
                line["own_timer_seconds"],
            )
    return found


def links(lines: Iterable[Line]) -> list[Span]:
    """Return each link of a device, in the order in which they began."""
    return _spans(lines, "link_up", "link_down", same_controller=True)


def runs(lines: Iterable[Line]) -> list[Span]:
    """Return each run of a device, in the order in which they began."""
    return _spans(lines, "on", "off")


def _spans(lines: Iterable[Line], begin: str, end: str, *, same_controller: bool = False) -> list[Span]:
    """Return spans; one that begins while another of the device is open leaves that open.

    `same_controller`: who ended it is who began it.
    """
    found: list[Span] = []
    for line in lines:
        if line["what"] == begin:
            found.append(Span(line["device"], line["at"], controller=line.get("controller") or ""))
        elif line["what"] == end:
            for at in range(len(found) - 1, -1, -1):
                span = found[at]
                theirs = same_controller and span.controller != (line.get("controller") or "")
                if span.device == line["device"] and span.ended == math.inf and not theirs:
                    found[at] = replace(span, ended=line["at"], why=line.get("why", ""))
                    break
    return found


def two_links(lines: Sequence[Line]) -> list[Violation]:
    """Find devices with two links at once."""
    found, latest = [], dict[str, Span]()
    for link in links(lines):
        before = latest.get(link.device)
        if before is not None and before.ended > link.began:
            words = f"{link.controller} connected while {before.controller} was connected"
            found.append(Violation("two_links", link.began, link.device, words))
        latest[link.device] = link
    return found


def holds(lines: Sequence[Line]) -> list[Span]:
    """Return how long each controller was linked to anything of a station without a gap; `device` is the station."""
    stations = {name: device.station for name, device in devices(lines).items()}
    found: list[Span] = []
    for link in links(lines):
        station = stations[link.device]
        for at in range(len(found) - 1, -1, -1):
            hold = found[at]
            if (hold.device, hold.controller) == (station, link.controller) and hold.ended >= link.began:
                found[at] = replace(hold, ended=max(hold.ended, link.ended))
                break
        else:
            found.append(Span(station, link.began, link.ended, link.controller))
    return found


def two_drivers(lines: Sequence[Line]) -> list[Violation]:
    """Find stations that a controller drove while another one had taken over.

    A controller has taken over once it is linked to a device of the station. Afterwards the one before it may stop
    devices and disconnect, and let nothing run, until it connects anew.
    """
    stations, all_holds = devices(lines), holds(lines)
    found: dict[tuple[str, str, str, float], Violation] = {}
    for line in driving(lines):
        station, driver, at = stations[line["device"]].station, line["controller"], line["at"]
        own = [hold for hold in all_holds if hold.device == station and hold.controller == driver and hold.covers(at)]
        began = own[-1].began if own else at
        for other in all_holds:
            if other.device == station and other.controller != driver and other.covers(at) and other.began > began:
                words = f"{driver} sent {line['name']} to {line['device']} after {other.controller} had taken over"
                key = (station, driver, other.controller, other.began)
                found.setdefault(key, Violation("two_drivers", at, station, words))
    return list(found.values())


def driving(lines: Iterable[Line]) -> Iterable[Line]:
    """Return the commands that let a device run, run on, or run otherwise."""
    return (line for line in lines if line["what"] == "command" and line["drives"])


def drove_before_stop(lines: Sequence[Line]) -> list[Violation]:
    """Find devices that a successor let run before anybody had stopped them, after a run that no command had ended."""
    found, lines = [], [line for line in lines if line["what"] in ("command", "on", "off")]
    for run, following in itertools.pairwise(_by_device(runs(lines))):
        if run.device != following.device or run.why == "commanded":
            continue
        between = [
            line
            for line in lines
            if line["what"] == "command"
            and line["device"] == run.device
            and run.ended <= line["at"] <= following.began
            and line.get("stops")
        ]
        driver = driver_of(lines, run)
        successor = driver_of(lines, following)
        if driver != successor and not between:
            words = f"{successor} let it run again before anybody had stopped it, after {driver} was lost ({run.why})"
            found.append(Violation("drove_before_stop", following.began, run.device, words))
    return found


def _by_device(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.device, span.began))


def driver_of(lines: Sequence[Line], run: Span) -> str:
    """Return who sent the command that began a run."""
    return next(
        (
            line["controller"]
            for line in driving(lines)
            if line["device"] == run.device and run.began - COMMAND_SECONDS <= line["at"] <= run.began
        ),
        "",
    )


def ran_too_long(lines: Sequence[Line], slack_seconds: float, until: float | None = None) -> list[Violation]:
    """Find runs that outlasted the lease or duration of the last command for them, the link, or the device's own timer.

    `slack_seconds`: how late a device may notice. `until`: when the record ended; by default its last line.
    """
    end_of_record = until if until is not None else max((line["at"] for line in lines), default=0.0)
    known, all_links, found = devices(lines), links(lines), []
    for run in runs(lines):
        device = known[run.device]
        why, latest = _latest_end(lines, device, run, all_links)
        ended = min(run.ended, end_of_record)
        if ended > latest + slack_seconds:
            state = "ran" if run.ended < math.inf else "still runs"
            words = f"{state} {ended - latest:.2f} s longer than {why} allows"
            found.append(Violation("ran_too_long", latest, run.device, words))
    return found


def _latest_end(lines: Sequence[Line], device: Device, run: Span, all_links: Sequence[Span]) -> tuple[str, float]:
    """Return what ends a run at the latest by itself, and when."""
    ends = [("nothing", math.inf)]
    lease, duration = -math.inf, math.inf
    for line in lines:
        of_run = line.get("device") == run.device and run.began - COMMAND_SECONDS <= line["at"] <= run.ended
        if not of_run or line["what"] != "command" or not line["drives"]:
            continue
        if "lease_seconds" in line:
            lease = max(lease, line["at"] + line["lease_seconds"])
        if "duration_seconds" in line:
            duration = line["at"] + line["duration_seconds"]
    if device.has_lease:
        ends.append(("its lease", max(lease, run.began)))
    ends.append(("its duration", duration))
    if device.own_timer_seconds is not None:
        ends.append(("its own timer", run.began + device.own_timer_seconds))
    if device.stops_on_link_loss:
        of_device = [link for link in all_links if link.device == device.name and link.ended >= run.began]
        ends += [("the lost link", link.ended) for link in of_device[:1]]
    return min(ends, key=lambda each: each[1])


def started_by_itself(lines: Sequence[Line]) -> list[Violation]:
    """Find runs that no command of a connected controller began."""
    all_links, found = links(lines), []
    for run in runs(lines):
        commanded = any(
            line["device"] == run.device and run.began - COMMAND_SECONDS <= line["at"] <= run.began
            for line in driving(lines)
        )
        linked = any(link.device == run.device and link.covers(run.began) for link in all_links)
        if not (commanded and linked):
            words = "it began to run without a command" if not commanded else "it began to run without a link"
            found.append(Violation("started_by_itself", run.began, run.device, words))
    return found


def still_pulls(lines: Sequence[Line]) -> list[Violation]:
    """Find vacuum that did not go with the run."""
    found = []
    all_runs = runs(lines)
    for pull in _spans(lines, "pulls", "released"):
        ended = max(
            (run.ended for run in all_runs if run.device == pull.device and run.began <= pull.ended), default=0.0
        )
        latest = max(ended, pull.began) + RELEASE_SECONDS
        if ended < math.inf and pull.ended > latest:
            found.append(Violation("still_pulls", latest, pull.device, "vacuum was there after the run had ended"))
    return found
