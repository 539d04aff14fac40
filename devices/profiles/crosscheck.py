"""Does a profile fit together? Each check is one rule.

Each problem is a sentence that begins with the place (`commands.start: …`), so that a reader of files finds its line;
it has no semicolon, which stands between problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from devices.profiles.families import problems_with_families
from devices.profiles.field_spec import INTEGER_TYPES, FieldSpec, names_in
from devices.profiles.vocabulary import HANDED_OVER, NUMBERS, SETTING_OF, START_VERB, STOP_VERB

if TYPE_CHECKING:
    from devices.profiles.schema import Command, Profile, Report

# What puts energy into a body, or prolongs it. Only a session may send it, never a greeting or a timer.
_ENERGY = frozenset({*START_VERB.values(), "adjust", "resume", "renew"})
# What the clock command may carry; `duties.clock_values` supplies it.
_CLOCK = frozenset(
    {"year", "year_of_century", "month", "day", "hour", "minute", "second", "weekday", "epoch_seconds", "zone_minutes"}
)


def problems_in(profile: Profile) -> list[str]:
    """Return a sentence for everything that does not fit together."""
    rules = (
        _names,
        _models,
        problems_with_families,
        _ways,
        _opcodes,
        _starts,
        _beginnings,
        _stops,
        _verbs,
        _sequences,
        _answers,
        _duties,
        _patterns,
        _values,
        _levels,
        _examples,
    )
    return [problem for rule in rules for problem in rule(profile)]


def _names(profile: Profile) -> Iterator[str]:
    """Channels that are named are described; each command knows its channel."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            if entry.channel is not None and entry.channel not in profile.channels:
                yield f"{kind}.{key}.channel: {entry.channel} is not described{_there_are(profile.channels)}"
    for key, command in profile.commands.items():
        if command.sequence or command.repeat:
            continue
        name = command.channel or profile.control
        if name is None:
            yield f"commands.{key}: say through which channel, as not exactly one can be written"
        elif name in profile.channels and not profile.channels[name].write:
            yield f"commands.{key}: its channel {name} cannot be written"


def _models(profile: Profile) -> Iterator[str]:
    """What tells a model apart is there to be held against."""
    for key, channel in profile.channels.items():
        if channel.must_be == "manufacturer" and not profile.beginnings(key):
            yield f"channels.{key}.must_be: match.manufacturer has no data, so say the bytes here"


def _ways(profile: Profile) -> Iterator[str]:
    """Bytes and text do not mix in one profile's protocol."""
    if profile.frame and profile.text:
        yield "text: a profile has a frame or a text protocol, not both"
    for key, command in profile.commands.items():
        if command.text is not None and profile.text is None:
            yield f"commands.{key}.text: describe the protocol too, like text: {{terminator: '|'}}"
        elif command.text is not None and profile.text is not None:
            try:
                command.text.encode(profile.text.encoding)
            except UnicodeEncodeError:
                yield f"commands.{key}.text: it cannot be written in {profile.text.encoding}"
    for key, report in profile.reports.items():
        if report.pattern is not None and profile.text is None:
            yield f"reports.{key}.pattern: describe the protocol too, like text: {{terminator: '|'}}"
        if report.pattern is not None and (report.payload or report.opcode):
            yield f"reports.{key}: it has a pattern or a payload, not both"
        if report.pattern is None and not report.payload and report.opcode is None:
            yield f"reports.{key}: say its payload, or its pattern where it is text"


def _opcodes(profile: Profile) -> Iterator[str]:
    """Where the frame has an opcode, everything framed has one of its size; elsewhere nothing has."""
    size = profile.frame.opcode_bytes if profile.frame and "opcode" in profile.frame.layout else 0
    for key, command in profile.commands.items():
        if not (command.text is not None or command.sequence or command.repeat):
            yield from _opcode(profile, f"commands.{key}", command, command.channel or profile.control, size)
    for key, report in profile.reports.items():
        if report.pattern is None:
            yield from _opcode(profile, f"reports.{key}", report, report.channel, size)


def _opcode(
    profile: Profile, where: str, entry: Command | Report, channel_name: str | None, size: int
) -> Iterator[str]:
    channel = profile.channels.get(channel_name or "")
    expected = 0 if channel is not None and not channel.framed else size
    if expected and entry.opcode is None:
        yield f"{where}: the frame has an opcode of {expected} bytes, so say which (opcode)"
    elif entry.opcode is not None and len(entry.opcode) != expected:
        yield f"{where}.opcode: it has {len(entry.opcode)} bytes, the frame's has {expected}"


def _starts(profile: Profile) -> Iterator[str]:
    """What can be started can be stopped."""
    for role in profile.roles:
        start, stop = START_VERB[role], STOP_VERB[role]
        if start in profile.commands and stop not in profile.commands:
            yield f"commands.{start}: what can be started must be stoppable, and there is no command {stop}"


def _beginnings(profile: Profile) -> Iterator[str]:
    """What a device begins at by itself can be read beforehand, and held against what its start asks for."""
    readable = {name for channel in profile.channels.values() if channel.read for name in names_in(channel.gives or ())}
    for key, command in profile.commands.items():
        begins_at = command.begins_at
        if begins_at is None:
            continue
        where = f"commands.{key}.begins_at"
        if key not in START_VERB.values():
            yield f"{where}: only a start begins something ({', '.join(START_VERB.values())})"
        elif begins_at not in SETTING_OF:
            yield f"{where}: {begins_at} says nothing that a start asks for{_there_are(SETTING_OF)}"
        elif SETTING_OF[begins_at] not in profile.carried_by(key):
            yield f"{where}: {key} carries no {SETTING_OF[begins_at]} to hold {begins_at} against"
        for name in (begins_at, "run_state"):
            if name not in readable:
                yield f"{where}: {name} must be in a channel that can be read{_there_are(sorted(readable))}"


def _stops(profile: Profile) -> Iterator[str]:
    """A stop is one or more plain commands, and needs to be told nothing."""
    for verb in sorted({STOP_VERB[role] for role in profile.roles} & set(profile.commands)):
        if missing := _needed(profile, verb):
            yield f"commands.{verb}: a stop carries nothing that it must be told, but this needs {_listed(missing)}"


def _verbs(profile: Profile) -> Iterator[str]:
    """A verb is handed over all that its command carries; else it could never be sent."""
    for role in profile.roles:
        for verb, handed_over in HANDED_OVER[role].items():
            if verb not in profile.commands or verb in STOP_VERB.values():
                continue
            mapped = role != "warmer" or (profile.levels is not None and profile.levels.celsius)
            names = [name for name in handed_over if name != "level" or mapped]
            for where, name in _carried(profile, verb):
                if name not in names:
                    gets = f"gets {', '.join(names)}" if names else "gets no value at all"
                    yield f"{where}: {verb} is never given {name}, it {gets}"


def _carried(profile: Profile, name: str) -> Iterator[tuple[str, str]]:
    """Yield where a command needs a value, and which: itself, or through the steps of its sequence."""
    command = profile.commands[name]
    for number, field in enumerate(command.payload):
        if field.name and not field.flags:
            tuya = profile.tuya is not None  # there is no such place in the file
            yield f"tuya.verbs.{name}" if tuya else f"commands.{name}.payload.{number}", field.name
    for key, field in command.fields.items():
        if not field.flags:
            yield f"commands.{name}.fields.{key}", key
    for number, step in enumerate(command.sequence):
        part = profile.commands.get(step.command)
        if part is not None and not part.sequence:
            for needed in sorted(_needed(profile, step.command) - set(step.values)):
                yield f"commands.{name}.sequence.{number}", needed


def _sequences(profile: Profile) -> Iterator[str]:
    """Sequences are of commands that exist and are not sequences themselves; a renewal repeats a start."""
    for key, command in profile.commands.items():
        for number, step in enumerate(command.sequence):
            part = profile.commands.get(step.command)
            if part is None or part.sequence or part.repeat:
                yield f"commands.{key}.sequence.{number}: {step.command} is no plain command"
        if command.repeat is not None and key != "renew":
            yield f"commands.{key}.repeat: only renew sends something once more"
        elif command.repeat is not None and command.repeat not in START_VERB.values():
            yield f"commands.{key}.repeat: only a start can be sent once more ({', '.join(START_VERB.values())})"
        elif command.repeat is not None and command.repeat not in profile.commands:
            yield f"commands.{key}.repeat: {command.repeat} is no command{_there_are(profile.commands)}"
        if command.answered_by is not None and command.answered_by not in profile.reports:
            yield f"commands.{key}.answered_by: {command.answered_by} is no report{_there_are(profile.reports)}"


def _answers(profile: Profile) -> Iterator[str]:
    """The answering report carries what is looked for in it, and can say yes."""
    answer = profile.answer
    if answer is None:
        return
    report = profile.reports.get(answer.report)
    if report is None:
        yield f"answer.report: {answer.report} is no report{_there_are(profile.reports)}"
        return
    for key in ("opcode", "counter", "result"):
        name = getattr(answer, key)
        if name is not None and name not in report.names:
            yield f"answer.{key}: the report {answer.report} carries no {name}{_there_are(report.names)}"
    if answer.counter is not None and (profile.frame is None or "counter" not in profile.frame.layout):
        yield "answer.counter: the frame has no counter"
    if answer.refused_by is not None and answer.refused_by not in profile.reports:
        yield f"answer.refused_by: {answer.refused_by} is no report{_there_are(profile.reports)}"
    elif answer.refused_by == answer.report:
        yield "answer.refused_by: it is another report than the one that means yes"
    field = next((field for field in report.payload if field.name == answer.result), None)
    if answer.result is not None and not answer.accepted:
        yield "answer.result: say which results mean yes, like accepted: [done]"
    meanings = field.meanings if field is not None and field.meanings else {}
    for word in answer.accepted if meanings else ():
        if word not in meanings.values():
            yield f"answer.accepted: {answer.result} never is {word}{_there_are(map(str, meanings.values()))}"


def _duties(profile: Profile) -> Iterator[str]:
    """The session's duties are commands, reports and channels that exist, start nothing and have all they need."""
    duties = profile.session
    for number, hello in enumerate(duties.hello):
        yield from _duty(profile, f"session.hello.{number}.command", hello.command, frozenset(hello.values))
        if hello.answered_by is not None and hello.answered_by not in profile.reports:
            where = f"session.hello.{number}.answered_by"
            yield f"{where}: {hello.answered_by} is no report{_there_are(profile.reports)}"
    if duties.clock is not None:
        yield from _duty(profile, "session.clock", duties.clock, _CLOCK)
    periodic = [("session.keepalive", duties.keepalive)] if duties.keepalive else []
    periodic += [(f"session.poll.{number}", poll) for number, poll in enumerate(duties.poll)]
    for where, each in periodic:
        if each.command is not None:
            yield from _duty(profile, f"{where}.command", each.command, frozenset())
        channel = profile.channels.get(each.channel) if each.channel else None
        if each.channel is not None and (channel is None or not channel.read):
            readable = [name for name, one in profile.channels.items() if one.read]
            yield f"{where}.channel: {each.channel} cannot be read{_there_are(readable)}"
    for key, report in profile.reports.items():
        if report.acknowledge is not None:
            where = f"reports.{key}.acknowledge"
            yield from _duty(profile, where, report.acknowledge.command, frozenset(report.names))


def _duty(profile: Profile, where: str, name: str, given: frozenset[str]) -> Iterator[str]:
    command = profile.commands.get(name)
    if command is None:
        yield f"{where}: {name} is no command{_there_are(profile.commands)}"
        return
    for part in (name, *(step.command for step in command.sequence)):
        if part in _ENERGY:
            yield f"{where}: {part} starts something or keeps it running, which only a session may do"
    if missing := _needed(profile, name) - given:
        yield f"{where}: nobody tells {name} what it needs: {_listed(missing)}"


def _needed(profile: Profile, name: str) -> frozenset[str]:
    """Return the names of the values that a command cannot be sent without."""
    command = profile.commands[name]
    needed = {field.name for field in (*command.payload, *command.fields.values()) if field.name and not field.flags}
    for step in command.sequence:
        if step.command in profile.commands and not profile.commands[step.command].sequence:
            needed |= _needed(profile, step.command) - set(step.values)
    return frozenset(needed)


def _patterns(profile: Profile) -> Iterator[str]:
    """Patterns are regular expressions with placeholders for numbers and words."""
    from devices.profiles.text import compiled, kinds_in, names_in

    for key, report in profile.reports.items():
        if report.pattern is not None:
            try:
                compiled(report.pattern)
            except re.error as error:
                yield f"reports.{key}.pattern: it is no pattern ({error})"
                continue
        kinds = kinds_in(report.pattern or "")
        for name in names_in(report.pattern or ""):
            if name in NUMBERS and kinds.get(name) not in ("int", "float"):
                yield f"reports.{key}.pattern: {name} is a number, so find it with {{{name}:float}}"
        for name in report.fields:
            if kinds.get(name) != "int":
                yield f"reports.{key}.fields.{name}: a number in the pattern, like {{{name}:int}}, is missing"
    for key, command in profile.commands.items():
        used = set(re.findall(r"\{(\w+)\}", command.text or ""))
        for name in sorted(used - set(command.fields)):
            yield f"commands.{key}.text: describe {name}, like fields: {{{name}: {{range: [0, 20]}}}}"
        for name in sorted(set(command.fields) - used):
            yield f"commands.{key}.fields.{name}: the text has no {{{name}}}"


def _values(profile: Profile) -> Iterator[str]:
    """What is the inverse of something finds it, what is skipped to the end is the end, and commands do not guess."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            yield from _payload(f"{kind}.{key}.payload", entry.payload)
    for key, command in profile.commands.items():
        for number, field in enumerate(command.payload):
            if field.otherwise is not None:
                yield f"commands.{key}.payload.{number}: otherwise is for reading, as a command says a code it knows"
    for key, channel in profile.channels.items():
        yield from _payload(f"channels.{key}.gives", channel.gives or ())


def _payload(where: str, payload: tuple[FieldSpec, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for number, field in enumerate(payload):
        if field.inverse_of is not None and field.inverse_of not in seen:
            yield f"{where}.{number}: {field.inverse_of} is no number of one byte before its inverse"
        if field.rest and number != len(payload) - 1:
            yield f"{where}.{number}: {{rest: skip}} is the last field"
        if field.name is not None and field.type in (*INTEGER_TYPES, "bool") and field.width == 1:
            seen.add(field.name)


def _levels(profile: Profile) -> Iterator[str]:
    """Level maps climb: a higher level is never weaker."""
    for name in ("vacuum_mmhg", "celsius"):
        levels = getattr(profile.levels, name, {}) if profile.levels else {}
        values = [levels[level] for level in sorted(levels)]
        if values != sorted(values):
            yield f"levels.{name}: a higher level cannot be weaker"


def _examples(profile: Profile) -> Iterator[str]:
    """Examples are about commands, reports and channels that exist."""
    for number, example in enumerate(profile.examples):
        named = [
            *(("send", name, profile.commands) for name in example.send or ()),
            *(("writes", name, profile.channels) for name, _ in example.writes),
            ("channel", example.channel, profile.channels),
            ("report", example.report, profile.reports),
        ]
        for key, name, there in named:
            if name is not None and name not in there:
                yield f"examples.{number}.{key}: {name} is not described{_there_are(there)}"


def _there_are(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f", there {'is' if listed and ',' not in listed else 'are'} {listed or 'none'}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
