"""Kinds of reports: which bytes tell them apart, and how often each kind comes."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.unwrapped import Unwrapped

_MOST_KINDS = 24
_MOST_KINDS_OF_A_LENGTH = 10
_FEWEST_PERIODS = 5
_REGULAR_SHARE = 0.7
_REGULAR = 0.35
_LONGEST_GAP = 2.5
_FEWEST_FRAMES = 6
_NARROWER = 0.75
_MOST_IN_A_ROW = 2


@dataclass(frozen=True)
class ReportKind:
    """All reports of one kind, in the order of time."""

    key: TemplateKey
    messages: tuple[Unwrapped, ...]

    @property
    def handle(self) -> int:
        """The characteristic."""
        return self.key[0]

    @property
    def size(self) -> int:
        """How many bytes its payload has."""
        return self.key[2]

    @property
    def was_read(self) -> bool:
        """Whether the app read it; else the device sent it."""
        return self.messages[0].frame.was_read

    def every_seconds(self) -> float | None:
        """Return how often it comes by itself; `None` where it does not come regularly."""
        return regular_period([(each.frame.connection, each.at_seconds) for each in self.messages])


def regular_period(times: Sequence[tuple[int, float]]) -> float | None:
    """Return the period of what comes regularly, in seconds; `None` where it does not. `times`: with connections."""
    gaps = [
        after - before for (one, before), (other, after) in itertools.pairwise(times) if one == other and after > before
    ]
    if len(gaps) < _FEWEST_PERIODS:
        return None
    middle = statistics.median(gaps)
    regular = sum(abs(gap - middle) <= _REGULAR * middle for gap in gaps)
    if regular < _REGULAR_SHARE * len(gaps) or sorted(gaps)[int(0.97 * (len(gaps) - 1))] > _LONGEST_GAP * middle:
        return None
    return rounded_period(middle)


def rounded_period(seconds: float) -> float:
    """Return a period as a person would write it."""
    for digits, unit in ((0, 5.0), (0, 1.0), (1, 0.5), (1, 0.1), (2, 0.05)):
        near = round(seconds / unit) * unit
        if near > 0 and abs(near - seconds) <= 0.06 * seconds:
            return round(near, digits or 1)
    return round(seconds, 3)


def code_places(messages: Sequence[Unwrapped]) -> tuple[int, ...]:
    """Return the first places of the payloads that tell kinds apart; none where there is one kind.

    A code has few values, comes in turns, and what is behind it differs less where it is the same.
    """
    by_handle: dict[int, list[bytes]] = defaultdict(list)
    for message in messages:
        by_handle[message.frame.handle].append(message.payload)
    for places in ((0,), (0, 1)):
        if all(_tells_apart(payloads, places) for payloads in by_handle.values()):
            return places if any(len({p[: len(places)] for p in each}) > 1 for each in by_handle.values()) else ()
    return ()


def _tells_apart(payloads: Sequence[bytes], places: tuple[int, ...]) -> bool:
    if any(len(payload) < len(places) for payload in payloads):
        return False
    codes = {bytes(payload[at] for at in places) for payload in payloads}
    if len(codes) == 1:
        return len(places) == 1
    if len(codes) > _MOST_KINDS:
        return False
    lengths = {len(payload) for payload in payloads}
    if len(lengths) > 1 and len({(payload[: len(places)], len(payload)) for payload in payloads}) == len(codes):
        return True  # each code has a length of its own
    if len(codes) > _MOST_KINDS_OF_A_LENGTH or len(payloads) < _FEWEST_FRAMES:
        return False
    return _comes_in_turns(payloads, len(places)) and _is_narrower(payloads, len(places))


def _comes_in_turns(payloads: Sequence[bytes], size: int) -> bool:
    """Return whether all codes but the most frequent come singly or twice: a state stays for longer."""
    lengths: dict[bytes, list[int]] = defaultdict(list)
    for code, group in itertools.groupby(payloads, key=lambda payload: payload[:size]):
        lengths[code].append(sum(1 for _ in group))
    often = max(lengths, key=lambda code: sum(lengths[code]))
    return all(statistics.median(each) <= _MOST_IN_A_ROW for code, each in lengths.items() if code != often)


def _is_narrower(payloads: Sequence[bytes], size: int) -> bool:
    shortest = min(map(len, payloads))
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for payload in payloads:
        groups[payload[:size]].append(payload)
    for at in range(size, shortest):
        everywhere = len({payload[at] for payload in payloads})
        within = [len({payload[at] for payload in group}) for group in groups.values()]
        if everywhere > 1 and sum(within) / len(within) <= _NARROWER * everywhere:
            return True
    return False


def kinds_of(messages: Sequence[Unwrapped], selector: Mapping[int, tuple[int, ...]]) -> list[ReportKind]:
    """Return the reports by kind. `selector`: by handle, the places of the payload that tell kinds apart."""
    groups: dict[tuple[TemplateKey, bool], list[Unwrapped]] = defaultdict(list)
    for message in messages:
        content = message.content
        places = selector.get(content.handle, ())
        code = bytes(content.payload[at] for at in places if at < len(content.payload))
        key = (content.handle, content.opcode, len(content.payload), code)
        groups[key, message.frame.was_read].append(message)
    return [ReportKind(key, tuple(each)) for (key, _), each in groups.items()]
