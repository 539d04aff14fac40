"""What a person reads, one file per language: `config/guides/<language>.yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from typing import Literal

from controller.contract.events import EndReason, Question, SessionState
from controller.contract.uploads import UploadState
from controller.safety.limits import Limit, Trip, TripKind
from controller.safety.message import KeyedMessage, MessageValue, message
from devices.roles import Frozen, LinkState, Phase, RunState, Side
from devices.support.closest import unknown
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import load_yaml


class TechniqueWords(Frozen):
    """One massage technique: title, instruction, and the name of its picture."""

    title: str
    words: str
    picture: str


class StepWords(Frozen):
    """One kind of step: title, and the instructions with a device and by hand."""

    title: str
    with_device: str = ""
    by_hand: str = ""


class QuestionWords(Frozen):
    """One question about a symptom, and what a yes means for today."""

    ask: str
    if_yes: str


class StateNames(Frozen):
    """Names of states, as a person sees them; by their values in MQTT. `let_down_by`: what noticed the let-down.

    `reason`: why a session ended, without details such as the device. `routine`: what stands in place of a routine.
    `upload`: what became of one for Baby Buddy.
    """

    session: dict[SessionState, str]
    run: dict[RunState, str]
    link: dict[LinkState, str]
    step: dict[str, str]
    phase: dict[Phase, str]
    stop: dict[str, str]
    let_down_by: dict[str, str]
    upload: dict[UploadState, str]
    reason: dict[EndReason, str]
    routine: dict[str, str]


class EntityWords(Frozen):
    """Names for home automation. `names`: by the id of a feature; `devices`: by role and side; `replies`: by outcome.

    `controller`: the controller itself.
    """

    controller: str
    devices: dict[str, dict[Side, str]]
    replies: dict[str, str]
    names: dict[str, str]


Interface = Literal["page", "terminal"]

_CONTROL = re.compile(r"\{(press_\w+)\}")


class Words(Frozen):
    """All texts of one language. `code`: of the language, such as `en`.
    `pictures`: for each drawing, what it shows, for those who do not see it.

    `controls`: how texts name what to press, by interface; the texts have a placeholder such as `{press_pain}` for it.
    `titles`: titles of messages. `terminal`: labels of the view in the terminal. `charts`: texts of charts and figures.
    `listing`: past sessions in the terminal; `report`: in a report for others.
    `decimal_point`: how it is written in numbers. `amounts`: a value with its unit, by the quantity of a limit.
    `comfort`: lines about what was learned. `stash`: about stored milk. `capture`: a guided recording of a vendor's
    app; `frames`: what was recorded, byte by byte.
    `reasons`: why something is limited, refused, failed, stopped or over; the keys are those of `Reason` and `Reply`.
    """

    code: str = ""
    language: str
    decimal_point: str
    sides: dict[Side, str]
    labels: StateNames
    entities: EntityWords
    techniques: dict[str, TechniqueWords]
    steps: dict[str, StepWords]
    questions: dict[Question, QuestionWords]
    prompts: dict[str, str]
    messages: dict[str, str]
    controls: dict[Interface, dict[str, str]]
    titles: dict[str, str]
    terminal: dict[str, str]
    amounts: dict[str, str]
    reasons: dict[str, str]
    setup: dict[str, str]
    listing: dict[str, str]
    report: dict[str, str]
    pictures: dict[str, str]
    charts: dict[str, str]
    web: dict[str, str]
    comfort: dict[str, str]
    stash: dict[str, str]
    capture: dict[str, str]
    frames: dict[str, str]

    def message(self, name: str, **values: object) -> str:
        """Return a message with its placeholders filled in, except for those of controls."""
        as_they_are = {control: f"{{{control}}}" for control in self.controls["page"]}
        return self.messages[name].format(**as_they_are | values)

    def uncertain(self, devices: Collection[str]) -> str:
        """Return what to do about devices, at least one, that may still run."""
        return self.message(uncertain_key(devices), device=", ".join(devices))

    def name_controls(self, template: str, interface: Interface = "page") -> str:
        """Return a text of a guide with the controls named as an interface calls them."""
        names = self.controls[interface]
        return _CONTROL.sub(lambda found: names.get(found[1], found[0]), template)

    def of_terminal(self, name: str, **values: object) -> str:
        """Return a label of the terminal with its placeholders filled in."""
        return self.terminal[name].format(**values)

    def reason(self, why: KeyedMessage) -> str:
        """Return why something is as it is, with its placeholders filled in."""
        return self.reasons[why.key].format(**{name: self._shown(value) for name, value in why.values.items()})

    def sentence(self, why: KeyedMessage) -> str:
        """Return why something is as it is, as a sentence of its own."""
        text, template = self.reason(why), self.reasons[why.key]
        names = [name for name, value in why.values.items() if isinstance(value, str)]
        if not template.startswith(tuple(f"{{{name}}}" for name in names)):  # a name stays as it is
            text = text[:1].upper() + text[1:]
        return text if text.endswith((".", "?", "!")) else f"{text}."

    def amount(self, quantity: str, value: float) -> str:
        """Return a value of a limited quantity with its unit: mmHg, cycles a minute, °C, a level, % or minutes."""
        scaled = {"intensity": value * 100, "seconds": value / 60}.get(quantity, value)
        return self.amounts[quantity].format(value=self._shown(round(scaled, 1)))

    def limit(self, limit: Limit) -> Limit:
        """Return a limit with the words of its reasons."""
        reasons = (each.model_copy(update={"words": self.reason(each.message)}) for each in limit.reasons)
        return limit.model_copy(update={"reasons": tuple(reasons)})

    def limit_reasons(self, limit: Limit) -> tuple[str, ...]:
        """Return the reasons of a limit, each with the value that its layer allows: `150 mmHg: your comfort cap`."""
        return tuple(
            f"{self.amount(limit.quantity, each.allows)}: {self.reason(each.message)}" for each in limit.reasons
        )

    def trip(self, trip: Trip | None) -> Trip | None:
        """Return a trip with its words."""
        return trip and trip.model_copy(update={"words": self.trip_words(trip.kind)})

    def trip_words(self, kind: TripKind) -> str:
        """Return what happened in a kind of trip."""
        return self.reason(message(f"trip_{kind.value}"))

    def _shown(self, value: MessageValue) -> str:
        if isinstance(value, KeyedMessage):
            return self.reason(value)
        return value if isinstance(value, str) else f"{value:.10g}".replace(".", self.decimal_point)


def uncertain_key(devices: Collection[str]) -> str:
    """Return the name of the message about devices that may still run, and of its title."""
    return "uncertain" if len(devices) == 1 else "uncertain_several"


def first_upper(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def languages() -> tuple[str, ...]:
    """Return the codes of all languages that have a file, such as `de` and `en`."""
    return tuple(sorted(file.stem for file in (SHIPPED / "guides").glob("*.yaml")))


@functools.cache
def load_words(language: str) -> Words:
    """Return the texts of a language, such as `en`. Raise `ValueError` for an unknown one, else `FileError`.

    They are read once: a service asks for them in many places, and they take a megabyte.
    """
    if language not in languages():
        raise ValueError(unknown("language", language, languages()))
    return load_yaml(SHIPPED / "guides" / f"{language}.yaml", Words).model_copy(update={"code": language})
