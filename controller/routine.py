"""Routines: named lists of steps, loaded from YAML. Data only; what a step does is in `steps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller import safety
from devices.roles import Frozen
from devices.shipped import SHIPPED
from devices.yaml_file import FileError, Problem, load_yaml

Technique = Literal["spiral", "palm-sweep", "roll", "roll-around", "palm-press", "stroke", "stroke-with-massager"]


class CheckStep(Frozen):
    """Ask about symptoms, once a day."""

    kind: Literal["check"] = "check"

    @property
    def planned_seconds(self) -> float | None:
        """Answering takes as long as it takes."""
        return None


class WarmStep(Frozen):
    """Warm the breast, with a paired compress or by a timed prompt."""

    kind: Literal["warm"] = "warm"
    minutes: float = Field(5, ge=2, le=15)
    celsius: float = Field(40.0, ge=36, le=safety.HEAT_CELSIUS)

    @property
    def planned_seconds(self) -> float:
        """The time it takes."""
        return self.minutes * 60


class MassageStep(Frozen):
    """Lead through techniques, one breast after the other. `vibration`: with a massager, if the owner allows it."""

    kind: Literal["massage"] = "massage"
    techniques: tuple[Technique, ...] = Field(min_length=1)
    seconds_each: float = Field(30, ge=10, le=180)
    vibration: float = Field(0.0, ge=0, le=safety.VIBRATION_INTENSITY)

    @model_validator(mode="after")
    def _is_short(self) -> Self:
        if self.planned_seconds > safety.MASSAGE_SECONDS:
            raise ValueError(f"a breast is massaged for {safety.MASSAGE_SECONDS / 60:g} minutes at most")
        return self

    @property
    def planned_seconds(self) -> float:
        """The time for one breast."""
        return self.seconds_each * len(self.techniques)


class StimulateStep(Frozen):
    """Light, quick suction until the milk lets down. `at_most_mmhg`: how far the person may raise it in this step."""

    kind: Literal["stimulate"] = "stimulate"
    at_most_seconds: float = Field(120, ge=30, le=safety.STIMULATION_SECONDS)
    vacuum_mmhg: float = Field(70, ge=40, le=120)
    at_most_mmhg: float | None = Field(None, ge=40, le=safety.STIMULATION_VACUUM_MMHG)
    rate_cpm: float = Field(100, ge=60, le=120)

    @property
    def planned_seconds(self) -> float:
        """The time it takes at most."""
        return self.at_most_seconds


class ExpressStep(Frozen):
    """Slow, stronger suction. `comfort` is the owner's comfort cap, or 100 mmHg until there is one.

    `at_most_mmhg`: how far the person may raise it in this step.
    """

    kind: Literal["express"] = "express"
    minutes: float = Field(15, ge=1, le=25)
    vacuum_mmhg: Annotated[float, Field(ge=60, le=safety.EXPRESSION_VACUUM_MMHG)] | Literal["comfort"] = "comfort"
    at_most_mmhg: float | None = Field(None, ge=60, le=safety.EXPRESSION_VACUUM_MMHG)
    rate_cpm: float = Field(54, ge=30, le=80)
    until_dry_minutes: float | None = Field(3, ge=1, le=5)

    @property
    def planned_seconds(self) -> float:
        """The time it takes at most."""
        return self.minutes * 60


class RestStep(Frozen):
    """A pause without suction."""

    kind: Literal["rest"] = "rest"
    minutes: float = Field(ge=0.5, le=20)

    @property
    def planned_seconds(self) -> float:
        """The time it takes."""
        return self.minutes * 60


class PromptStep(Frozen):
    """Words from the guide, until the person goes on or the time is over."""

    kind: Literal["prompt"] = "prompt"
    words: str
    at_most_seconds: float = Field(60, ge=5, le=900)

    @property
    def planned_seconds(self) -> float:
        """The time it takes at most."""
        return self.at_most_seconds


def _kind_is_the_key(data: Any) -> Any:
    """Turn `{warm: {minutes: 5}}` (or plain `check`) into `{kind: warm, minutes: 5}`."""
    if isinstance(data, str):
        return {"kind": data}
    if isinstance(data, dict) and "kind" not in data:
        if len(data) != 1:
            raise ValueError("a step is one word and its settings, like {warm: {minutes: 5}}")
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
    """A named list of steps."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    name: dict[str, str]
    summary: dict[str, str]
    opt_in: Literal["vibration"] | None = None
    steps: tuple[Annotated[Step, BeforeValidator(_kind_is_the_key)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _asks_first(self) -> Self:
        if self.steps[0].kind != "check":
            raise ValueError("the first step of every routine is `check`: it asks before anything is on")
        massage_seconds = sum(2 * step.planned_seconds for step in self.steps if step.kind == "massage")
        if massage_seconds > safety.MASSAGE_SECONDS:
            minutes = safety.MASSAGE_SECONDS / 60
            raise ValueError(f"steps: massage is {massage_seconds / 60:g} min for both sides; {minutes:g} at most")
        return self


def load_routines(*extra: Path) -> dict[str, Routine]:
    """Read the shipped routines and those in the owner's folders. Raise `FileError` for any that is wrong."""
    routines: dict[str, Routine] = {}
    for folder in (SHIPPED / "routines", *extra):
        for file in sorted(folder.glob("*.yaml")):
            routine = load_yaml(file, Routine)
            if routine.id in routines:
                raise FileError(file, [Problem(1, "id", f"there is a routine {routine.id} already")])
            routines[routine.id] = routine
    return routines
