"""A feature: one value that is published or accepted. Discovery, documents and pages are generated from features.

A feature declares where its value is (a topic, and a path in its JSON) and which commands it accepts. It knows no home
automation: `mqtt/home_assistant.py` maps features to entities.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from typing import Any, Literal

from pydantic import Field, JsonValue

from controller.contract.commands import ALWAYS, Action, Args, BadCommandError, Command, command_for
from controller.contract.events import EventType
from devices.roles import Frozen, Side


class FeatureKind(StrEnum):
    """How a feature is shown to a person."""

    SENSOR = "sensor"  # a value
    TEXT = "text"  # a text that may be long
    FLAG = "flag"  # yes, no, or unknown
    BUTTON = "button"  # an action
    SELECT = "select"  # one of several options
    NUMBER = "number"  # a number to set
    EVENT = "event"  # events of some types
    CLIMATE = "climate"  # a warm compress: its temperature, its target, on or off
    IMAGE = "image"  # a drawing


Source = Literal[
    "state",
    "guide",
    "picture",
    "start_defaults",
    "event",
    "reply",
    "history",
    "device",
    "reminders",
    "uploads",
    "comfort",
]
Category = Literal["main", "setting", "diagnostic"]

PRESS = "PRESS"  # the payload of a button


class Feature(Frozen):
    """One value that is published, or can be set.

    `source`, `path`: the topic of its value, and the path to it in the JSON there. `unit`: mmHg, cpm, mL, °C, s, % or
    none. `options`: all values it can have. `types`: its types of events; `of_device`: only presses of that button, by
    its `options`. `payloads`: the command for each payload that it accepts; or else `action`, with the payload as its
    argument `argument`. `least`, `most`: in `unit`.
    `allowed_as`: it is accepted while `Snapshot.allowed_actions` contains this; `None`: always. `labels`: what a person
    reads for each option, where that differs. `enabled`: whether it is offered unasked.
    """

    id: str
    name: str
    kind: FeatureKind
    words: str
    source: Source | None = None
    path: str = ""
    unit: str | None = None
    options: tuple[str, ...] = ()
    types: tuple[EventType, ...] = ()
    of_device: str | None = None
    category: Category = "main"
    least: float | None = None
    most: float | None = None
    step: float | None = None
    payloads: dict[str, tuple[Action, dict[str, JsonValue]]] = Field(default_factory=dict)
    action: Action | None = None
    argument: str | None = None
    allowed_as: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    enabled: bool = True

    def command(self, payload: bytes) -> tuple[Command, Args]:
        """Return the command for a payload. Raise `BadCommandError`, which says what would be valid."""
        text = payload[:256].decode(errors="replace").strip()
        known = self.payloads.get(text) or self._stop(text)
        if known is None and self.action is not None:
            return command_for(self.action, {str(self.argument): self._value(text)})
        if known is None:
            raise BadCommandError(f"{self.id}: {text[:40]!r} is unknown; send {' or '.join(self.payloads)}")
        return command_for(*known)

    def _stop(self, text: str) -> tuple[Action, dict[str, JsonValue]] | None:
        """Return the stop or pain for another payload: any payload on their own topics, else in any capitalisation."""
        if self.kind is FeatureKind.BUTTON and self.id in ALWAYS:
            return self.payloads[PRESS]
        stops = {word.lower(): known for word, known in self.payloads.items() if known[0] in ALWAYS}
        return stops.get(text.lower())

    def _value(self, text: str) -> JsonValue:
        if self.kind not in (FeatureKind.NUMBER, FeatureKind.CLIMATE):
            return text
        try:
            return float(text)
        except ValueError:
            raise BadCommandError(
                f"{self.id}: {text[:40]!r} is not a number; send for example {self.least:g}"
            ) from None


def sensor(
    id_: str,
    name: str,
    path: str,
    words: str,
    unit: str | None = None,
    *,
    kind: FeatureKind = FeatureKind.SENSOR,
    source: Source = "state",
    **more: Any,
) -> Feature:
    """Return a sensor. `more`: other fields of `Feature`."""
    return Feature(id=id_, name=name, kind=kind, words=words, source=source, path=path, unit=unit, **more)


flag = partial(sensor, kind=FeatureKind.FLAG)  # yes, no, or unknown


class DeviceFeatures(Frozen):
    """A device and its features. `title`: what a person calls it; `model_id`: its profile."""

    name: str
    model: str
    features: tuple[Feature, ...]
    model_id: str = ""
    role: str = ""
    side: Side = Side.BOTH
    title: str = ""


class StationFeatures(Frozen):
    """A station, its features, and its devices. `title`: what a person calls it."""

    name: str
    features: tuple[Feature, ...]
    devices: tuple[DeviceFeatures, ...] = ()
    title: str = ""


def accepting(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Return the features that can be set."""
    return tuple(feature for feature in features if feature.payloads or feature.action is not None)
