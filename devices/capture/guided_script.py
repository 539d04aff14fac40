"""The steps of a guided recording: what to do in the vendor's app, in which order, and with how much quiet before.

Pure data. Each step is an action by itself with silence around it, so that what went over the air then belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from devices.capture.labels import Deed
from devices.driver.vocabulary import EnergyRole, Value

QUIET_SECONDS = 5.0  # before an action, at least; what repeats more slowly than this is seen over several of them
_LONGER_SECONDS = (0, 3, 1, 4, 0, 2, 5)  # in turn: with unequal gaps, the clocks of phone and computer can be aligned
FIRST_SECONDS = 12.0  # after connecting: the app greets the device and reads it
_ALL_LEVELS = 10  # up to so many, each is visited
_MOST_LEVELS = 255
_MOST_TIMES = 4


@dataclass(frozen=True)
class AppControls:
    """What the vendor's app offers, as its owner says before the recording.

    `levels`: the highest level that can be set, 0 to 255; 0: there are none. `celsius`: the lowest and the highest
    temperature that can be set; a warmer with it is set in degrees. `two_sides`: both sides can be set apart from each
    other. `shown`: the values that the app or the device shows while it runs, such as `battery_percent`.
    `minutes`: the times that can be chosen.
    """

    role: EnergyRole
    levels: int = 0
    celsius: tuple[int, int] | None = None
    phases: bool = False
    pauses: bool = False
    two_sides: bool = False
    shown: tuple[str, ...] = ()
    minutes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.levels <= _MOST_LEVELS:
            raise ValueError(f"there are 0 to {_MOST_LEVELS} levels, not {self.levels}")
        if self.celsius is not None and not 0 <= self.celsius[0] <= self.celsius[1] <= 100:  # noqa: PLR2004 - °C
            raise ValueError("the temperatures are from 0 to 100 °C, the lowest first")


@dataclass(frozen=True)
class ScriptStep:
    """One thing to do.

    `text`: the key of its words, and `fills` what to put into them. `do` and `values`: its label. `quiet_seconds`: the
    countdown before it, in which nothing is touched. `asks`: the value that the person reads off and types.
    """

    text: str
    do: Deed
    values: Mapping[str, Value] = field(default_factory=dict)
    fills: Mapping[str, int] = field(default_factory=dict)
    quiet_seconds: float = QUIET_SECONDS
    asks: str | None = None


def script_for(controls: AppControls) -> tuple[ScriptStep, ...]:
    """Return the steps for an app."""
    return tuple(
        replace(step, quiet_seconds=step.quiet_seconds + _LONGER_SECONDS[number % len(_LONGER_SECONDS)])
        if step.do != "see"
        else step
        for number, step in enumerate(_steps(controls))
    )


def duration_minutes(script: tuple[ScriptStep, ...]) -> int:
    """Return how long a recording takes if each step is done at once, in whole minutes, at least 1."""
    return max(1, round(sum(step.quiet_seconds + 2 for step in script) / 60))  # about 2 s to do it


def levels_to_visit(highest: int) -> tuple[int, ...]:
    """Return the levels that are set one after the other: all of a few; of many the lowest four, and six up to the top.

    Neighbours show the step, distant ones show whether the scale is the same all along.
    """
    if highest <= _ALL_LEVELS:
        return tuple(range(1, highest + 1))
    return (1, 2, 3, 4, *sorted({4 + round((highest - 4) * part / 6) for part in range(1, 7)}))


def _steps(controls: AppControls) -> Iterator[ScriptStep]:
    settings = _settings(controls)
    first = settings[0] if settings else None
    yield ScriptStep("connect", "connect", quiet_seconds=3)
    yield from _looks(controls, running=False, quiet_seconds=FIRST_SECONDS)
    yield _start(controls, first, FIRST_SECONDS)
    yield from _looks(controls, running=True)
    for setting in settings[1:]:
        yield _adjust(controls, setting, **_phase(controls, "stimulation"))
        if setting in (*settings[:3], settings[-1]):  # a scale takes two points, and a third to check it
            yield from _looks(controls, running=True)
    for setting in _down(settings):
        yield _adjust(controls, setting, **_phase(controls, "stimulation"))
    yield from _phases(controls, settings)
    yield from _sides(controls, settings)
    for minutes in controls.minutes[:_MOST_TIMES]:
        yield ScriptStep("minutes", "adjust", {"duration_minutes": minutes}, {"minutes": minutes})
    if controls.pauses:
        yield ScriptStep("pause", "pause")
        yield ScriptStep("resume", "resume")
    yield ScriptStep("stop", "stop")
    yield _start(controls, settings[1] if len(settings) > 1 else first)
    yield ScriptStep("stop", "stop")
    yield ScriptStep("disconnect", "disconnect")
    yield ScriptStep("connect", "connect", quiet_seconds=FIRST_SECONDS)
    yield _start(controls, first, FIRST_SECONDS)
    yield ScriptStep("stop", "stop")
    yield from _looks(controls, running=False)


def _looks(controls: AppControls, *, running: bool, quiet_seconds: float = 2.0) -> Iterator[ScriptStep]:
    """Yield a step for each value that is to be read off now; the battery is read while nothing runs."""
    for name in controls.shown:
        if running is (name != "battery_percent"):
            yield ScriptStep(f"see_{name}", "see", asks=name, quiet_seconds=quiet_seconds)


def _settings(controls: AppControls) -> tuple[int, ...]:
    """Return the settings to visit upwards: degrees or levels."""
    if controls.celsius is None:
        return levels_to_visit(controls.levels)
    lowest, highest = controls.celsius
    return tuple(lowest + level - 1 for level in levels_to_visit(highest - lowest + 1))


def _down(settings: tuple[int, ...]) -> tuple[int, ...]:
    """Return the settings on the way back: by one, by several, and to the lowest."""
    below = settings[:-1]
    return tuple(dict.fromkeys((*below[-1:], *below[len(below) // 2 :][:1], *below[:1])))


def _values(controls: AppControls, setting: int | None) -> dict[str, Value]:
    if setting is None:
        return {}
    if controls.celsius is not None:
        return {"celsius": setting}
    if controls.role == "massager":  # its strength has no levels in the profile language
        return {"intensity": round(setting / controls.levels, 3)}
    return {"level": setting}


def _start(controls: AppControls, setting: int | None, quiet_seconds: float = QUIET_SECONDS) -> ScriptStep:
    values = {**_values(controls, setting), **_phase(controls, "stimulation")}
    text = "start" if setting is None else _text(controls, "start")
    fills = {} if setting is None else {"setting": setting}
    return ScriptStep(f"{text}_stimulation" if controls.phases else text, "start", values, fills, quiet_seconds)


def _adjust(controls: AppControls, setting: int, **more: Value) -> ScriptStep:
    return ScriptStep(_text(controls, "adjust"), "adjust", {**_values(controls, setting), **more}, {"setting": setting})


def _phase(controls: AppControls, phase: str) -> dict[str, Value]:
    return {"phase": phase} if controls.phases else {}


def _text(controls: AppControls, verb: str) -> str:
    return f"{verb}_{'level' if controls.celsius is None else 'celsius'}"


def _phases(controls: AppControls, settings: tuple[int, ...]) -> Iterator[ScriptStep]:
    """Yield the switch to expression, some levels there, and the way back. The app may choose a level at the switch."""
    if not controls.phases:
        return
    yield ScriptStep("to_expression", "adjust", {"phase": "expression"})
    for setting in dict.fromkeys((*settings[1:3], *settings[-1:], *settings[:1])):
        yield _adjust(controls, setting, phase="expression")
    yield ScriptStep("to_stimulation", "adjust", {"phase": "stimulation"})
    for setting in settings[1:2]:
        yield _adjust(controls, setting, phase="stimulation")


def _sides(controls: AppControls, settings: tuple[int, ...]) -> Iterator[ScriptStep]:
    """Yield a change of each side alone."""
    if not controls.two_sides or not settings:
        return
    for side in ("left", "right"):
        for setting in dict.fromkeys(settings[-1:] + settings[:1]):
            step = _adjust(controls, setting, side=side)
            yield ScriptStep(f"{step.text}_{side}", step.do, step.values, step.fills)
