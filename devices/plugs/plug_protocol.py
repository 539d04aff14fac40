"""What the three kinds of plug have in common: messages to publish, and the content of messages. Pure values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from devices.errors import ProtocolError

_SLACK_SECONDS = 1.0  # a timer is reported in whole seconds, or rounded up


@dataclass(frozen=True)
class PlugMessage:
    """One message to publish. It is never retained: what the broker keeps would switch a plug on later."""

    topic: str
    payload: str


@dataclass(frozen=True)
class PlugReport:
    """The content of one message of a plug; `None`: it does not have that.

    `timer_seconds`: after how long it will switch itself off; 0: it will not. `prepared_seconds`: what its persistent
    timer is set to. `confirms`: which of the kind's `needs` it shows. `refusal`: why it cannot be used. `was_on`:
    whether it was on before the command with the number `answers`.
    """

    on: bool | None = None
    power_w: float | None = None
    timer_seconds: float | None = None
    prepared_seconds: float | None = None
    confirms: frozenset[str] = frozenset()
    refusal: str | None = None
    online: bool | None = None
    answers: int | None = None
    was_on: bool | None = None


class PlugKind(Protocol):
    """How one kind of plug is spoken to. `number`: identifies a request where the protocol can.

    `needs`: what must be confirmed by live messages before the plug is used, and what to say where it is not.
    `numbers_answers`: whether it answers each command with its number.
    """

    numbers_answers: ClassVar[bool]
    needs: ClassVar[Mapping[str, str]]

    @property
    def subscriptions(self) -> Sequence[str]:
        """The topics to subscribe to."""

    def ask(self, number: int) -> Sequence[PlugMessage]:
        """Ask for its state and its timer."""

    def probe(self, number: int) -> Sequence[PlugMessage]:
        """Ask for what `needs` names. It changes nothing at the plug."""

    def prepare(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Set its persistent timer, where it has no other; it must report that before it is switched on."""

    def switch_on(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Switch it on for `seconds`, by its own timer."""

    def renew(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Restart the timer of a plug that is on."""

    def switch_off(self, number: int) -> Sequence[PlugMessage]:
        """Switch it off."""

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> PlugReport:
        """Decode a message. A retained one does not count, as it may be old. Raise `ProtocolError`."""


NOTHING = PlugReport()


def runs_out(report: PlugReport, lease_seconds: float) -> bool:
    """Return whether a plug that is on will switch itself off within a lease."""
    timer_seconds = report.timer_seconds
    return timer_seconds is not None and 0 < timer_seconds <= lease_seconds + _SLACK_SECONDS


def as_json(value: object) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def json_object(payload: bytes) -> dict[str, object]:
    """Return the object in a payload. Raise `ProtocolError`."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        raise ProtocolError("not valid JSON") from None
    if not isinstance(found, dict):
        raise ProtocolError("not a JSON object")
    return found


def number_in(value: object) -> float | None:
    """Return a finite number; `None` for everything else, also for `true`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def part_of(value: object, *keys: str) -> object:
    """Return what is found under keys, one below the other; `None` where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def power_of(value: object) -> float | None:
    """Return a power in W; `None` where it is not one."""
    watts = number_in(value)
    return watts if watts is not None and watts >= 0 else None
