"""The features of a station and of its devices; those of a device by its role and capabilities."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, get_args

from pydantic import JsonValue

from controller.contract.commands import ALWAYS, Action, Outcome
from controller.contract.events import EventType, SessionState
from controller.contract.features.feature import PRESS, Feature, FeatureKind, StationFeatures, flag, sensor
from controller.safety.limits import (
    EXPRESSION_VACUUM_MMHG,
    HEAT_CELSIUS,
    LEAST_COMFORT_VACUUM_MMHG,
    RAISE_EVERY_SECONDS,
    RAISE_STEP_MMHG,
    OwnerLimits,
)
from devices.roles import Capability, DeviceLimits, Phase, RunState, Side


def _button(
    action: Action,
    name: str,
    words: str,
    args: dict[str, JsonValue] | None = None,
    id_: str = "",
    allowed_as: str | None = None,
) -> Feature:
    return Feature(
        id=id_ or action.value,
        name=name,
        kind=FeatureKind.BUTTON,
        words=words,
        payloads={PRESS: (action, args or {})},
        allowed_as=None if action in ALWAYS else allowed_as or action.value,
    )


_BUTTONS = (
    _button(Action.PAIN, "Pain", "It hurts: stops everything at once, and logs the pain."),
    _button(Action.STOP, "Stop", "Stops everything at once."),
    _button(Action.START, "Start", "Starts the selected routine on the selected side; the questions come first."),
    _button(Action.PAUSE, "Pause", "Releases the vacuum until Resume."),
    _button(Action.RESUME, "Resume", "Continues after a pause."),
    _button(Action.SKIP, "Skip", "Continues with the next technique or step."),
    _button(Action.START_SUCTION, "Start suction now", "The flange is on: the pumps start now, without the countdown."),
    _button(Action.NOT_YET, "Not yet", "Stops the countdown: the pumps wait until you start them."),
    _button(Action.LET_DOWN, "Let-down felt", "You feel the let-down; expression begins."),
    _button(
        Action.VACUUM_UP,
        "Vacuum up",
        f"More vacuum, within the limits: {RAISE_STEP_MMHG:g} mmHg, or a level, in {RAISE_EVERY_SECONDS:g} s.",
    ),
    _button(Action.VACUUM_DOWN, "Vacuum down", "Less vacuum, at once."),
    _button(
        Action.ANSWER,
        "No",
        "Answers the question that is shown with no.",
        {"question": "asked", "value": False},
        "answer_asked_no",
    ),
    _button(
        Action.ANSWER,
        "No to all questions",
        "Answers every open question of the check with no.",
        {"question": "all", "value": False},
        "answer_no",
        "answer_all",
    ),
    _button(
        Action.ANSWER,
        "Yes",
        "Answers the question that is shown with yes: today's session becomes gentler.",
        {"question": "asked", "value": True},
        "answer_yes",
    ),
    _button(
        Action.ACKNOWLEDGE, "Acknowledge", "Clears a trip or an uncertain stop, after you have checked the device."
    ),
)

_SENSORS = (
    sensor("state", "State", "state", "The state of the session.", options=tuple(SessionState)),
    sensor(
        "phase",
        "Phase",
        "phase",
        "The phase of the pumps: stimulation until the let-down, expression after it.",
        options=tuple(Phase),
    ),
    sensor(
        "step",
        "Step",
        "step",
        "The current step of the routine.",
        options=("check", "warm", "massage", "stimulate", "express", "rest", "prompt"),
    ),
    sensor("progress", "Progress", "progress", "Progress of the routine; unknown while no session is under way.", "%"),
    sensor("ends_at", "Ends at", "ends_at", "When the session ends if every step takes its full time."),
    sensor("target_vacuum", "Target vacuum", "target_vacuum_mmhg", "The vacuum that the pumps are set to.", "mmHg"),
    sensor(
        "suction_starts_in",
        "Suction starts in",
        "suction_starts_in_seconds",
        "Time until the pumps start by themselves, while you put the flange on.",
        "s",
    ),
    sensor("rate", "Cycle rate", "rate_cpm", "The cycle rate that the pumps are set to.", "cpm"),
    sensor("volume_left", "Milk left", "volume_ml.left", "Milk of this session from the left breast.", "mL"),
    sensor("volume_right", "Milk right", "volume_ml.right", "Milk of this session from the right breast.", "mL"),
    sensor("volume_total", "Milk", "volume_total_ml", "Milk of this session, as far as it is known.", "mL"),
    sensor("let_down_after", "Let-down after", "let_down_seconds", "Time from stimulation to let-down.", "s"),
    sensor(
        "peak_vacuum", "Peak vacuum", "peak_vacuum_mmhg", "The highest of this session.", "mmHg", category="diagnostic"
    ),
    sensor("reason", "Reason", "reason_words", "Why the last session ended.", category="diagnostic"),
    sensor("guide", "Guide", "words", "What to do now.", kind=FeatureKind.TEXT, source="guide"),
    sensor("picture", "Picture", "", "What to do now, as a drawing.", kind=FeatureKind.IMAGE, source="picture"),
    sensor(
        "reply",
        "Last reply",
        "outcome",
        "What became of the last command, and why.",
        kind=FeatureKind.TEXT,
        source="reply",
        options=get_args(Outcome),
    ),
    flag("running", "Session", "running", "Whether a session is under way."),
    flag("waits_for_flange", "Waits for the flange", "waits_for_flange", "Whether the pumps wait for Start suction."),
    flag("runs_outside", "Used by hand", "runs_outside", "Whether a device runs that was started by hand."),
    flag("problem", "Problem", "problem", "Whether there is a trip, an uncertain stop, or another problem."),
)

_EVENTS: dict[str, tuple[str, str, tuple[EventType, ...]]] = {
    "let_down_event": ("Let-down", "Milk ejection.", (EventType.LET_DOWN,)),
    "volume_event": ("Milk logged", "Milk that was measured by hand is noted.", (EventType.VOLUME_LOGGED,)),
    "step_event": ("Step change", "A step starts or ends.", (EventType.STEP_STARTED, EventType.STEP_FINISHED)),
    "session_event": (
        "Session change",
        "A session starts, pauses, resumes or ends.",
        (EventType.SESSION_STARTED, EventType.SESSION_FINISHED, EventType.PAUSED, EventType.RESUMED),
    ),
    "trip_event": (
        "Alarm",
        "A safety stop or reduction, pain, or a device that was not started by the controller.",
        (
            EventType.TRIP,
            EventType.PAIN,
            EventType.UNCERTAIN,
            EventType.STOP_CONFIRMED,
            EventType.ENFORCED,
            EventType.RUNS_OUTSIDE,
        ),
    ),
}


def _setting(id_: str, name: str, words: str, action: Action, argument: str, **more: Any) -> Feature:
    """Return a feature that sets an argument of an action, by default a start default of the same name."""
    kind = FeatureKind.SELECT if "options" in more else FeatureKind.NUMBER
    given = {"source": "start_defaults", "path": argument, "allowed_as": action.value, **more}
    return Feature(id=id_, name=name, kind=kind, words=words, action=action, argument=argument, **given)


def station_features(
    owner: OwnerLimits, routines: Iterable[str], comfort_mmhg: float | None = None
) -> tuple[Feature, ...]:
    """Return the features of a station. `comfort_mmhg`: the comfort cap that holds now, where one was set."""
    defaults = Action.SET_START_DEFAULTS
    may_raise = owner.remote_raise == "allow"
    cap_mmhg = owner.comfort_vacuum_mmhg if comfort_mmhg is None else comfort_mmhg
    buttons = (each.model_copy(update={"enabled": may_raise or each.id != Action.VACUUM_UP}) for each in _BUTTONS)
    settings = (
        _setting("routine", "Routine", "The routine that Start starts.", defaults, "routine", options=tuple(routines)),
        _setting("side", "Side", "The breast that Start is for.", defaults, "side", options=tuple(Side)),
        _setting(
            "comfort_vacuum",
            "Comfort cap",
            "The highest comfortable vacuum. It applies at once, and never exceeds your settings.",
            defaults,
            "comfort_vacuum_mmhg",
            unit="mmHg",
            least=LEAST_COMFORT_VACUUM_MMHG,
            most=owner.comfortable_mmhg if may_raise or cap_mmhg is None else cap_mmhg,
            step=5,
            category="setting",
        ),
        _setting(
            "vacuum",
            "Vacuum",
            "The vacuum of the running pumps. It is lowered at once, and raised by one step of 20 in 10 s.",
            Action.SET_VACUUM,
            "mmhg",
            source="state",
            path="target_vacuum_mmhg",
            unit="mmHg",
            least=0,
            most=EXPRESSION_VACUUM_MMHG if cap_mmhg is None else cap_mmhg,
            step=5,
            enabled=may_raise,
        ),
    )
    events = tuple(
        Feature(id=id_, name=name, kind=FeatureKind.EVENT, words=words, source="event", path="type", types=types)
        for id_, (name, words, types) in _EVENTS.items()
    )
    replies = Feature(
        id="reply_event",
        name="Reply",
        kind=FeatureKind.EVENT,
        words="A command was carried out, limited, refused, or failed.",
        source="reply",
        path="outcome",
        options=get_args(Outcome),
    )
    return (*buttons, *settings, *_SENSORS, *events, replies)


def at_cap(owner: OwnerLimits, station: StationFeatures, comfort_mmhg: float) -> StationFeatures:
    """Return a station's features with the ranges that a comfort cap in mmHg leaves.

    Where the settings name none, their default is no cap: a person may ask for more by a command.
    """
    none_set = owner.comfort_vacuum_mmhg is None and comfort_mmhg == owner.comfortable_mmhg
    now = station_features(owner, (), None if none_set else comfort_mmhg)
    ranges = {each.id: each.most for each in now if each.most is not None}
    features = tuple(
        each.model_copy(update={"most": ranges[each.id]}) if each.id in ranges else each for each in station.features
    )
    return station.model_copy(update={"features": features})


_COOLEST_CELSIUS = 30.0  # below skin temperature, no warmth is felt

_reading = partial(sensor, source="device")
_device_flag = partial(flag, source="device", category="diagnostic")

# The features of a role, by the capability that each needs.
_OF_ROLE: dict[str, dict[Capability, Feature]] = {
    "pump": {
        Capability.REPORTS_VACUUM: _reading(
            "vacuum", "Vacuum", "reading.vacuum_mmhg", "The vacuum now, updated once a second.", "mmHg"
        ),
        Capability.REPORTS_VOLUME: _reading("volume", "Milk", "reading.volume_ml", "What the pump has counted.", "mL"),
        Capability.REPORTS_FLOW: _reading("flow", "Flow", "reading.flow_ml_per_s", "Milk per second.", "mL/s"),
        Capability.LEVELS: _reading("level", "Level", "reading.level", "The pump's own level."),
    },
    "warmer": {
        Capability.REPORTS_TEMPERATURE: _reading(
            "surface_temperature",
            "Surface temperature",
            "reading.surface_celsius",
            "As the compress measures it.",
            "°C",
        ),
        Capability.REPORTS_POWER: _reading("power", "Power", "reading.power_w", "What it draws, at its plug.", "W"),
    },
    "massager": {},
}
_OF_ALL = {
    Capability.REPORTS_BATTERY: _reading(
        "battery", "Battery", "reading.battery_percent", "Charge of the battery.", "%", category="diagnostic"
    ),
}


def device_features(
    role: str,
    capabilities: frozenset[Capability],
    limits: DeviceLimits,
    owner: OwnerLimits = OwnerLimits(),  # noqa: B008 - frozen
) -> tuple[Feature, ...]:
    """Return the features of a device in one role."""
    reported = [feature for needed, feature in (_OF_ROLE[role] | _OF_ALL).items() if needed in capabilities]
    features = [
        _reading(
            "run_state", "State", "reading.run_state", "What the device reports that it does.", options=tuple(RunState)
        ),
        *reported,
        _device_flag("connected", "Connected", "connected", "Whether it is connected."),
        _device_flag("problem", "Problem", "problem", "Whether it reports a fault."),
    ]
    if role == "warmer" and {Capability.START, Capability.TARGET_CELSIUS} <= capabilities:
        features.append(_climate(limits, owner))
    return tuple(features)


def _climate(limits: DeviceLimits, owner: OwnerLimits) -> Feature:
    """Return a compress as a climate. Heat only runs in a session: while it does, its temperature can be set."""
    return Feature(
        id="warmth",
        name="Warmth",
        kind=FeatureKind.CLIMATE,
        words="While it warms: a temperature in °C sets it, `heat` leaves it as it is, `off` stops everything.",
        source="device",
        path="reading",
        unit="°C",
        least=max(_COOLEST_CELSIUS, limits.least_celsius or 0.0),
        most=min(owner.heat_celsius, limits.celsius or HEAT_CELSIUS),
        step=0.5,
        payloads={"heat": (Action.SET_WARMTH, {}), "off": (Action.STOP, {})},
        action=Action.SET_WARMTH if owner.remote_raise == "allow" else None,
        argument="celsius",
        allowed_as=Action.SET_WARMTH.value,
    )
