"""What the stream passes on, and what it adds in a fleet."""

from __future__ import annotations

import pytest

from controller.contract.event_data import SessionFinishedData, StepStartedData
from controller.contract.events import EndReason, Event, Item, SessionState, Snapshot
from controller.contract.stream import Stream

END = SessionFinishedData(
    outcome=SessionState.STOPPED, reason=EndReason.STOP, reason_words="stopped", routine="classic"
)
STEP = StepStartedData(step="warm", index=0)


def passed(stream: Stream, *items: Item) -> list[Item]:
    found: list[Item] = []
    unsubscribe = stream.subscribe(found.append)
    for item in items:
        stream.publish(item)
    unsubscribe()
    return found


def test_events_and_snapshots_carry_the_epoch_and_at_home_none() -> None:
    items = (Event.of("home", "s1", STEP), Snapshot(station="home"))
    assert [each.epoch for each in passed(Stream(7), *items)] == [7, 7]
    assert [each.epoch for each in passed(Stream(), *items)] == [None, None]


def test_a_former_owner_does_not_say_how_a_session_ended() -> None:
    ours = True
    stream = Stream(7, ends=lambda: ours)
    end, step = Event.of("home", "s1", END), Event.of("home", "s1", STEP)
    assert [each.id for each in passed(stream, step, end)] == [step.id, end.id]
    ours = False
    assert [each.id for each in passed(stream, step, end)] == [step.id]


@pytest.mark.parametrize("again", [END, END.model_copy(update={"reason": EndReason.CUT_OFF})])
def test_a_session_has_one_end_whoever_says_so(again: SessionFinishedData) -> None:
    assert Event.of("home", "s1", END).id == Event.of("home", "s1", again).id
    assert Event.of("home", "s1", END).id != Event.of("home", "s2", again).id
    assert Event.of("home", "s1", STEP).id != Event.of("home", "s1", STEP).id
