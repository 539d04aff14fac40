"""Does a profile fit together? Each check is one rule, and says where and what would fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from devices.profiles.field_spec import FieldSpec
from devices.profiles.vocabulary import START_VERB, STOP_VERB

if TYPE_CHECKING:
    from devices.profiles.schema import Command, Profile, Report


def problems_in(profile: Profile) -> list[str]:
    """Return a sentence for everything that does not fit together."""
    rules = (_names, _ways, _opcodes, _starts, _sequences, _answers, _duties, _patterns, _values, _levels)
    return [problem for rule in rules for problem in rule(profile)]


def _names(profile: Profile) -> Iterator[str]:
    """Channels that are named are described; each command knows its channel."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            if entry.channel is not None and entry.channel not in profile.channels:
                yield f"{kind}.{key} goes through channel {entry.channel}, which is not described"
    for key, command in profile.commands.items():
        if command.sequence or command.repeat:
            continue
        name = command.channel or profile.control
        if name is None:
            yield f"commands.{key}: say through which channel; more or less than one can be written"
        elif name in profile.channels and not profile.channels[name].write:
            yield f"commands.{key} goes through channel {name}, which cannot be written"


def _ways(profile: Profile) -> Iterator[str]:
    """Bytes and text do not mix in one profile's protocol."""
    if profile.frame and profile.text:
        yield "a profile has a frame or a text protocol, not both"
    for key, command in profile.commands.items():
        if command.text is not None and profile.text is None:
            yield f"commands.{key} is text: describe it, like text: {{terminator: ';'}}"
    for key, report in profile.reports.items():
        if report.pattern is not None and profile.text is None:
            yield f"reports.{key} is text: describe it, like text: {{terminator: ';'}}"
        if not report.payload and report.pattern is None:
            yield f"reports.{key}: say its payload or its pattern"


def _opcodes(profile: Profile) -> Iterator[str]:
    """Where the frame has an opcode, everything framed has one of its size; elsewhere nothing has."""
    size = profile.frame.opcode_bytes if profile.frame and "opcode" in profile.frame.layout else 0
    for key, command in profile.commands.items():
        if not (command.text or command.sequence or command.repeat):
            yield from _opcode(profile, f"commands.{key}", command, size)
    for key, report in profile.reports.items():
        if report.pattern is None:
            yield from _opcode(profile, f"reports.{key}", report, size)


def _opcode(profile: Profile, where: str, entry: Command | Report, size: int) -> Iterator[str]:
    channel = profile.channels.get(entry.channel or profile.control or "")
    expected = 0 if channel is not None and not channel.framed else size
    if expected and entry.opcode is None:
        yield f"{where}: the frame has an opcode of {expected} bytes; say which"
    elif entry.opcode is not None and len(entry.opcode) != expected:
        yield f"{where}: its opcode has {len(entry.opcode)} bytes, the frame's has {expected}"


def _starts(profile: Profile) -> Iterator[str]:
    """What can be started can be stopped."""
    for role in profile.roles:
        start, stop = START_VERB[role], STOP_VERB[role]
        if start in profile.commands and stop not in profile.commands:
            yield f"what can be started must be stoppable: commands has {start}, not {stop}"


def _sequences(profile: Profile) -> Iterator[str]:
    """Sequences and repeats are of commands that exist and are not sequences themselves."""
    for key, command in profile.commands.items():
        for step in command.sequence:
            part = profile.commands.get(step.command)
            if part is None or part.sequence or part.repeat:
                yield f"commands.{key}: its step {step.command} is no plain command"
        if command.repeat is not None and command.repeat not in START_VERB.values():
            yield f"commands.{key}: only what starts something can be repeated: {', '.join(START_VERB.values())}"
        if command.repeat is not None and command.repeat not in profile.commands:
            yield f"commands.{key} repeats {command.repeat}, which is no command"
        if command.answered_by is not None and command.answered_by not in profile.reports:
            yield f"commands.{key} is answered by {command.answered_by}, which is no report"


def _answers(profile: Profile) -> Iterator[str]:
    """The answering report carries what is looked for in it, and can say yes."""
    answer = profile.answer
    if answer is None:
        return
    report = profile.reports.get(answer.report)
    if report is None:
        yield f"answer: there is no report {answer.report}"
        return
    for name in (answer.opcode, answer.counter, answer.result):
        if name is not None and name not in report.names:
            yield f"answer: the report {answer.report} carries no {name}"
    if answer.counter is not None and (profile.frame is None or "counter" not in profile.frame.layout):
        yield "answer: it names a counter, but the frame has none"
    field = next((field for field in report.payload if field.name == answer.result), None)
    if answer.result is not None and not answer.accepted:
        yield "answer: say which results mean yes: accepted"
    meanings = field.meanings if field is not None and field.meanings else {}
    for word in answer.accepted if meanings else ():
        if word not in meanings.values():
            yield f"answer: {answer.result} never is {word}"


def _duties(profile: Profile) -> Iterator[str]:
    """The session's duties are commands, reports and channels that exist."""
    duties = profile.session
    periodic = [each for each in (duties.keepalive, *duties.poll) if each is not None]
    commands = [*(hello.command for hello in duties.hello), *(each.command for each in periodic), duties.clock]
    commands += [report.acknowledge for report in profile.reports.values()]
    for name in commands:
        if name is not None and name not in profile.commands:
            yield f"session: there is no command {name}"
    for hello in duties.hello:
        if hello.answered_by is not None and hello.answered_by not in profile.reports:
            yield f"session: there is no report {hello.answered_by}"
    for each in periodic:
        channel = profile.channels.get(each.channel) if each.channel else None
        if each.channel is not None and (channel is None or not channel.read):
            yield f"session: there is no channel {each.channel} that can be read"
        if each.command in START_VERB.values():
            yield f"session: {each.command} starts something; it cannot be sent by a timer"


def _patterns(profile: Profile) -> Iterator[str]:
    """Patterns are regular expressions with placeholders for numbers and words."""
    from devices.profiles.text import compiled

    for key, report in profile.reports.items():
        if report.pattern is not None:
            try:
                names = set(compiled(report.pattern).groupindex)
            except re.error as error:
                yield f"reports.{key}: its pattern is no pattern: {error}"
                continue
            yield from (
                f"reports.{key}: its pattern has no {{{name}:int}}" for name in report.fields if name not in names
            )
    for key, command in profile.commands.items():
        used = set(re.findall(r"\{(\w+)\}", command.text or ""))
        for name in used ^ set(command.fields):
            yield f"commands.{key}: {name} is in the text or among the fields, but not in both"


def _values(profile: Profile) -> Iterator[str]:
    """In a payload, each name stands once for reading, and what is the inverse of something finds it."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            yield from _payload(f"{kind}.{key}", entry.payload)
    for key, channel in profile.channels.items():
        yield from _payload(f"channels.{key}", channel.gives or ())


def _payload(where: str, payload: tuple[FieldSpec, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for number, field in enumerate(payload):
        if field.inverse_of is not None and field.inverse_of not in seen:
            yield f"{where}: {field.inverse_of} comes before its inverse"
        if field.rest and number != len(payload) - 1:
            yield f"{where}: {{rest: skip}} is the last field"
        seen |= set(field.names)


def _levels(profile: Profile) -> Iterator[str]:
    """Level maps climb: a higher level is never weaker."""
    for name in ("vacuum_mmhg", "celsius"):
        levels = getattr(profile.levels, name, {}) if profile.levels else {}
        values = [levels[level] for level in sorted(levels)]
        if values != sorted(values):
            yield f"levels.{name}: a higher level cannot be weaker"
