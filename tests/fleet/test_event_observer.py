"""What was published and kept is held against itself: each violation is found, and none in what is healthy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fleet.event_observer import (
    kept_ends,
    kept_events,
    kept_sessions,
    not_kept_events,
    not_published,
    reused_ids,
    session_ends,
)
from tests.fleet.observer import Violation


def event(id_: str, kind: str, session: str = "a", **data: Any) -> dict[str, Any]:
    return {"id": id_, "heard_at": float(len(id_)), "station": "s1", "session_id": session, "type": kind, "data": data}


BEGAN, ENDED = event("1", "session_started"), event("2", "session_finished", reason="stop")
HEALTHY = [BEGAN, BEGAN, ENDED, event("3", "session_started", "b"), ENDED, event("4", "session_finished", "b")]
KEPT = [{"id": "a", "outcome": "stopped"}, {"id": "b", "outcome": "failed"}]


def rules(found: list[Violation]) -> list[str]:
    return [each.rule for each in found]


def test_nothing_is_found_in_what_is_healthy() -> None:
    assert session_ends(HEALTHY) == []
    assert reused_ids(HEALTHY) == []
    assert not_published(HEALTHY, ["2"]) == []
    assert kept_sessions(HEALTHY, KEPT) == []
    assert kept_events(HEALTHY, [{"id": "1", "type": "session_started"}]) == []


@pytest.mark.parametrize(
    ("heard", "rule"),
    [
        ([BEGAN], "never_ended"),
        ([ENDED], "never_began"),
        ([BEGAN, ENDED, event("9", "session_finished", reason="cut_off")], "ended_twice"),
        ([BEGAN, event("9", "session_started"), ENDED], "began_twice"),
    ],
)
def test_a_session_without_exactly_one_beginning_and_end_is_found(heard: list[dict[str, Any]], rule: str) -> None:
    assert rules(session_ends(heard)) == [rule]


def test_an_id_of_two_events_is_found() -> None:
    assert rules(reused_ids([BEGAN, BEGAN | {"station": "s2"}])) == ["reused_id"]


def test_an_end_may_be_published_by_two_controllers_at_two_times() -> None:
    again = ENDED | {"time": "later"}
    assert reused_ids([BEGAN, ENDED, again | {"epoch": 7}]) == []
    assert reused_ids([ENDED | {"epoch": 6}, again | {"epoch": 7, "data": {"reason": "cut_off"}}]) == []
    assert rules(reused_ids([ENDED, again | {"data": {"reason": "cut_off"}}])) == ["reused_id"]
    assert rules(reused_ids([BEGAN, BEGAN | {"time": "later"}])) == ["reused_id"]


def test_the_latest_owner_says_how_a_session_ended() -> None:
    def end(epoch: int | None, outcome: str) -> dict[str, Any]:
        return event("2", "session_finished", outcome=outcome) | {"epoch": epoch}

    heard = [end(7, "failed"), end(6, "completed"), end(None, "failed")]
    assert kept_ends(heard, [{"id": "a", "outcome": "failed"}, {"id": "b", "outcome": None}]) == []
    (found,) = kept_ends(heard, [{"id": "a", "outcome": "completed"}])
    assert (found.rule, found.subject) == ("kept_wrong_end", "a")


def test_an_event_that_waits_and_was_never_heard_is_found() -> None:
    (found,) = not_published(HEALTHY, ["1", "77"])
    assert found.subject == "77"


@pytest.mark.parametrize(
    ("kept", "rule"),
    [
        (KEPT[:1], "kept_wrongly"),
        ([*KEPT, KEPT[0]], "kept_wrongly"),
        ([KEPT[0], {"id": "b", "outcome": None}], "kept_without_end"),
        ([*KEPT, {"id": "c", "outcome": "failed"}], "not_heard"),
    ],
)
def test_a_session_that_is_not_kept_once_with_its_end_is_found(kept: list[dict[str, Any]], rule: str) -> None:
    assert rules(kept_sessions(HEALTHY, kept)) == [rule]


@pytest.mark.parametrize(
    ("ids", "rule"), [(["1", "1"], "kept_twice"), (["77"], "event_not_heard")], ids=["twice", "unheard"]
)
def test_an_event_that_is_kept_twice_or_alone_is_found(ids: list[str], rule: str) -> None:
    check: Callable[..., list[Violation]] = kept_events
    assert rules(check(HEALTHY, [{"id": each, "type": "pain"} for each in ids])) == [rule]


def test_an_event_that_was_heard_and_is_not_kept_is_found() -> None:
    heard = [*HEALTHY, event("5", "pain"), event("6", "pain"), event("7", "step_started")]
    kept = [{"id": "5", "type": "pain"}]
    assert [each.subject for each in not_kept_events(heard, kept)] == ["6"]
    assert not_kept_events(heard, [*kept, {"id": "6", "type": "pain"}]) == []
