"""A captured conversation as a person reads it: what repeats becomes one row, and each row is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devices.capture.conversation import CapturedConnection, GattMessage

_ANSWER_SECONDS = 0.1  # so soon after it, a write of the app responds to a notification
_GREETING_SECONDS = 5.0
_LONGEST_ROUND = 3  # messages: a poll, its report, and an acknowledgement
# A poll or keepalive with a counter: no person presses a button so often, and so soon one after another.
_FEWEST_COUNTED, _COUNTED_SECONDS = 4, 2.5


@dataclass(frozen=True)
class TimelineRow:
    """A message, and how often its like follows it in turn with its neighbours.

    `changed`: which of its bytes differ in the repetitions, or from the last one of its kind before it.
    `until_seconds`: Unix time of the last repetition. `handshake`: it belongs to the first exchange after the
    connection began. `answered_seconds`: so soon it responds to a notification; `None`: it does not.
    """

    message: GattMessage
    times: int
    until_seconds: float
    changed: frozenset[int]
    handshake: bool = False
    answered_seconds: float | None = None


def timeline(connection: CapturedConnection) -> Iterator[TimelineRow]:
    """Yield the rows of one connection, in the order of time."""
    messages = connection.messages
    greeting = _greeting_length(connection)
    before: dict[tuple[str, int, int], bytes] = {}
    at = 0
    while at < len(messages):
        length, rounds = (1, 1) if at < greeting else _rounds(messages, at)
        for place in range(at, at + length):
            alike = messages[place : at + length * rounds : length]
            first = alike[0]
            key = (first.kind, first.handle, len(first.value))
            yield TimelineRow(
                message=first,
                times=rounds,
                until_seconds=alike[-1].at_seconds,
                changed=_changed([before.get(key, first.value)] if rounds == 1 else [], alike),
                handshake=place < greeting,
                answered_seconds=_answered_seconds(messages, place),
            )
            before[key] = alike[-1].value
        at += length * rounds


def _greeting_length(connection: CapturedConnection) -> int:
    """Return how many messages the first exchange has: up to the first answer to what the app wrote first."""
    if connection.began_seconds is None:
        return 0
    written = False
    for number, message in enumerate(connection.messages, 1):
        if message.at_seconds - connection.began_seconds > _GREETING_SECONDS:
            return 0
        if written and message.from_device and message.kind != "read":
            return number
        written = written or not message.from_device
    return 0


def _rounds(messages: Sequence[GattMessage], at: int) -> tuple[int, int]:
    """Return of how many messages a round has that repeats from `at` on, and how often: the one that covers most."""
    best = (1, 1)
    for length in range(1, _LONGEST_ROUND + 1):
        for counting in (False, True):
            rounds = 1
            while _alike(messages, at + (rounds - 1) * length, length, counting=counting):
                rounds += 1
            fewest = _FEWEST_COUNTED if counting else 2
            if rounds >= fewest and rounds * length > best[0] * best[1]:
                best = (length, rounds)
    return best


def _alike(messages: Sequence[GattMessage], at: int, length: int, *, counting: bool) -> bool:
    """Return whether the round at a place and the next one are alike.

    What the app writes has to be the same: another value is another wish. `counting`: but for a byte that counts up.
    """
    if at + 2 * length > len(messages):
        return False
    for this, that in zip(messages[at : at + length], messages[at + length : at + 2 * length], strict=True):
        if (this.kind, this.handle, this.error) != (that.kind, that.handle, that.error):
            return False
        if len(this.value) != len(that.value):
            return False
        if not (this.from_device or this.value == that.value or (counting and _counts(this, that))):
            return False
    return True


def _counts(this: GattMessage, that: GattMessage) -> bool:
    """Return whether a frame is soon sent again with a byte that counts up, and at its end perhaps a checksum."""
    steps = {at: (that.value[at] - one) % 256 for at, one in enumerate(this.value) if that.value[at] != one}
    counters = [at for at, step in steps.items() if step == 1]
    checksum = range(len(this.value) - 2, len(this.value))
    soon = that.at_seconds - this.at_seconds <= _COUNTED_SECONDS
    return soon and bool(counters) and set(steps) <= {counters[0], *checksum}


def _changed(before: Sequence[bytes], alike: Sequence[GattMessage]) -> frozenset[int]:
    values = [*before, *(each.value for each in alike)]
    return frozenset(at for at in range(len(values[0])) if any(value[at] != values[0][at] for value in values))


def _answered_seconds(messages: Sequence[GattMessage], place: int) -> float | None:
    message, before = messages[place], messages[place - 1] if place else None
    if message.from_device or before is None or before.kind not in ("notify", "indicate"):
        return None
    seconds = message.at_seconds - before.at_seconds
    return seconds if 0 <= seconds <= _ANSWER_SECONDS else None
