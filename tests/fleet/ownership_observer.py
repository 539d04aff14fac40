"""What must be true of a fleet's owners, as pure functions: what devices recorded, held against the owners' keys.

A change of a station's key has `at`, `station`, `node`, `lease` and `what`: `put` or `delete`. `stored`: what the
cluster has stored. `heard`: what a listener outside the fleet received as it was sent, refused attempts included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.fleet.observer import Line, Violation, devices, driver_of, driving, runs

HELD_SHARE = 2 / 3  # of the time to live, after which an owner that could not renew has stopped
CLOCKS_SECONDS = 0.02  # by which the times of the cluster and of the devices may differ
_RECOVERY_SECONDS = 1.0  # after a process that was frozen goes on
_HUNG_SECONDS = 4.0  # so long before its watchdog ended it, a controller may have hung
_DOWN = {"freeze": "end_of_freeze", "kill": "end_of_kill", "ended_by_itself": None}


@dataclass(frozen=True)
class Ownership:
    """A time in which a controller owned a station, by one lease."""

    station: str
    node: str
    lease: str
    began: float
    ended: float


def ownerships(stored: Sequence[Line], ttl_seconds: float) -> list[Ownership]:
    """Return who owned what, from the changes that the cluster has stored.

    A lease is renewed only as long as its key is there, so it was held from its first renewal to its last. Afterwards
    its key is there until it is deleted, or for the time to live.
    """
    found: dict[str, Ownership] = {}
    latest: dict[str, str] = {}  # the lease that each station had last
    for change in stored:
        station, at = change["station"], change["at"]
        before = found.get(latest.get(station, ""))
        if change["what"] == "put" and change["lease"] in found:
            found[change["lease"]] = replace(found[change["lease"]], ended=at + ttl_seconds)
            continue
        if before is not None and before.ended > at:
            found[before.lease] = replace(before, ended=at)
        if change["what"] == "put":
            lease = change["lease"]
            found[lease] = Ownership(station, change["node"], lease, at, at + ttl_seconds)
            latest[station] = lease
    return list(found.values())


def drove_without_ownership(lines: Sequence[Line], owned: Sequence[Ownership]) -> list[Violation]:
    """Find commands that let a device run, by a controller that did not own its station then."""
    stations = {name: device.station for name, device in devices(lines).items()}
    found = []
    for line in driving(lines):
        at, node, station = line["at"], line["controller"], stations[line["device"]]
        of_station = [each for each in owned if each.station == station]
        own = [each for each in of_station if each.node == node and each.began <= at + CLOCKS_SECONDS]
        if any(at < each.ended + CLOCKS_SECONDS for each in own):
            continue
        age = f"{at - own[-1].ended:.2f} s after it had lost it" if own else "without ever being the owner"
        owner = next((each.node for each in of_station if each.began <= at < each.ended), "no controller")
        words = f"{node} sent {line['name']} {age}; the owner was {owner}"
        found.append(Violation("drove_without_ownership", at, line["device"], words))
    return found


def outlived_ownership(
    lines: Sequence[Line], changes: Sequence[Line], faults: Sequence[Line], ttl_seconds: float, slack_seconds: float
) -> list[Violation]:
    """Find devices that an owner did not stop within two thirds of the time to live after its last renewal.

    `changes`: both heard and stored. While nodes come back, a listener misses some that an owner rightly counts.
    A controller that was frozen or killed meanwhile could not: there the device's own lease counts, and its successor.
    """
    stations = {name: device.station for name, device in devices(lines).items()}
    until = max((line["at"] for line in lines), default=0.0)
    found = []
    for run in runs(lines):
        node = driver_of(lines, run)
        station = stations[run.device]
        puts = sorted(each["at"] for each in changes if each["station"] == station and _is_put(each, node))
        for put, following in itertools.pairwise([*puts, math.inf]):
            latest = put + HELD_SHARE * ttl_seconds + slack_seconds
            ran = run.began < latest < min(run.ended, until) and put < run.ended
            if ran and following > latest and not _down(faults, node, put, latest):
                words = f"{node} let it run {min(run.ended, until) - put:.2f} s after its last renewal"
                found.append(Violation("outlived_ownership", latest, run.device, words))
                break
    return found


def _down(faults: Sequence[Line], node: str, since: float, until: float) -> bool:
    """Return whether a controller could not act for a part of a time."""
    for at, fault in enumerate(faults):
        began = fault["at"] - (_HUNG_SECONDS if fault["what"] == "ended_by_itself" else 0.0)
        if fault["what"] in _DOWN and fault.get("controller") == node and began <= until:
            end = next(
                (
                    each["at"]
                    for each in faults[at:]
                    if each["what"] == _DOWN[fault["what"]] and each.get("controller") == node
                ),
                fault["at"] if _DOWN[fault["what"]] is None else math.inf,
            )
            if end + _RECOVERY_SECONDS >= since:
                return True
    return False


def longest_ownership(lines: Sequence[Line], heard: Sequence[Line]) -> float:
    """Return for how long at most an owner had not renewed when it let a device run, in seconds."""
    stations = {name: device.station for name, device in devices(lines).items()}
    ages = []
    for line in driving(lines):
        station, at, node = stations[line["device"]], line["at"], line["controller"]
        puts = (each["at"] for each in heard if each["station"] == station and _is_put(each, node))
        ages.append(at - max((put for put in puts if put <= at), default=at))
    return max(ages, default=0.0)


def _is_put(change: Line, node: str) -> bool:
    return bool(change["what"] == "put" and change["node"] == node)
