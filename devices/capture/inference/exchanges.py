"""Requests and responses: answers to commands, what the app confirms, handshakes, polls and keepalives."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.report_kinds import ReportKind, regular_period
from devices.capture.inference.unwrapped import Content, Unwrapped

ANSWER_SECONDS = 0.5
_CONFIRM_SECONDS = 0.2
_GREETING_SECONDS = 1.0
_ALWAYS = 0.9
_MOSTLY = 0.8
_FEWEST = 2


class Replies:
    """Looks up which reports come soon after a write."""

    def __init__(self, kinds: Sequence[ReportKind]) -> None:
        self._found = sorted(
            ((message.at_seconds, number, message) for number, kind in enumerate(kinds) for message in kind.messages),
            key=lambda each: each[:2],
        )
        self._times = [at for at, _, _ in self._found]
        self._kinds = kinds

    def after(self, message: Unwrapped, seconds: float) -> list[tuple[ReportKind, Unwrapped]]:
        """Return the reports that come within so many seconds, on the same connection, the first of each kind."""
        begin = bisect.bisect_left(self._times, message.at_seconds)
        end = bisect.bisect_right(self._times, message.at_seconds + seconds)
        first: dict[int, tuple[ReportKind, Unwrapped]] = {}
        for _, number, report in self._found[begin:end]:
            if report.frame.connection == message.frame.connection:
                first.setdefault(number, (self._kinds[number], report))
        return list(first.values())


@dataclass(frozen=True)
class Answered:
    """Reports that answer commands. `by_kind`: by the kind of a command, those that always answer it, soonest first.

    `pairs`: each command with its answer, by the kinds of both.
    """

    by_kind: Mapping[TemplateKey, tuple[ReportKind, ...]]
    pairs: Mapping[tuple[TemplateKey, TemplateKey], tuple[tuple[Unwrapped, Unwrapped], ...]]

    def first(self, key: TemplateKey) -> ReportKind | None:
        """Return the report that answers a command first."""
        return next(iter(self.by_kind.get(key, ())), None)


def answers_of(
    written: Sequence[Unwrapped], kinds: Sequence[ReportKind], key_of: Callable[[Content], TemplateKey]
) -> Answered:
    """Return which kinds of commands are always answered by a report that comes only as an answer."""
    replies = Replies(kinds)
    uses: dict[TemplateKey, list[Unwrapped]] = defaultdict(list)
    for message in written:
        uses[key_of(message.content)].append(message)
    came: dict[TemplateKey, Counter[TemplateKey]] = {}
    pairs: dict[tuple[TemplateKey, TemplateKey], list[tuple[Unwrapped, Unwrapped]]] = defaultdict(list)
    solicited: dict[TemplateKey, set[int]] = defaultdict(set)
    by_key = {kind.key: kind for kind in kinds if not kind.was_read}
    for key, messages in uses.items():
        came[key] = Counter()
        for message in messages:
            for kind, report in replies.after(message, ANSWER_SECONDS):
                if kind.was_read:
                    continue
                came[key][kind.key] += 1
                pairs[key, kind.key].append((message, report))
                solicited[kind.key].add(id(report))
    only_answers = {key for key, found in solicited.items() if len(found) >= _ALWAYS * len(by_key[key].messages)}
    by_kind: dict[TemplateKey, tuple[ReportKind, ...]] = {}
    for key, counts in came.items():
        always = [
            report
            for report, count in counts.most_common()
            if report in only_answers and count >= _ALWAYS * len(uses[key]) and count >= min(_FEWEST, len(uses[key]))
        ]
        if always:
            ordered = sorted(always, key=lambda report: _delay(pairs[key, report]))
            by_kind[key] = tuple(by_key[report] for report in ordered)
    return Answered(by_kind, {key: tuple(each) for key, each in pairs.items()})


def _delay(pairs: Sequence[tuple[Unwrapped, Unwrapped]]) -> float:
    return sum(report.at_seconds - message.at_seconds for message, report in pairs) / len(pairs)


@dataclass(frozen=True)
class Confirmation:
    """What the app writes at once whenever the device sends a kind of report.

    `echoes`: by the place in what is written, the place in the report that it repeats.
    """

    report: ReportKind
    messages: tuple[Unwrapped, ...]
    echoes: Mapping[int, int]


def confirmations_of(written: Sequence[Unwrapped], kinds: Sequence[ReportKind]) -> list[Confirmation]:
    """Return what the app writes at the request of the device."""
    groups: dict[TemplateKey, list[Unwrapped]] = defaultdict(list)
    for message in written:
        code = b"" if message.content.opcode else message.payload[:1]
        groups[message.content.handle, message.content.opcode, len(message.payload), code].append(message)
    found = []
    for messages in groups.values():
        if len(messages) < _FEWEST:
            continue
        for kind in kinds:
            pairs = _confirmed(kind, messages)
            if pairs is not None and (echoes := _echoes(pairs)) is not None:
                found.append(Confirmation(kind, tuple(messages), echoes))
                break
    return found


def _confirmed(kind: ReportKind, messages: Sequence[Unwrapped]) -> list[tuple[Unwrapped, Unwrapped]] | None:
    """Return each report with what confirms it; `None` where these are not confirmations of that report."""
    if kind.was_read or not _FEWEST <= len(kind.messages) <= len(messages) / _ALWAYS:
        return None
    if len(messages) > len(kind.messages) / _ALWAYS:
        return None
    times = [report.at_seconds for report in kind.messages]
    pairs = []
    for message in messages:
        at = bisect.bisect_right(times, message.at_seconds) - 1
        if at < 0 or message.at_seconds - times[at] > _CONFIRM_SECONDS:
            return None
        pairs.append((kind.messages[at], message))
    return pairs


def _echoes(pairs: Sequence[tuple[Unwrapped, Unwrapped]]) -> dict[int, int] | None:
    """Return which bytes repeat which of the report; `None` where one differs in another way."""
    payloads = [message.payload for _, message in pairs]
    reports = [report.payload for report, _ in pairs]
    echoes = {}
    for at in range(len(payloads[0])):
        if len({payload[at] for payload in payloads}) == 1:
            continue
        places = [
            place
            for place in range(min(map(len, reports)))
            if all(payload[at] == report[place] for payload, report in zip(payloads, reports, strict=True))
        ]
        if not places:
            return None
        echoes[at] = places[0]
    return echoes


@dataclass(frozen=True)
class Repeated:
    """What the app writes again and again. `every_seconds`: its period. `answer`: the report that always follows."""

    content: Content
    messages: tuple[Unwrapped, ...]
    every_seconds: float
    answer: ReportKind | None


def repeated_of(
    background: Mapping[Content, Sequence[Unwrapped]],
    answered: Answered,
    key_of: Callable[[Content], TemplateKey],
) -> list[Repeated]:
    """Return what is written on a period: polls, which are answered, and keepalives, which are not."""
    found = []
    for content, messages in background.items():
        period = regular_period([(each.frame.connection, each.at_seconds) for each in messages]) or _rough(messages)
        if period is not None and period >= 0.2:  # noqa: PLR2004 - the profile language knows no shorter one
            found.append(Repeated(content, tuple(messages), period, answered.first(key_of(content))))
    return sorted(found, key=lambda each: -len(each.messages))


def _rough(messages: Sequence[Unwrapped]) -> float | None:
    """Return the period of what came only a few times."""
    gaps = [
        after.at_seconds - before.at_seconds
        for before, after in itertools.pairwise(messages)
        if before.frame.connection == after.frame.connection
    ]
    if len(gaps) < _FEWEST or max(gaps) > 2 * min(gaps):
        return None
    return round(min(gaps), 1)


def greeting_of(before: Mapping[int, Sequence[Unwrapped]]) -> tuple[list[Content], list[list[Unwrapped]]]:
    """Return what every connection begins with, in its order; and what is at its place and differs each time.

    `before`: what the app wrote first, by connection.
    """
    sequences = [list(dict.fromkeys(message.content for message in each)) for each in before.values()]
    if not sequences:
        return [], []
    common = [content for content in sequences[0] if all(content in other for other in sequences[1:])]
    varying: dict[tuple[int, bytes, int], list[Unwrapped]] = defaultdict(list)
    for each in before.values():
        for message in each:
            if message.content not in common:
                varying[message.content.handle, message.content.opcode, len(message.payload)].append(message)
    return common, [each for each in varying.values() if len({message.frame.connection for message in each}) > 1]


def greeted_by(messages: Sequence[Unwrapped], replies: Replies) -> ReportKind | None:
    """Return the report that follows a greeting on each connection."""
    found: Counter[TemplateKey] = Counter()
    kinds: dict[TemplateKey, ReportKind] = {}
    for message in messages:
        for kind, _ in replies.after(message, _GREETING_SECONDS):
            if not kind.was_read:
                found[kind.key] += 1
                kinds[kind.key] = kind
    always = [key for key, count in found.items() if count >= _MOSTLY * len(messages)]
    rare = [key for key in always if kinds[key].every_seconds() is None] or always
    return kinds[min(rare, key=lambda key: len(kinds[key].messages))] if rare else None
