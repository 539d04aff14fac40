"""What the controller publishes (events, snapshots, guidance, views of devices), and the stream to all subscribers."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationInfo, WithJsonSchema, computed_field, field_validator

from controller.contract.cautions import Caution
from controller.contract.comfort import ComfortAdvice
from controller.contract.device_test_view import DeviceTestView
from controller.contract.event_data import EVENT_DATA, EventData, EventType, LetDownBy
from controller.contract.history_summary import HistorySummary
from controller.contract.limits_view import LimitsView
from controller.contract.recent_sessions import RecentSessions
from controller.contract.reminders import Reminders
from controller.contract.session_state import (
    ANSWER_SECONDS,
    EPOCH,
    EndReason,
    Question,
    SessionState,
    StepOutcome,
    Volume,
)
from controller.contract.uploads import UploadSummary
from controller.safety.limits import RAISE_STEP_MMHG, Limit, Trip
from devices.roles import HEALTH_RECORD, Frozen, LinkState, Phase, Side
from devices.sensor_roles import AnyReading

__all__ = [  # imported from here, too
    "ANSWER_SECONDS",
    "EndReason",
    "EventData",
    "EventType",
    "Question",
    "SessionState",
    "StepOutcome",
    "Volume",
]

_LOGGER = logging.getLogger(__name__)

_ENDS = uuid.UUID("5f3f5c0e-6f0b-4a55-9d43-8f2c61a0d6b1")


class Event(Frozen):
    """Something that happened. `data` is the model of its `type`; `Event.of` builds an event from its data."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, description="Unique; the same if it is sent again.")
    time: datetime = Field(default_factory=lambda: datetime.now(UTC), description="When it happened, in UTC.")
    station: str = Field(description="The station.")
    session_id: str | None = Field(description="The session that it belongs to, if there is one.")
    type: EventType = Field(description="What happened.")
    data: SerializeAsAny[EventData] = Field(description="More about it, by its type.")
    epoch: int | None = Field(None, description=EPOCH)

    @classmethod
    def of(cls, station: str, session_id: str | None, data: EventData) -> Event:
        """Return an event that happens now. A session has one end, whatever reports it: its id is always the same."""
        event = cls(station=station, session_id=session_id, type=data.type, data=data)
        if data.type is not EventType.SESSION_FINISHED or session_id is None:
            return event
        return event.model_copy(update={"id": uuid.uuid5(_ENDS, session_id).hex})

    @field_validator("data", mode="before")
    @classmethod
    def _is_of_its_type(cls, data: object, info: ValidationInfo) -> object:
        kind = info.data.get("type")  # missing where it is invalid itself
        return data if kind is None else EVENT_DATA[kind].model_validate(data)


class PartView(Frozen):
    """One technique on one side, within a massage step."""

    name: str = Field(description="The technique, such as `spiral`.")
    side: Side = Field(description="The breast.")
    seconds: float = Field(description="How long it took.")
    outcome: StepOutcome | None = Field(None, description="`done` or `skipped`.")


class StepView(Frozen):
    """One step as a person sees it."""

    name: str = Field(description="The kind of step, such as `warm`.")
    title: str = Field(description="Its title, in the language of the settings.")
    planned_seconds: float | None = Field(description="Its longest duration; `null`: as long as the person needs.")
    seconds: float = Field(0.0, description="Its duration so far.")
    outcome: StepOutcome | None = Field(None, description="How it ended; `null` until it is over.")
    by_hand: bool = Field(False, description="No device takes part: the guide leads the person through it.")
    parts: tuple[PartView, ...] = Field((), description="The techniques so far, of a massage.")


class Snapshot(Frozen):
    """The current state of a station and its session. After a session, it stays until the next one starts."""

    station: str = Field(description="The station.")
    epoch: int | None = Field(None, description=EPOCH)
    state: SessionState = Field(SessionState.IDLE, description="`idle` until the first session; the last four: ended.")
    session_id: str | None = Field(None, description="The session that runs, or ran last.")
    routine: str | None = Field(None, description="The id of its routine.")
    side: Side | None = Field(None, description="The breasts that it is for.")
    # Steps, phase and rate are marked, too: that expressing begins shows that the milk flows.
    step: str | None = Field(
        None, description="The kind of the current step, such as `warm`.", json_schema_extra=HEALTH_RECORD
    )
    step_index: int | None = Field(None, description="Its place in `steps`, from 0.", json_schema_extra=HEALTH_RECORD)
    steps: tuple[StepView, ...] = Field((), description="All steps of the routine.", json_schema_extra=HEALTH_RECORD)
    step_seconds_left: float | None = Field(
        None, description="Until the step ends at the latest.", json_schema_extra=HEALTH_RECORD
    )
    ends_at: datetime | None = Field(
        None, description="When the session ends if every step takes its full time; `null` while it is paused or waits."
    )
    progress: float | None = Field(
        None, ge=0, le=1, description="How much of the planned time is over; `null` while no session is under way."
    )
    phase: Phase | None = Field(
        None, description="What the running pumps are set to, like the next three.", json_schema_extra=HEALTH_RECORD
    )
    target_vacuum_mmhg: float | None = Field(None, description="`null` without a pump that can be set in mmHg.")
    highest_target_mmhg: float | None = Field(
        None, description="The highest target of the session. Pumps may measure more, by as much as they vary."
    )
    level: int | None = Field(None, description="Of a pump with levels.")
    rate_cpm: float | None = Field(
        None, description="`null` without a pump whose rate can be set.", json_schema_extra=HEALTH_RECORD
    )
    limits: tuple[Limit, ...] = Field((), description="What is limited now, and why; one for each quantity.")
    let_down_seconds: float | None = Field(
        None, description="Time from the beginning of suction to the let-down.", json_schema_extra=HEALTH_RECORD
    )
    let_down_by: LetDownBy | None = Field(
        None,
        description="What noticed it: pump, flow of milk, weight of the bottle, or the person.",
        json_schema_extra=HEALTH_RECORD,
    )
    volume_ml: Volume = Field(Volume(), description="Milk of this session.", json_schema_extra=HEALTH_RECORD)
    weighed_ml: Volume = Field(
        Volume(), description="The same as scales under the bottles weighed it.", json_schema_extra=HEALTH_RECORD
    )
    peak_vacuum_mmhg: float | None = Field(None, description="The highest vacuum that a pump reported.")
    warmest_celsius: float | None = Field(None, description="The highest temperature of a compress that was on.")
    reason: EndReason | None = Field(
        None, description="Why the latest session ended; `null` while none has.", json_schema_extra=HEALTH_RECORD
    )
    reason_words: str | None = Field(
        None,
        description="The same in the language of the settings, with the device if one is the reason.",
        json_schema_extra=HEALTH_RECORD,
    )
    vacuum_step_mmhg: float = Field(
        RAISE_STEP_MMHG, description="What `vacuum_up` and `vacuum_down` change; a pump with levels: one level."
    )
    suction_starts_in_seconds: float | None = Field(
        None, description="Countdown until the pumps start by themselves, for putting on the flange."
    )
    waits_for_flange: bool = Field(False, description="The pumps start only on `start_suction`.")
    trip: Trip | None = Field(None, description="The trip that must be acknowledged before anything starts.")
    uncertain: tuple[str, ...] = Field(
        (), description="Devices that were on and have not confirmed that they stopped; `acknowledge` after a look."
    )
    running_outside: tuple[str, ...] = Field((), description="Devices that run and were not started by the controller.")
    problems: tuple[str, ...] = Field(
        (),
        description="What else prevents a start, such as a store that cannot be written, in the language of the "
        "settings.",
    )
    allowed_actions: tuple[str, ...] = Field(
        (),
        description="What would not be refused now. `start` stands for the start defaults, `answer` for the question "
        "that is shown, and `answer_all` for no to all open questions at once.",
    )
    notices: tuple[str, ...] = Field(
        (),
        description="What a person should know, and what prevents no start, such as a history that cannot be written; "
        "in the language of the settings.",
    )
    problem_details: tuple[str, ...] = Field(
        (),
        description="Each of `problems` and `notices` with its remedy, in English, for the person who looks after the "
        "controller.",
    )

    @computed_field(json_schema_extra=HEALTH_RECORD)  # type: ignore[prop-decorator]
    @property
    def volume_total_ml(self) -> float | None:
        """Milk of both breasts in mL, as far as it is known."""
        return self.volume_ml.total

    @computed_field(json_schema_extra=HEALTH_RECORD)  # type: ignore[prop-decorator]
    @property
    def weighed_total_ml(self) -> float | None:
        """Milk of both breasts in mL, as far as it was weighed."""
        return self.weighed_ml.total

    @computed_field  # type: ignore[prop-decorator]
    @property
    def running(self) -> bool:
        """Whether a session is under way."""
        return not self.state.over

    @computed_field  # type: ignore[prop-decorator]
    @property
    def runs_outside(self) -> bool:
        """Whether a device runs that was not started by the controller."""
        return bool(self.running_outside)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def problem(self) -> bool:
        """Whether a person must take care of something before anything can start again."""
        return self.trip is not None or bool(self.uncertain) or bool(self.problems)


class StartDefaults(Frozen):
    """What `start` takes where it names no routine or side, and the comfort cap."""

    station: str = Field(description="The station.")
    routine: str = Field(description="The id of the routine.")
    side: Side = Field(description="The breasts.")
    comfort_vacuum_mmhg: float = Field(description="The highest comfortable vacuum: no pump is set higher.")


class Guide(Frozen):
    """What the person should do now, in the language of the settings."""

    station: str = Field(description="The station.")
    step: str | None = Field(
        None,
        description="The kind of step, such as `massage`; after a session its last one; else `null`.",
        json_schema_extra=HEALTH_RECORD,
    )
    technique: str | None = Field(
        None, description="The technique of a massage, such as `spiral`.", json_schema_extra=HEALTH_RECORD
    )
    side: Side | None = Field(None, description="The breast, during a massage.", json_schema_extra=HEALTH_RECORD)
    title: str = Field("", description="A short headline; may be empty.", json_schema_extra=HEALTH_RECORD)
    words: str = Field("", description="What to do, in a few sentences.", json_schema_extra=HEALTH_RECORD)
    seconds: float | None = Field(None, description="How long this takes.", json_schema_extra=HEALTH_RECORD)
    seconds_left: float | None = Field(None, description="How much of it is left.", json_schema_extra=HEALTH_RECORD)
    picture: str | None = Field(
        None, description="The name of a drawing in `config/pictures`.", json_schema_extra=HEALTH_RECORD
    )
    question: Question | None = Field(
        None, description="The id of the question in `words`; send it with `answer`.", json_schema_extra=HEALTH_RECORD
    )
    answer_by: datetime | None = Field(
        None,
        description="Until when a question, or the flange without a countdown, waits; then the session ends. `null` "
        "where nothing waits for the person, and during a pause.",
    )
    waits_for: Literal["flange"] | None = Field(
        None, description="The pumps wait for the flange: `start_suction` starts them, `not_yet` stops the countdown."
    )
    template: str | None = Field(
        None,
        description="The words with a placeholder such as `{press_pain}` for each control that they name, for "
        "interfaces whose controls have names of their own; `null` where they name none.",
        json_schema_extra=HEALTH_RECORD,
    )
    cautions: tuple[Caution, ...] = Field((), description="The cautions about devices that are in the words, by key.")
    language: str | None = Field(None, description="The code of the language, such as `en`.")


class DeviceView(Frozen):
    """The state of one device; `null` and `unknown` where it does not report a value."""

    station: str = Field(description="The station.")
    device: str = Field(description="The device, as named in the settings.")
    profile: str = Field(description="Its model, by the id of its profile.")
    confidence: Literal["verified", "unverified"] = Field(
        "unverified", description="Whether somebody has tried the profile on real hardware."
    )
    side: Side = Field(description="The breast that it serves.")
    link: LinkState = Field(description="The Bluetooth connection.")
    available: bool = Field(description="Whether it is connected and reports fresh values.")
    link_problem: str | None = Field(
        None, description="Why connecting failed, or the connection ended; `null` while it is connected."
    )
    rssi_dbm: int | None = Field(
        None, description="How well it was received when it was connected, in dBm; `null` while it is not connected."
    )
    reported_at: datetime | None = Field(
        None,
        description="When it last reported anything, in UTC; `null`: never. Where nothing else changes, this is "
        "published every 10 s.",
    )
    cautions: tuple[Caution, ...] = Field((), description="What it cannot do that a person would expect.")
    reading: AnyReading = Field(description="What it reports, by its role; all unknown while it is not available.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def connected(self) -> bool:
        """Whether it is connected; of a device that only advertises, whether its advertisements are received."""
        return self.link in (LinkState.CONNECTED, LinkState.HEARD)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def problem(self) -> bool | None:
        """Whether the device reports a fault; `None` while it is unavailable."""
        return self.reading.fault is not None if self.available else None


class ScannerHealth(Frozen):
    """Whether Bluetooth works: an advertisement was received recently, or a device is connected and reports values."""

    online: bool


# The fast-changing values of each role, as they are called in its reading.
TELEMETRY: dict[str, tuple[str, ...]] = {
    "pump": ("vacuum_mmhg", "peak_vacuum_mmhg", "flow_ml_per_s", "volume_ml"),
    "warmer": ("surface_celsius",),
    "massager": ("intensity",),
    "scale": ("weight_g", "flow_g_per_s"),
    "thermometer": ("celsius",),
}
_TELEMETRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "TelemetryValues",
    "description": "Only values that the device reports.",
    "properties": {
        name: {"type": ["number", "null"], "description": f"Of a {role}."}
        for role, names in TELEMETRY.items()
        for name in names
    },
    "additionalProperties": False,
}


class Telemetry(Frozen):
    """Fast-changing values of one device, as it reports them."""

    station: str = Field(description="The station.")
    device: str = Field(description="The device, as named in the settings.")
    values: Annotated[dict[str, float | bool], WithJsonSchema(_TELEMETRY_SCHEMA)] = Field(
        description="The values, by name."
    )


Item = (
    Event
    | Snapshot
    | Guide
    | StartDefaults
    | DeviceView
    | DeviceTestView
    | LimitsView
    | Telemetry
    | ScannerHealth
    | RecentSessions
    | HistorySummary
    | Reminders
    | UploadSummary
    | ComfortAdvice
)
