"""The `data` of each type of event: one model for each type. An event is built from its data."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from controller.contract.reminders import ReminderKind
from controller.contract.session_state import EndReason, SessionState, StepOutcome, Volume
from controller.safety.limits import Limit, Trip
from devices.roles import HEALTH_RECORD, Frozen, Phase, PressEvent, PressMeaning, PressTrust, Side

LetDownBy = Literal["device", "flow", "weight", "tap"]


class EventType(StrEnum):
    """Kinds of event."""

    SESSION_STARTED = "session_started"
    STEP_STARTED = "step_started"
    STEP_FINISHED = "step_finished"
    LET_DOWN = "let_down"
    LIMITED = "limited"
    PAUSED = "paused"
    RESUMED = "resumed"
    VACUUM_SET = "vacuum_set"
    PAIN = "pain"
    TRIP = "trip"
    UNCERTAIN = "uncertain"
    STOP_CONFIRMED = "stop_confirmed"
    RUNS_OUTSIDE = "runs_outside"
    ENFORCED = "enforced"
    VOLUME_LOGGED = "volume_logged"
    SESSION_EDITED = "session_edited"
    REMINDER = "reminder"
    BUTTON_PRESSED = "button_pressed"
    SESSION_FINISHED = "session_finished"


class EventData(Frozen):
    """The data of one type of event."""

    type: ClassVar[EventType]


class SessionStartedData(EventData):
    """A session has started."""

    type = EventType.SESSION_STARTED
    routine: str = Field(description="The id of the routine.")
    side: Side = Field(description="The breasts that the session is for.")


class StepStartedData(EventData):
    """A step of the routine has started."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.STEP_STARTED
    step: str = Field(description="The kind of step, such as `warm`.")
    index: int = Field(description="Its place in the routine, from 0.")


class StepFinishedData(EventData):
    """A step of the routine is over."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.STEP_FINISHED
    step: str = Field(description="The kind of step, such as `warm`.")
    index: int = Field(description="Its place in the routine, from 0.")
    outcome: StepOutcome = Field(description="How it ended.")
    seconds: float = Field(description="How long it took, pauses included.")


class LetDownData(EventData):
    """The milk flows. At most once a session."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.LET_DOWN
    by: LetDownBy = Field(
        description="What noticed it: the pump, the flow of its milk, the `weight` on a scale, or the person (`tap`)."
    )
    seconds: float | None = Field(description="Time since suction began; `null` if it had not begun.")


class LimitedData(Limit, EventData):
    """Less than requested is allowed now, and why. Once for each change."""

    type = EventType.LIMITED
    words: str = Field(description="The same in one sentence.")


class PausedData(EventData):
    """The session is paused, and everything is off."""

    type = EventType.PAUSED


class ResumedData(EventData):
    """The session continues after a pause."""

    type = EventType.RESUMED


class VacuumSetData(EventData):
    """The person changed the vacuum, and the pumps accepted it."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.VACUUM_SET
    phase: Phase = Field(description="The phase of suction.")
    from_mmhg: float = Field(description="What was to be reached before.")
    mmhg: float = Field(description="What is to be reached now, within the limits.")


class PainData(EventData):
    """The person reported pain. Once a session; without a session, each time."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.PAIN
    vacuum_mmhg: float | None = Field(None, description="What the pumps were set to; `null` without suction in mmHg.")
    phase: Phase | None = Field(None, description="The phase of suction then; `null` without suction.")


class TripData(Trip, EventData):
    """A hard stop by the guard: everything is off until the trip is acknowledged."""

    type = EventType.TRIP


class UncertainData(EventData):
    """A device did not confirm a stop: it may still run."""

    type = EventType.UNCERTAIN
    device: str = Field(description="The device.")


class StopConfirmedData(EventData):
    """A device that was uncertain has confirmed that it is off."""

    type = EventType.STOP_CONFIRMED
    device: str = Field(description="The device.")


class RunsOutsideData(EventData):
    """A device was switched on or off by hand, or by itself."""

    type = EventType.RUNS_OUTSIDE
    device: str = Field(description="The device.")
    on: bool = Field(description="Whether it is on now.")
    words: str | None = Field(description="How it was noticed; `null` when it is off again.")
    key: str | None = Field(None, description="The same as a key of `reasons` in the language files.")


class EnforcedData(EventData):
    """A device exceeded what is allowed, and was lowered or stopped."""

    type = EventType.ENFORCED
    device: str = Field(description="The device.")
    action: Literal["lower", "stop"] = Field(description="What was done.")
    words: str = Field(description="Why, in one sentence.")
    key: str = Field(description="The same as a key of `reasons` in the language files.")


class VolumeLoggedData(EventData):
    """Milk that was measured by hand was logged, for the session that the event names."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.VOLUME_LOGGED
    left_ml: float | None = Field(description="From the left breast; `null` leaves an earlier value as it is.")
    right_ml: float | None = Field(description="From the right breast; `null` leaves an earlier value as it is.")


class SessionEditedData(EventData):
    """A person corrected a session of the history, which may be an earlier one. What was changed is in the history."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    type = EventType.SESSION_EDITED
    revision: int = Field(description="How often the session has been edited.")


class ReminderData(EventData):
    """Something is due, by the settings of `reminders`. Once for each thing; nothing starts by it."""

    type = EventType.REMINDER
    kind: ReminderKind = Field(description="What is due: the next session, cleaning the parts, or charging a pump.")
    due_at: datetime = Field(description="Since when, in UTC. Quiet hours or a session may have held it.")
    device: str | None = Field(None, description="The pump whose battery is low; else `null`.")
    words: str = Field(description="The same in one sentence, in the language of the settings.")


class ButtonPressedData(EventData):
    """A button was pressed, or something looks like it. Nothing starts or rises by it."""

    type = EventType.BUTTON_PRESSED
    device: str = Field(description="The button.")
    press: PressEvent = Field(description="How it was pressed; `unknown`: the packet does not show it.")
    trust: PressTrust = Field(
        description="`verified`: encrypted with its key, newer than all before. `plain`: not encrypted, of a button "
        "without a key. All others can only stop: `repeated` was received before or may have been, `unverified` is not "
        "encrypted though there is a key, `unreadable` is encrypted with another."
    )
    did: PressMeaning | None = Field(
        None, description="What it did: `stop`, `pain` or `let_down`.", json_schema_extra=HEALTH_RECORD
    )
    words: str | None = Field(None, description="The same in one sentence.", json_schema_extra=HEALTH_RECORD)


class SessionFinishedData(EventData):
    """A session is over, with what it measured. Also sent for a session that a crash interrupted."""

    type = EventType.SESSION_FINISHED
    outcome: SessionState = Field(description="How it ended: one of the four final states.")
    reason: EndReason | None = Field(description="Why it ended.", json_schema_extra=HEALTH_RECORD)
    reason_words: str | None = Field(
        None, description="The same in the language of the settings.", json_schema_extra=HEALTH_RECORD
    )
    routine: str | None = Field(description="The id of the routine.")
    let_down_seconds: float | None = Field(
        None, description="Time from the beginning of suction to the let-down.", json_schema_extra=HEALTH_RECORD
    )
    volume_ml: Volume = Field(Volume(), description="Milk that pumps measured.", json_schema_extra=HEALTH_RECORD)
    weighed_ml: Volume = Field(Volume(), description="Milk that scales weighed.", json_schema_extra=HEALTH_RECORD)
    peak_vacuum_mmhg: float | None = Field(None, description="The highest vacuum that a pump reported.")
    warmest_celsius: float | None = Field(None, description="The highest temperature of a compress that was on.")


_MODELS: tuple[type[EventData], ...] = (
    SessionStartedData,
    StepStartedData,
    StepFinishedData,
    LetDownData,
    LimitedData,
    PausedData,
    ResumedData,
    VacuumSetData,
    PainData,
    TripData,
    UncertainData,
    StopConfirmedData,
    RunsOutsideData,
    EnforcedData,
    VolumeLoggedData,
    SessionEditedData,
    ReminderData,
    ButtonPressedData,
    SessionFinishedData,
)
EVENT_DATA: dict[EventType, type[EventData]] = {model.type: model for model in _MODELS}
