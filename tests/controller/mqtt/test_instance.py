"""Which controller is which, whether two collide, and which of two gives way."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from controller.mqtt.instance import Instance, conflict, read_instance, refusal, this_process, yields_to
from tests.helpers.instances import NOON, instance


def test_each_process_is_another_one() -> None:
    first, second = (this_process("kitchen", ["home"]) for _ in range(2))
    assert first.instance != second.instance
    assert read_instance(first.model_dump_json().encode()) == first


@pytest.mark.parametrize(
    ("other", "claims"),
    [
        (instance("a"), None),
        (instance("b"), "the station home"),
        (instance("b", "bedroom"), "the station home"),
        (instance("b", "bedroom", stations=("ward", "home", "office")), "the stations home, office"),
        (instance("b", stations=("ward",)), "the node kitchen"),
        (instance("b", "bedroom", stations=("ward",)), None),
    ],
)
def test_two_collide_over_a_station_or_a_node(other: Instance, claims: str | None) -> None:
    assert conflict(instance("a", stations=("home", "office")), other) == claims


def test_the_later_one_yields_and_of_two_at_once_the_one_of_the_larger_id() -> None:
    earlier, later = instance("b"), instance("a", since=NOON + timedelta(seconds=1))
    assert (yields_to(earlier, later), yields_to(later, earlier)) == (False, True)
    assert (yields_to(instance("a"), instance("b")), yields_to(instance("b"), instance("a"))) == (False, True)


def test_one_that_takes_over_goes_before_all_that_were_there() -> None:
    taking = instance("z", since=NOON + timedelta(days=1), take_over=True)
    again = instance("a", since=NOON + timedelta(days=2), take_over=True)
    assert (yields_to(instance("a"), taking), yields_to(taking, instance("a"))) == (True, False)
    assert (yields_to(taking, again), yields_to(again, taking)) == (True, False)


def test_of_any_two_exactly_one_yields() -> None:
    times = (NOON, NOON.astimezone(timezone(timedelta(hours=5))), NOON - timedelta(days=1))
    every = [instance(id_, since=since, take_over=t) for id_ in "ab" for since in times for t in (True, False)]
    for one, other in itertools.combinations(every, 2):
        if one.instance != other.instance:
            assert yields_to(one, other) is not yields_to(other, one)


def test_a_refusal_names_the_other_and_the_remedies() -> None:
    words = refusal(instance("a"), instance("b", "bedroom", host="attic"))
    for each in ("the station home", "node bedroom", "host attic", "since 2026-01-01 12:00:00 UTC", "--take-over"):
        assert each in words


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"instance": ""},
            {"instance": None},
            {"host": "a\nfake log line"},
            {"host": "\x1b[2J"},
            {"host": "x" * 2000},
        ),
        *({"node": "a/b"}, {"node": "+"}, {"node": "#"}, {"stations": ["home/+"]}, {"stations": "home"}),
        *({"since": "2026-01-01T12:00:00"}, {"since": "0001-01-01T00:00:00+14:00"}, {"since": "9999-12-31T23:59:59Z"}),
    ],
)
def test_what_nobody_can_use_is_no_instance(change: dict[str, Any]) -> None:
    assert read_instance(json.dumps({**instance().model_dump(mode="json"), **change}).encode()) is None


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"instance": "a"}'])
def test_what_is_no_instance_is_none(payload: bytes) -> None:
    assert read_instance(payload) is None


def test_a_newer_version_may_tell_more() -> None:
    assert read_instance(json.dumps({**instance().model_dump(mode="json"), "color": "blue"}).encode()) == instance()
