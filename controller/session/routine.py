"""Routines: named lists of steps, loaded from YAML. Data only; `steps` runs them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.contract.words import load_words
from controller.safety.limits import (
    EXPRESSION_VACUUM_MMHG,
    HEAT_CELSIUS,
    MASSAGE_SECONDS,
    STIMULATION_SECONDS,
    STIMULATION_VACUUM_MMHG,
    VIBRATION_INTENSITY,
)
from devices.roles import Frozen
from devices.support.closest import unknown
from devices.support.file_error import FileError, ModelError, Problem
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import read_document

Technique = Literal["spiral", "palm-sweep", "roll", "roll-around", "palm-press", "stroke", "stroke-with-massager"]


class CheckStep(Frozen):
    """Questions about symptoms, once a day."""

    kind: Literal["check"] = "check"

    @property
    def planned_seconds(self) -> float | None:
        """Unknown: it takes as long as the person needs."""
        return None


class _MinutesStep(Frozen):
    """A step that takes `minutes`, at most."""

    minutes: float

    @property
    def planned_seconds(self) -> float:
        """The time it takes."""
        return self.minutes * 60


class _AtMostStep(Frozen):
    """A step that ends by itself, or after `at_most_seconds`."""

    at_most_seconds: float

    @property
    def planned_seconds(self) -> float:
        """The time it takes at most."""
        return self.at_most_seconds


class WarmStep(_MinutesStep):
    """Warmth, by a paired warm compress or by a timed prompt."""

    kind: Literal["warm"] = "warm"
    minutes: float = Field(5, ge=2, le=15)
    celsius: float = Field(40.0, ge=36, le=HEAT_CELSIUS)


class MassageStep(Frozen):
    """Techniques, one breast after the other. `vibration`: intensity (0 to 1) of a massager, if the owner allows it."""

    kind: Literal["massage"] = "massage"
    techniques: tuple[Technique, ...] = Field(min_length=1)
    seconds_each: float = Field(30, ge=10, le=180)
    vibration: float = Field(0.0, ge=0, le=VIBRATION_INTENSITY)

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        if self.planned_seconds > MASSAGE_SECONDS:
            raise ValueError(f"massage of one breast takes {MASSAGE_SECONDS / 60:g} minutes at most")
        return self

    @property
    def planned_seconds(self) -> float:
        """The time for one breast."""
        return self.seconds_each * len(self.techniques)


class StimulateStep(_AtMostStep):
    """Light, quick suction until let-down. `at_most_mmhg`: how far the person may raise it in this step."""

    kind: Literal["stimulate"] = "stimulate"
    at_most_seconds: float = Field(120, ge=30, le=STIMULATION_SECONDS)
    vacuum_mmhg: float = Field(70, ge=40, le=120)
    at_most_mmhg: float | None = Field(None, ge=40, le=STIMULATION_VACUUM_MMHG)
    rate_cpm: float = Field(100, ge=60, le=120)


class ExpressStep(_MinutesStep):
    """Slow, stronger suction. `comfort`: the owner's comfort cap, or 100 mmHg while none is set.

    `at_most_mmhg`: how far the person may raise it in this step. `until_dry_minutes`: end after so long without flow;
    `None`: run for the whole time.
    """

    kind: Literal["express"] = "express"
    minutes: float = Field(15, ge=1, le=25)
    vacuum_mmhg: Annotated[float, Field(ge=60, le=EXPRESSION_VACUUM_MMHG)] | Literal["comfort"] = "comfort"
    at_most_mmhg: float | None = Field(None, ge=60, le=EXPRESSION_VACUUM_MMHG)
    rate_cpm: float = Field(54, ge=30, le=80)
    until_dry_minutes: float | None = Field(3, ge=1, le=5)


class RestStep(_MinutesStep):
    """A break without suction."""

    kind: Literal["rest"] = "rest"
    minutes: float = Field(ge=0.5, le=20)


class PromptStep(_AtMostStep):
    """A text of the guide (`words`: its key), until the person skips it or the time is over."""

    kind: Literal["prompt"] = "prompt"
    words: str
    at_most_seconds: float = Field(60, ge=5, le=900)


def _kind_is_the_key(data: Any) -> Any:
    """Turn `{warm: {minutes: 5}}` (or plain `check`) into `{kind: warm, minutes: 5}`."""
    if isinstance(data, str):
        return {"kind": data}
    if isinstance(data, dict) and "kind" not in data:
        if len(data) != 1:
            raise ValueError("a step is its kind and its settings, like {warm: {minutes: 5}}")
        ((kind, settings),) = data.items()
        if settings is not None and not isinstance(settings, dict):
            raise ValueError(f"the settings of {kind} are a mapping, like {{{kind}: {{minutes: 5}}}}")
        return {**(settings or {}), "kind": kind}
    return data


Step = Annotated[
    CheckStep | WarmStep | MassageStep | StimulateStep | ExpressStep | RestStep | PromptStep,
    Field(discriminator="kind"),
]


class Routine(Frozen):
    """A named list of steps. `name`, `summary`: by language; `opt_in`: what the owner has to turn on first."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    name: dict[str, str]
    summary: dict[str, str]
    opt_in: Literal["vibration"] | None = None
    steps: tuple[Annotated[Step, BeforeValidator(_kind_is_the_key)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _asks_first(self) -> Self:
        if self.steps[0].kind != "check":
            raise ValueError("the first step must be `check`: it asks about symptoms before any device starts")
        massage_seconds = sum(2 * step.planned_seconds for step in self.steps if step.kind == "massage")
        if massage_seconds > MASSAGE_SECONDS:
            minutes = MASSAGE_SECONDS / 60
            words = f"massage of both breasts takes {massage_seconds / 60:g} min; at most {minutes:g}"
            raise ModelError(("steps", words))
        return self


@functools.cache
def _prompts() -> tuple[str, ...]:
    """Return the keys of the texts for prompts; they are the same in every language."""
    return tuple(load_words("en").prompts)


def load_routines(*extra: Path) -> dict[str, Routine]:
    """Load the shipped routines, and those in the owner's folders. Raise `FileError` for the first invalid one."""
    routines: dict[str, Routine] = {}
    for folder in (SHIPPED / "routines", *extra):
        for file in sorted(folder.glob("*.yaml")):
            document = read_document(file)
            routine = document.validate(Routine)
            for at, step in enumerate(routine.steps):
                if step.kind == "prompt" and step.words not in _prompts():
                    raise document.error(f"steps.{at}.prompt.words", unknown("text", step.words, _prompts()))
            if routine.id in routines:
                raise FileError(file, [Problem(1, "id", f"another routine has the id {routine.id}")])
            routines[routine.id] = routine
    return routines
