"""What there is of a station."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

from controller.commands import Action
from controller.events import EventType, SessionState
from controller.features.feature import PRESS, Feature, Kind, flag, reading
from controller.safety import EXPRESSION_VACUUM_MMHG, OwnerLimits
from devices.roles import Phase, Side


def _button(action: Action, name: str, words: str, args: dict[str, JsonValue] | None = None, id_: str = "") -> Feature:
    return Feature(id=id_ or action.value, name=name, kind=Kind.BUTTON, words=words, says={PRESS: (action, args or {})})


_BUTTONS = (
    _button(Action.PAIN, "Pain", "It hurts: stops everything at once, and notes that it hurt."),
    _button(Action.STOP, "Stop", "Stops everything at once."),
    _button(Action.START, "Start", "Starts the chosen routine on the chosen side; the questions come first."),
    _button(Action.PAUSE, "Pause", "Releases the vacuum, and waits for Resume."),
    _button(Action.RESUME, "Resume", "Goes on after a pause."),
    _button(Action.SKIP, "Skip", "Goes on to the next technique or step."),
    _button(Action.START_SUCTION, "Start suction now", "The flange is on: the pumps start now, without the countdown."),
    _button(Action.NOT_YET, "Not yet", "Holds the countdown: the pumps wait until you start them."),
    _button(Action.LET_DOWN, "Let-down felt", "You feel the let-down; expression begins."),
    _button(Action.VACUUM_UP, "Vacuum up", "A little more vacuum, within the limits: one step in 10 s."),
    _button(Action.VACUUM_DOWN, "Vacuum down", "A little less vacuum, at once."),
    _button(
        Action.ANSWER,
        "No symptoms",
        "Answers every open question of the check with no.",
        {"question": "all", "value": False},
        "answer_no",
    ),
    _button(
        Action.ANSWER,
        "Answer yes",
        "Answers the question that is shown with yes: today's session becomes gentler.",
        {"question": "asked", "value": True},
        "answer_yes",
    ),
    _button(
        Action.ACKNOWLEDGE, "Acknowledge", "Lifts a trip, or a device that may still run, once you looked after it."
    ),
)

_READINGS = (
    reading(
        "state", "State", "state", "Where the session stands.", options=tuple(state.value for state in SessionState)
    ),
    reading(
        "phase",
        "Phase",
        "phase",
        "What the pumps do: stimulation until the let-down, expression after it.",
        options=tuple(phase.value for phase in Phase),
    ),
    reading(
        "step",
        "Step",
        "step",
        "The step of the routine that is under way.",
        options=("check", "warm", "massage", "stimulate", "express", "rest", "prompt"),
    ),
    reading("progress", "Progress", "progress", "How far the routine is.", "%"),
    reading("ends_at", "Ends at", "ends_at", "When it is over, if every step takes as long as it may."),
    reading("target_vacuum", "Target vacuum", "target_vacuum_mmhg", "What the pumps were told.", "mmHg"),
    reading(
        "suction_starts_in",
        "Suction starts in",
        "suction_starts_in_seconds",
        "How long until the pumps start by themselves, while you put the flange on.",
        "s",
    ),
    reading("rate", "Cycle rate", "rate_cpm", "Cycles a minute that the pumps were told.", "cpm"),
    reading("volume_left", "Milk left", "volume_ml.left", "Milk of this session from the left breast.", "mL"),
    reading("volume_right", "Milk right", "volume_ml.right", "Milk of this session from the right breast.", "mL"),
    reading("volume_total", "Milk", "volume_total_ml", "Milk of this session, of what is known.", "mL"),
    reading("let_down_after", "Let-down after", "let_down_seconds", "From stimulation to let-down.", "s"),
    reading(
        "peak_vacuum", "Peak vacuum", "peak_vacuum_mmhg", "The highest in this session.", "mmHg", category="diagnostic"
    ),
    reading("reason", "Reason", "reason", "Why the last session ended.", category="diagnostic"),
    Feature(id="guide", name="Guide", kind=Kind.WORDS, words="What to do now.", source="guide", path="words"),
    flag("running", "Session", "running", "Whether a session is under way."),
    flag("waits_for_flange", "Waits for the flange", "waits_for_flange", "Whether the pumps wait for Start suction."),
    flag("runs_outside", "Used by hand", "runs_outside", "Whether a device is on that was not started from here."),
    flag("problem", "Problem", "problem", "Whether something tripped, may still run, or keeps anything from starting."),
)

_EVENTS: dict[str, tuple[str, str, tuple[EventType, ...]]] = {
    "let_down_event": ("Let-down", "The milk lets down.", (EventType.LET_DOWN,)),
    "step_event": ("Step change", "A step begins or ends.", (EventType.STEP_STARTED, EventType.STEP_FINISHED)),
    "session_event": (
        "Session change",
        "A session begins or ends.",
        (EventType.SESSION_STARTED, EventType.SESSION_FINISHED, EventType.PAUSED, EventType.RESUMED),
    ),
    "trip_event": (
        "Alarm",
        "Something was stopped or lowered for safety, hurt, or runs though nobody here started it.",
        (
            EventType.TRIP,
            EventType.PAIN,
            EventType.UNCERTAIN,
            EventType.SETTLED,
            EventType.ENFORCED,
            EventType.RUNS_OUTSIDE,
        ),
    ),
}


def station_features(owner: OwnerLimits, routines: Iterable[str]) -> tuple[Feature, ...]:
    """Return what there is of a station."""
    choices = (
        Feature(
            id="routine",
            name="Routine",
            kind=Kind.CHOICE,
            words="What Start begins.",
            source="choices",
            path="routine",
            options=tuple(routines),
            action=Action.CHOOSE,
            fills="routine",
        ),
        Feature(
            id="side",
            name="Side",
            kind=Kind.CHOICE,
            words="Which breast Start is for.",
            source="choices",
            path="side",
            options=tuple(side.value for side in Side),
            action=Action.CHOOSE,
            fills="side",
        ),
        Feature(
            id="comfort_vacuum",
            name="Comfort cap",
            kind=Kind.AMOUNT,
            words="How much vacuum is comfortable. It holds at once, and never goes above your settings.",
            source="choices",
            path="comfort_vacuum_mmhg",
            unit="mmHg",
            least=60,
            most=owner.comfortable_mmhg,
            step=5,
            category="setting",
            action=Action.CHOOSE,
            fills="comfort_vacuum_mmhg",
        ),
        Feature(
            id="vacuum",
            name="Vacuum",
            kind=Kind.AMOUNT,
            words="The vacuum of the running pumps. Lowering is at once; raising is one step of 20 in 10 s.",
            source="state",
            path="target_vacuum_mmhg",
            unit="mmHg",
            least=0,
            most=EXPRESSION_VACUUM_MMHG,
            step=5,
            action=Action.SET_VACUUM,
            fills="mmhg",
        ),
    )
    happenings = tuple(
        Feature(id=id_, name=name, kind=Kind.HAPPENING, words=words, source="event", path="type", types=types)
        for id_, (name, words, types) in _EVENTS.items()
    )
    return _BUTTONS + choices + _READINGS + happenings
