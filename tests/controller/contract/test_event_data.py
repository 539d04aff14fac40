"""Events: one model of data for each type, and nothing else can be published."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from controller.contract.event_data import (
    EVENT_DATA,
    EventData,
    EventType,
    LetDownData,
    LimitedData,
    PainData,
    StepStartedData,
)
from controller.contract.events import Event
from controller.mqtt.message_examples import EVENTS
from controller.safety.limits import Limit, Reason


def test_every_type_has_one_model() -> None:
    assert EVENT_DATA.keys() == set(EventType)
    assert {model.type: model for model in EventData.__subclasses__()} == EVENT_DATA


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type.value)
def test_an_event_is_read_back_as_it_was(event: Event) -> None:
    again = Event.model_validate_json(event.model_dump_json())
    assert again == event
    assert type(again.data) is EVENT_DATA[event.type]


def test_an_event_is_built_from_its_data() -> None:
    event = Event.of("home", "s1", LetDownData(by="tap", seconds=None))
    assert json.loads(event.model_dump_json()) == {
        "id": event.id,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "station": "home",
        "session_id": "s1",
        "type": "let_down",
        "data": {"by": "tap", "seconds": None},
        "epoch": None,
    }


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (EventType.PAIN, {"device": "left-pump"}),
        (EventType.LET_DOWN, {"by": "tap", "second": 1}),
        (EventType.LET_DOWN, {"by": "magic", "seconds": 1}),
        (EventType.UNCERTAIN, {}),
        (EventType.UNCERTAIN, StepStartedData(step="warm", index=1)),
        (EventType.PAUSED, PainData()),
        ("unheard_of", {}),
    ],
)
def test_a_wrong_key_or_the_data_of_another_type_is_refused(kind: Any, data: Any) -> None:
    with pytest.raises(ValidationError):
        Event(station="home", session_id=None, type=kind, data=data)


def test_the_data_of_a_limit_is_the_limit() -> None:
    limit = Limit(
        quantity="vacuum_mmhg",
        asked=200,
        allowed=150,
        reasons=(Reason(who="owner", allows=150, key="comfort_cap", words="your cap"),),
    )
    data = LimitedData(**dict(limit), words=str(limit))
    assert list(data.model_dump(mode="json")) == [*limit.model_dump(mode="json"), "words"]
    assert Limit(**{name: value for name, value in dict(data).items() if name != "words"}) == limit
