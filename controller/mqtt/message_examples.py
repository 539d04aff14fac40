"""One example of each message, for the documentation: what the models accept, and what the controller replies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from controller.contract.about import CONTRACT_VERSION, About, AboutDevice, AboutQuestion, AboutRoutine, AboutStation
from controller.contract.comfort import ComfortAdvice, LearnedVacuum, Usual, VacuumSuggestion
from controller.contract.commands import Action, Command, Reply
from controller.contract.event_data import (
    ButtonPressedData,
    EnforcedData,
    EventData,
    LetDownData,
    LimitedData,
    PainData,
    PausedData,
    ReminderData,
    ResumedData,
    RunsOutsideData,
    SessionEditedData,
    SessionFinishedData,
    SessionStartedData,
    StepFinishedData,
    StepStartedData,
    StopConfirmedData,
    TripData,
    UncertainData,
    VacuumSetData,
    VolumeLoggedData,
)
from controller.contract.events import (
    DeviceView,
    EndReason,
    Event,
    Guide,
    SessionState,
    Snapshot,
    StartDefaults,
    StepView,
    Telemetry,
    Volume,
)
from controller.contract.history_summary import HistorySummary
from controller.contract.recent_sessions import RecentSession, RecentSessions
from controller.contract.reminders import Reminders
from controller.contract.uploads import UploadSummary
from controller.mqtt.instance import Instance
from controller.safety.limits import Reason, TripKind
from devices.roles import Capability, LinkState, Phase, PressEvent, PressMeaning, PumpReading, RunState, Side

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_STATION = "home"
SESSION = "20260101T120000-5f0c1a"

INSTANCE = Instance(instance="9c4e", node="kitchen", stations=(_STATION,), host="raspberrypi", since=_NOON)
ABOUT = About(
    contract_version=CONTRACT_VERSION,
    letdown_version=version("letdown"),
    node="kitchen",
    language="en",
    languages=("de", "en"),
    stations=(
        AboutStation(
            name=_STATION,
            body=_STATION,
            devices=(
                AboutDevice(
                    name="left-pump",
                    role="pump",
                    model="Open lactation profile, breast pump",
                    profile="open-pump",
                    confidence="verified",
                    side=Side.LEFT,
                    capabilities=(Capability.START, Capability.VACUUM_MMHG, Capability.REPORTS_VACUUM),
                ),
            ),
        ),
    ),
    routines=(
        AboutRoutine(
            id="gentle",
            name={"de": "Sanft", "en": "Gentle"},
            summary={"de": "Für einen empfindlichen Tag.", "en": "For a tender day."},
            steps=("check", "stimulate", "express"),
            longest_seconds=900,
            uses=("pump",),
            needs=(),
            off=None,
        ),
    ),
    questions=(
        AboutQuestion(
            id="fever",
            text={"de": "Hast du Fieber oder Schüttelfrost?", "en": "Do you have a fever or chills?"},
            if_yes={"de": "Wende dich bitte an …", "en": "Please contact a midwife or doctor now. …"},
        ),
    ),
    answer_seconds=600,
    pause_seconds=3600,
    vacuum_step_mmhg=20,
    remote_raise=True,
    recent_sessions=False,
    history=True,
)
SNAPSHOT = Snapshot(
    station=_STATION,
    state=SessionState.RUNNING,
    session_id=SESSION,
    routine="soften-for-latch",
    side=Side.BOTH,
    step="stimulate",
    step_index=1,
    steps=(
        StepView(name="check", title="How are you?", planned_seconds=None, seconds=21.4, outcome="done"),
        StepView(name="stimulate", title="Waiting for let-down", planned_seconds=120, seconds=40),
    ),
    step_seconds_left=80,
    ends_at=_NOON + timedelta(minutes=2),
    progress=0.333,
    phase=Phase.STIMULATION,
    target_vacuum_mmhg=90,
    rate_cpm=100,
    volume_ml=Volume(left=0, right=0),
    peak_vacuum_mmhg=92.5,
    allowed_actions=("stop", "pain", "pause", "skip", "let_down", "set_vacuum"),
)
# The beginning of one, and its end.
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" role="img">…</svg>'

GUIDE = Guide(
    station=_STATION,
    step="check",
    title="How are you?",
    words="Do you have a fever or chills?",
    question="fever",
    seconds_left=600,
)
START_DEFAULTS = StartDefaults(station=_STATION, routine="classic", side=Side.BOTH, comfort_vacuum_mmhg=180)
RECENT_SESSIONS = RecentSessions(
    station=_STATION,
    sessions=(
        RecentSession(
            session_id=SESSION,
            routine="classic",
            side=Side.BOTH,
            began_at=_NOON,
            ended_at=_NOON + timedelta(minutes=25),
            outcome=SessionState.COMPLETED,
            volume_ml=Volume(left=60, right=55),
        ),
    ),
)
HISTORY = HistorySummary(
    station=_STATION,
    last_session_id=SESSION,
    last_session_at=_NOON + timedelta(minutes=25),
    last_volume_ml=Volume(left=60, right=55),
    last_volume_total_ml=115,
    rolling_24h_ml=702,
    rolling_24h_sessions=8,
    rolling_24h_measured=7,
    today=_NOON.date(),
    today_ml=320,
    today_sessions=4,
    today_measured=4,
)
COMFORT = ComfortAdvice(
    station=_STATION,
    learned=(
        LearnedVacuum(side=Side.LEFT, phase=Phase.EXPRESSION, mmhg=130, because="pain", since=_NOON, too_much_mmhg=150),
    ),
    suggestions=(VacuumSuggestion(side=Side.RIGHT, phase=Phase.EXPRESSION, mmhg=170, sessions=8),),
    let_down=Usual(seconds=85, sessions=12),
)
REMINDERS = Reminders(
    station=_STATION,
    next_session_at=_NOON + timedelta(hours=3),
    next_session_due=False,
    parts_to_clean=True,
    battery_low=True,
    low_batteries=("left-pump",),
)
UPLOADS = UploadSummary(
    station=_STATION,
    waiting=2,
    rejected=0,
    problem="Baby Buddy cannot be reached. Nothing is lost, it is tried again.",
    key="upload_unreachable",
)
DEVICE = DeviceView(
    station=_STATION,
    device="left-pump",
    profile="open-pump",
    side=Side.LEFT,
    link=LinkState.CONNECTED,
    available=True,
    rssi_dbm=-58,
    reported_at=_NOON,
    reading=PumpReading(
        run_state=RunState.RUNNING, phase=Phase.STIMULATION, target_vacuum_mmhg=90, vacuum_mmhg=88.5, battery_percent=71
    ),
)
TELEMETRY = Telemetry(station=_STATION, device="left-pump", values={"vacuum_mmhg": 88.5, "volume_ml": 12.5})

_EVENTS: tuple[EventData, ...] = (
    SessionStartedData(routine="classic", side=Side.BOTH),
    StepStartedData(step="warm", index=1),
    StepFinishedData(step="warm", index=1, outcome="done", seconds=300),
    LetDownData(by="device", seconds=80.5),
    LimitedData(
        quantity="vacuum_mmhg",
        asked=200,
        allowed=150,
        reasons=(Reason(who="owner", allows=150, key="comfort_cap", words="your comfort cap"),),
        words="150 mmHg: your comfort cap",
    ),
    PausedData(),
    ResumedData(),
    VacuumSetData(phase=Phase.EXPRESSION, from_mmhg=150, mmhg=130),
    PainData(vacuum_mmhg=130, phase=Phase.EXPRESSION),
    TripData(kind=TripKind.VACUUM, device="left-pump", words="the vacuum was too high", detail="310 mmHg"),
    UncertainData(device="left-pump"),
    StopConfirmedData(device="left-pump"),
    RunsOutsideData(device="left-pump", on=True, words="it was switched on by hand", key="used_by_hand"),
    EnforcedData(
        device="left-pump",
        action="lower",
        words="it measures 180 mmHg, and 150 mmHg is allowed now",
        key="measured_above_suction",
    ),
    VolumeLoggedData(left_ml=60, right_ml=55),
    SessionEditedData(revision=1),
    ReminderData(kind="battery_low", due_at=_NOON, device="left-pump", words="The battery of left-pump is at 15 %."),
    ButtonPressedData(
        device="chair",
        press=PressEvent.PRESS,
        trust="plain",
        did=PressMeaning.STOP,
        words="stopped by the button chair",
    ),
    SessionFinishedData(
        outcome=SessionState.COMPLETED,
        reason=EndReason.COMPLETED,
        reason_words="the routine is done",
        routine="classic",
        let_down_seconds=80.5,
        volume_ml=Volume(left=61.2, right=54.9),
        peak_vacuum_mmhg=151.5,
        warmest_celsius=40.3,
    ),
)
EVENTS = tuple(
    Event(id=f"e{number}", time=_NOON, station=_STATION, session_id=SESSION, type=data.type, data=data)
    for number, data in enumerate(_EVENTS, 1)
)

# For each action, what it does, and valid arguments.
ACTIONS: dict[Action, tuple[str, dict[str, Any]]] = {
    Action.START: ("Start a routine.", {"routine": "classic", "side": "both"}),
    Action.STOP: ("Stop everything. Always works.", {}),
    Action.PAIN: ("It hurts: stop everything, and log the pain. Always works.", {}),
    Action.PAUSE: ("Pause the session.", {}),
    Action.RESUME: ("Continue after a pause.", {}),
    Action.SKIP: ("Continue with the next technique or step.", {}),
    Action.NOT_YET: ("The flange is not on yet: stop the countdown, and wait for `start_suction`.", {}),
    Action.START_SUCTION: ("The flange is on: start the pumps now.", {}),
    Action.LET_DOWN: ("The milk flows: continue with expression.", {}),
    Action.VACUUM_UP: ("Raise the vacuum by one step.", {}),
    Action.VACUUM_DOWN: ("Lower the vacuum by one step.", {}),
    Action.SET_VACUUM: ("Set the vacuum.", {"mmhg": 150}),
    Action.SET_WARMTH: ("Set the warm compress that is on.", {"celsius": 39}),
    Action.SET_START_DEFAULTS: (
        "Set the routine and side of a start that names none, and the comfort cap.",
        {"routine": "gentle", "side": "left"},
    ),
    Action.ANSWER: ("Answer a question of the check.", {"question": "asked", "value": False}),
    Action.ACKNOWLEDGE: ("I have checked the devices: clear a trip, or an uncertain stop.", {}),
    Action.LOG_VOLUME: ("Log milk that was measured by hand.", {"left_ml": 60, "right_ml": 55}),
    Action.EDIT_SESSION: (
        "Correct a session of the history: milk measured by hand, and a note.",
        {"session_id": SESSION, "revision": 0, "left_ml": 60},
    ),
    Action.PARTS_CLEAN: ("The parts are clean: ends that reminder.", {}),
    Action.RESOLVE_UPLOAD: (
        "Send a session to Baby Buddy again, or skip it.",
        {"session_id": SESSION, "how": "retry"},
    ),
    Action.COMFORT: (
        "Decide about what was learned of your comfort: accept what is suggested, forget it, use it or not.",
        {"what": "off"},
    ),
    Action.STASH: (
        "Note what was done with a bottle or bag of milk: stored, moved, thawed, used or discarded.",
        {"kind": "stored", "container": "blue", "ml": 90, "place": "fridge"},
    ),
}

# What the replies to these commands have beside `accepted`.
_STOPPED = dict.fromkeys(("left-pump", "right-pump", "warm-pad", "massager"), "stopped")
_REPLIES: dict[Action, dict[str, Any]] = {
    Action.START: {"session_id": SESSION},
    Action.STOP: {"devices": _STOPPED},
    Action.PAIN: {"devices": _STOPPED},
    Action.SET_VACUUM: {
        "outcome": "limited",
        "reasons": ("100 mmHg: 20 mmHg at a time, the next in 8 s",),
        "keys": ("pace",),
    },
}


def example(action: Action) -> Command:
    """Return a valid command."""
    return Command(id=f"{action.value}-1", action=action, args=ACTIONS[action][1])


def example_reply(action: Action) -> Reply:
    """Return the reply to the example, sent when it fits: `resume` in a pause, `set_vacuum` at 80 mmHg."""
    return Reply(id=f"{action.value}-1", action=action.value, **{"outcome": "accepted", **_REPLIES.get(action, {})})
