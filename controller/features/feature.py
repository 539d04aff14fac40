"""A feature: one thing that is shown or accepted. Discovery, documents and pages are made from features.

A feature says where its value stands (a topic and a path in its JSON) and which commands it stands for. It knows no
home automation: what a sensor or a button is there, is said where that is spoken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from controller.commands import ALWAYS, Action, Args, BadCommandError, Command, parse_command
from controller.events import EventType
from devices.roles import Frozen


class Kind(StrEnum):
    """What a feature is to a person."""

    READING = "reading"  # a value to look at
    WORDS = "words"  # text to read, too long for a value
    FLAG = "flag"  # yes, no, or unknown
    BUTTON = "button"  # something to do, now
    CHOICE = "choice"  # one of several
    AMOUNT = "amount"  # a number to set
    HAPPENING = "happening"  # something that happens, of some types
    WARMTH = "warmth"  # a warm compress: its temperature, its target, on or off


Source = Literal["state", "guide", "choices", "event", "device"]
Category = Literal["main", "setting", "diagnostic"]

PRESS = "PRESS"  # what a button sends


class Feature(Frozen):
    """One thing that is shown, or can be asked for.

    `source`, `path`: the topic where its value stands, and the way to it in the JSON there. `unit`: mmHg, cpm, mL, °C,
    s, % or none. `options`: every value it can have. `types`: the events that it tells of. `says`: the command that a
    payload stands for; `fills`: the argument of `action` that a payload is the value of.
    """

    id: str
    name: str
    kind: Kind
    words: str
    source: Source | None = None
    path: str = ""
    unit: str | None = None
    options: tuple[str, ...] = ()
    types: tuple[EventType, ...] = ()
    category: Category = "main"
    least: float | None = None
    most: float | None = None
    step: float | None = None
    says: dict[str, tuple[Action, dict[str, JsonValue]]] = Field(default_factory=dict)
    action: Action | None = None
    fills: str | None = None

    @property
    def accepts(self) -> bool:
        """Whether anything can be sent to it."""
        return bool(self.says) or self.action is not None

    def command(self, payload: bytes) -> tuple[Command, Args]:
        """Return the command that a payload stands for. Raise `BadCommandError`, which says what would fit."""
        text = payload[:256].decode(errors="replace").strip()
        if self.action is not None:
            action, args = self.action, {str(self.fills): self._value(text)}
        elif said := self.says.get(text) or self._stop(text):
            action, args = said
        else:
            raise BadCommandError(f"{self.id}: {text[:40]!r} is not known here; send {' or '.join(self.says)}")
        return parse_command(json.dumps({"action": action.value, "args": args}).encode())

    def _stop(self, text: str) -> tuple[Action, dict[str, JsonValue]] | None:
        """Return the stop or pain that an unknown payload stands for: any at their own buttons, else any spelling."""
        if self.kind is Kind.BUTTON and self.id in ALWAYS:
            return self.says[PRESS]
        stops = {word.lower(): said for word, said in self.says.items() if said[0] in ALWAYS}
        return stops.get(text.lower())

    def _value(self, text: str) -> JsonValue:
        if self.kind is not Kind.AMOUNT:
            return text
        try:
            return float(text)
        except ValueError:
            raise BadCommandError(f"{self.id}: {text[:40]!r} is no number; send for example {self.least:g}") from None


def reading(
    id_: str,
    name: str,
    path: str,
    words: str,
    unit: str | None = None,
    *,
    source: Source = "state",
    options: tuple[str, ...] = (),
    category: Category = "main",
) -> Feature:
    """Return a value to look at."""
    return Feature(
        id=id_,
        name=name,
        kind=Kind.READING,
        words=words,
        source=source,
        path=path,
        unit=unit,
        options=options,
        category=category,
    )


def flag(
    id_: str, name: str, path: str, words: str, *, source: Source = "state", category: Category = "main"
) -> Feature:
    """Return a yes or no."""
    return Feature(id=id_, name=name, kind=Kind.FLAG, words=words, source=source, path=path, category=category)


class DeviceFeatures(Frozen):
    """A device, and what there is of it."""

    name: str
    model: str
    features: tuple[Feature, ...]


class StationFeatures(Frozen):
    """A station, what there is of it, and its devices."""

    name: str
    features: tuple[Feature, ...]
    devices: tuple[DeviceFeatures, ...] = ()


def accepting(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Return those that something can be sent to."""
    return tuple(feature for feature in features if feature.accepts)
