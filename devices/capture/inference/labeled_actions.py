"""Which writes belong to which label: a person is up to a second early or late, and the app also writes by itself."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.capture.inference.unwrapped import Content, Unwrapped, by_content
from devices.capture.labels import LabeledAction, Labels
from devices.driver.vocabulary import Value

_EARLY_SECONDS = 1.5
_LATE_SECONDS = 3.0
_OWN_SHARE = 0.34  # of what the app writes by itself, so much at least comes at no label
_NEAR_SECONDS = 1.6
_GREETING_SECONDS = 8.0
_BY_A_PERSON = frozenset({"start", "adjust", "pause", "resume", "stop"})
_STRENGTHS = ("level", "vacuum_mmhg", "rate_cpm")
_SETTINGS = ("phase", *_STRENGTHS, "side", "intensity", "celsius", "duration_minutes")


@dataclass(frozen=True)
class AppAction:
    """What a person did, and what the app wrote for it.

    `state`: all settings that were made or shown so far, this one included. `changed`: those of this action.
    `at_seconds`: when it was written, in Unix time; when the label says, where nothing was.
    """

    verb: str
    at_seconds: float
    state: Mapping[str, Value]
    changed: Mapping[str, Value]
    messages: tuple[Unwrapped, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """What happened, in the order of time.

    `background`: what the app writes by itself. `before`: what it wrote first after each connection, by the number of
    the connection; `beginnings`: of how many connections the capture shows that. `seen`: the labels that say what was
    shown. `stray`: what belongs to no label.
    """

    actions: tuple[AppAction, ...] = ()
    background: Mapping[Content, tuple[Unwrapped, ...]] = field(default_factory=dict)
    before: Mapping[int, tuple[Unwrapped, ...]] = field(default_factory=dict)
    beginnings: int = 0
    seen: tuple[tuple[float, Mapping[str, Value]], ...] = ()
    stray: tuple[Unwrapped, ...] = ()


def timeline_of(
    written: Sequence[Unwrapped],
    labels: Labels,
    offset_seconds: float,
    began_seconds: Mapping[int, float],
    acknowledgements: frozenset[Content],
) -> Timeline:
    """Return the actions with their writes, and what the app wrote beside them.

    `offset_seconds`: what to add to the time of a label to get the capture's. `began_seconds`: when each connection
    began, as far as the capture shows it. `acknowledgements`: what the app wrote at the request of the device.
    """
    ordered = sorted(labels.actions, key=lambda action: action.at_seconds)
    done = [action for action in ordered if action.do in _BY_A_PERSON]
    times = [labels.time_of(action) + offset_seconds for action in done]
    background = {
        content: tuple(each)
        for content, each in by_content(written).items()
        if content in acknowledgements or _is_background([one.at_seconds for one in each], times)
    }
    rest = [message for message in written if message.content not in background]
    before: dict[int, list[Unwrapped]] = {}
    bundles: list[list[Unwrapped]] = [[] for _ in done]
    stray = []
    for message in rest:
        number = _nearest(times, message.at_seconds)
        if number is not None:
            bundles[number].append(message)
        elif _is_greeting(message, began_seconds, times):
            before.setdefault(message.frame.connection, []).append(message)
        else:
            stray.append(message)
    return Timeline(
        _actions(ordered, times, bundles),
        background,
        {number: tuple(each) for number, each in before.items()},
        len(began_seconds),
        tuple(
            (labels.time_of(action) + offset_seconds, action.values) for action in labels.actions if action.do == "see"
        ),
        tuple(stray),
    )


def _is_background(at_seconds: Sequence[float], labeled: Sequence[float]) -> bool:
    """Return whether something is written again and again without any action."""
    if len(at_seconds) < 3:  # noqa: PLR2004 - twice is no habit
        return False
    apart = sum(_distance(labeled, at) > _NEAR_SECONDS for at in at_seconds)
    return apart >= max(2, _OWN_SHARE * len(at_seconds))


def _distance(labeled: Sequence[float], at: float) -> float:
    place = bisect.bisect(labeled, at)
    return min((abs(one - at) for one in labeled[max(place - 1, 0) : place + 1]), default=float("inf"))


def _nearest(labeled: Sequence[float], at: float) -> int | None:
    """Return the number of the label to which a write belongs."""
    place = bisect.bisect(labeled, at)
    found = [
        (abs(at - labeled[number]), number)
        for number in (place - 1, place)
        if 0 <= number < len(labeled) and -_EARLY_SECONDS <= at - labeled[number] <= _LATE_SECONDS
    ]
    return min(found)[1] if found else None


def _is_greeting(message: Unwrapped, began_seconds: Mapping[int, float], labeled: Sequence[float]) -> bool:
    began = began_seconds.get(message.frame.connection)
    if began is None or message.at_seconds - began > _GREETING_SECONDS:
        return False
    return not any(began <= at <= message.at_seconds for at in labeled)


def _actions(
    ordered: Sequence[LabeledAction], times: Sequence[float], bundles: Sequence[Sequence[Unwrapped]]
) -> tuple[AppAction, ...]:
    """Return the actions with the settings that held. `times`, `bundles`: of those that a person did, in order."""
    found: list[AppAction] = []
    state: dict[str, Value] = {}
    for labeled in ordered:
        settings = {name: value for name, value in labeled.values.items() if name in _SETTINGS}
        if labeled.do == "see":
            # What is shown of a waveform or a countdown is no setting.
            state.update({name: value for name, value in settings.items() if name in ("phase", "level", "side")})
        if labeled.do not in _BY_A_PERSON:
            continue
        if "phase" in settings and settings["phase"] != state.get("phase"):
            # Many apps keep a strength for each phase, so that of the other phase does not hold here.
            state = {name: value for name, value in state.items() if name not in _STRENGTHS}
        state.update(settings)
        messages = tuple(bundles[len(found)])
        at = messages[0].at_seconds if messages else times[len(found)]
        found.append(AppAction(labeled.do, at, dict(state), settings, messages))
    return tuple(found)
