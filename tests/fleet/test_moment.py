"""A violation is shown with what happened at its station at that time, and with every fault."""

from __future__ import annotations

from tests.fleet.made_records import LEFT, TIMER, made, off, put, start, up
from tests.fleet.moment import moment
from tests.fleet.observer import Violation


def test_a_moment_has_what_happened_at_the_station_in_order() -> None:
    air = made(up(1), *start(12), off(21, "commanded"), *start(20, device=TIMER), up(40))
    faults = [
        {"at": 14.0, "what": "cut", "controller": "c1", "nodes": ["n1"], "direction": "in"},
        {"at": 15.5, "what": "ended_by_itself", "controller": "c1", "code": 70},
        {"at": 50.0, "what": "kill", "controller": "c1"},
    ]
    found = moment(Violation("outlived_ownership", 20.0, LEFT, "…"), air, [*faults, put(13), put(13, station="s2")])
    assert found == [
        '-8.00 command device="s1/left" controller="c1" name="start"',
        '-7.99 on device="s1/left"',
        '-7.00 put station="s1" node="c1"',
        '-6.00 cut controller="c1" nodes=["n1"] direction="in"',
        '-4.50 ended_by_itself controller="c1" code=70',
        '+1.00 off device="s1/left" why="commanded"',
    ]
