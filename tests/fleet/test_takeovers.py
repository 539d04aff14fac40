"""How long a station was left alone, from records made by hand."""

from __future__ import annotations

import pytest

from tests.fleet.made_records import RIGHT, down, made, off, start, stop, up
from tests.fleet.takeovers import Takeover, lasting, summary, takeovers


def kill(at: float, controller: str = "c1") -> dict[str, object]:
    return {"at": at, "what": "kill", "controller": controller}


TAKEN = made(
    *(up(0), up(0.5, device=RIGHT), *start(1), down(10), down(10, device=RIGHT)),
    *(off(10.1, "link_lost"), up(17, "c2"), up(17.5, "c2", RIGHT), *stop(17.2, "c2")),
)


def test_the_times_of_a_takeover_are_since_the_fault() -> None:
    (found,) = takeovers(TAKEN, [kill(9.5)])
    assert (found.station, found.lost, found.taken_by) == ("s1", "c1", "c2")
    assert found.off_seconds == pytest.approx(0.6)
    assert found.taken_seconds == pytest.approx(7.5)
    assert found.stopped_seconds == pytest.approx(7.7)


def test_one_that_comes_back_first_is_no_takeover() -> None:
    (found,) = takeovers(
        made(up(0), *start(1), down(3), off(3.1, "link_lost"), up(5), up(30, "c2", RIGHT)), [kill(2.9)]
    )
    assert found.taken_by is None
    assert found.taken_seconds is None


def test_a_fault_of_one_that_holds_nothing_leaves_nothing_alone() -> None:
    assert takeovers(TAKEN, [kill(9.5, "c3"), {"at": 9.5, "what": "clock", "controller": "c1"}]) == []


def test_a_device_that_never_went_off_has_no_time() -> None:
    (found,) = takeovers(made(up(0), *start(1)), [kill(5)])
    assert found.off_seconds is None


def test_the_summary_is_by_fault() -> None:
    found = [Takeover("kill", 0, "s1", "c1", "c2", 0.5, each, None) for each in (6.0, 7.0, 9.0)]
    assert summary(found)["kill"]["taken_seconds"] == {"count": 3, "median": 7.0, "p90": 9.0, "longest": 9.0}
    assert "stopped_seconds" not in summary(found)["kill"]


def test_only_faults_that_last_need_another_controller() -> None:
    lines = [
        {"what": "kill"},
        {"what": "freeze", "seconds": 2.0},
        {"what": "freeze", "seconds": 8.0},
        {"what": "cut", "seconds": 8.0, "nodes": ["n1"]},
        {"what": "cut", "seconds": 8.0, "nodes": ["n1", "n2"]},
        {"what": "cut", "seconds": 2.0, "nodes": ["n1", "n2"]},
        {"what": "end_of_kill"},
    ]
    assert lasting(lines, nodes=2, ttl_seconds=6.0) == [lines[0], lines[2], lines[4]]
