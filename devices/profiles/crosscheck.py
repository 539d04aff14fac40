"""Does a profile fit together? Each function is one rule; each problem names the key it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.driver.field_spec import INTEGER_TYPES, FieldSpec
from devices.driver.vocabulary import NUMBERS, SETTING_OF, START_VERB, STOP_VERB, VERB_ARGUMENTS
from devices.profiles.profile_parts import CommandSpec, ReportSpec
from devices.profiles.report_opcode import CommandOpcode
from devices.profiles.report_rules import answer_problems, derived_problems, there_are, word_problems
from devices.profiles.text_frames import compiled, kinds_in
from devices.profiles.text_frames import names_in as names_in_pattern
from devices.profiles.unchecked_profile import UncheckedProfile
from devices.support.file_error import Misfits

# What puts energy into a body, or prolongs it. Only a session may send it, never a handshake or a timer.
_ENERGY = frozenset({*START_VERB.values(), "adjust", "resume", "renew"})
# What the clock command may carry; `connection.clock_values` supplies it.
_CLOCK = frozenset(
    {"year", "year_of_century", "month", "day", "hour", "minute", "second", "weekday", "epoch_seconds", "zone_minutes"}
)


def problems_in(profile: UncheckedProfile) -> Misfits:
    """Yield everything that does not fit together."""
    if profile.encrypted is not None:
        yield from _encrypted(profile)
        return
    if not profile.channels:
        yield "channels", "describe the characteristics, or say why they cannot be used: encrypted: it wants a key"
        return
    rules = (
        _names,
        _models,
        _ways,
        _opcodes,
        _beginnings,
        _stops,
        _verbs,
        _sequences,
        answer_problems,
        derived_problems,
        word_problems,
        _connection,
        _patterns,
        _values,
        _examples,
    )
    for rule in rules:
        yield from rule(profile)


def _encrypted(profile: UncheckedProfile) -> Misfits:
    """Of an encrypted protocol only that is described by which its devices are recognised."""
    for key in ("channels", "frame", "text", "commands", "reports", "answer", "examples"):
        if getattr(profile, key):
            yield key, "an encrypted protocol is not driven, so leave this out, or leave out `encrypted`"


def _names(profile: UncheckedProfile) -> Misfits:
    """Channels that are named are described; each command knows its channel."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            if entry.channel is not None and entry.channel not in profile.channels:
                yield f"{kind}.{key}.channel", f"{entry.channel} is not described{there_are(profile.channels)}"
    for key, command in profile.commands.items():
        if command.sequence or command.repeat:
            continue
        name = command.channel or profile.control
        if name is None:
            yield f"commands.{key}", "name its channel, as not exactly one can be written"
        elif name in profile.channels and not profile.channels[name].write:
            yield f"commands.{key}", f"its channel {name} cannot be written"


def _models(profile: UncheckedProfile) -> Misfits:
    """What tells a model apart has bytes to compare with."""
    for key, channel in profile.channels.items():
        if channel.must_be == "manufacturer" and not profile.beginnings(key):
            yield f"channels.{key}.must_be", "match.manufacturer has no data, so give the bytes here"


def _ways(profile: UncheckedProfile) -> Misfits:
    """Bytes and text do not mix in one profile's protocol."""
    if profile.frame and profile.text:
        yield "text", "a profile has a frame or a text protocol, not both"
    for key, command in profile.commands.items():
        if command.text is not None and profile.text is None:
            yield f"commands.{key}.text", "describe the protocol too, like text: {terminator: '|'}"
        elif command.text is not None and profile.text is not None:
            try:
                command.text.encode(profile.text.encoding)
            except UnicodeEncodeError:
                yield f"commands.{key}.text", f"it cannot be written in {profile.text.encoding}"
    for key, report in profile.reports.items():
        if report.pattern is not None and profile.text is None:
            yield f"reports.{key}.pattern", "describe the protocol too, like text: {terminator: '|'}"
        if report.pattern is not None and (report.payload or report.opcode):
            yield f"reports.{key}", "it has a pattern or a payload, not both"
        if report.pattern is None and not report.payload and report.opcode is None:
            yield f"reports.{key}", "give its payload, or its pattern where it is text"


def _opcodes(profile: UncheckedProfile) -> Misfits:
    """Where the frame has an opcode, everything framed has one of its size; elsewhere nothing has."""
    size = profile.frame.opcode_bytes if profile.frame and "opcode" in profile.frame.layout else 0
    for key, command in profile.commands.items():
        if not (command.text is not None or command.sequence or command.repeat):
            yield from _opcode(profile, f"commands.{key}", command, command.channel or profile.control, size)
    for key, report in profile.reports.items():
        if report.pattern is None:
            yield from _opcode(profile, f"reports.{key}", report, report.channel, size)


def _opcode(
    profile: UncheckedProfile, where: str, entry: CommandSpec | ReportSpec, channel_name: str | None, size: int
) -> Misfits:
    channel = profile.channels.get(channel_name or "")
    expected = 0 if channel is not None and not channel.framed else size
    if expected and entry.opcode is None:
        yield where, f"the frame has an opcode of {expected} bytes, so give this one's (opcode)"
    elif isinstance(entry.opcode, CommandOpcode):
        if not expected:
            yield f"{where}.opcode", "its frame has no opcode that could be the command's"
    elif entry.opcode is not None and len(entry.opcode) != expected:
        yield f"{where}.opcode", f"it has {len(entry.opcode)} bytes, the frame's has {expected}"


def _beginnings(profile: UncheckedProfile) -> Misfits:
    """What a device begins at by itself can be read beforehand, and compared with the setting of its start."""
    readable = {name for channel in profile.channels.values() if channel.read for name in channel.names}
    for key, command in profile.commands.items():
        begins_at = command.begins_at
        if begins_at is None:
            continue
        where = f"commands.{key}.begins_at"
        if key not in START_VERB.values():
            yield where, f"only a start begins something ({', '.join(START_VERB.values())})"
        elif begins_at not in SETTING_OF:
            yield where, f"{begins_at} is not the report of a setting{there_are(SETTING_OF)}"
        elif SETTING_OF[begins_at] not in profile.carried_by(key):
            yield where, f"{key} carries no {SETTING_OF[begins_at]} to compare {begins_at} with"
        for name in (begins_at, "run_state"):
            if name not in readable:
                yield where, f"{name} must be in a channel that can be read{there_are(sorted(readable))}"


def _stops(profile: UncheckedProfile) -> Misfits:
    """A stop is one or more plain commands, and needs no values."""
    for verb in sorted({STOP_VERB[role] for role in profile.energy_roles} & set(profile.commands)):
        if missing := _needed(profile, verb):
            yield f"commands.{verb}", f"a stop gets no values, but this needs {_listed(missing)}"


def _verbs(profile: UncheckedProfile) -> Misfits:
    """A verb is given all that its command carries; else it could never be sent."""
    for role in profile.roles:
        for verb in sorted(profile.verbs & VERB_ARGUMENTS[role].keys() - set(STOP_VERB.values())):
            names = profile.arguments_of(role, verb)
            for where, name in _carried(profile, verb):
                if name not in names:
                    gets = f"gets {', '.join(names)}" if names else "gets no value at all"
                    yield where, f"{verb} is never given {name}, it {gets}"


def _carried(profile: UncheckedProfile, name: str) -> Iterator[tuple[str, str]]:
    """Yield where a command needs a value, and which: itself, or through the steps of its sequence."""
    command = profile.commands[name]
    for number, field in enumerate(command.payload):
        if field.name and not field.flags:
            yield f"commands.{name}.payload.{number}", field.name
    for key, field in command.fields.items():
        if not field.flags:
            yield f"commands.{name}.fields.{key}", key
    for number, step in enumerate(command.sequence):
        part = profile.commands.get(step.command)
        if part is not None and not part.sequence:
            for needed in sorted(_needed(profile, step.command) - set(step.values)):
                yield f"commands.{name}.sequence.{number}", needed


def _sequences(profile: UncheckedProfile) -> Misfits:
    """Sequences are of commands that exist and are not sequences themselves; a renewal repeats a start."""
    for key, command in profile.commands.items():
        for number, step in enumerate(command.sequence):
            part = profile.commands.get(step.command)
            if part is None or part.sequence or part.repeat:
                yield f"commands.{key}.sequence.{number}", f"{step.command} is not a plain command"
        if command.repeat is not None and key != "renew":
            yield f"commands.{key}.repeat", "only renew sends something once more"
        elif command.repeat is not None and command.repeat not in START_VERB.values():
            yield f"commands.{key}.repeat", f"only a start can be sent once more ({', '.join(START_VERB.values())})"
        elif command.repeat is not None and command.repeat not in profile.commands:
            yield f"commands.{key}.repeat", f"{command.repeat} is not a command{there_are(profile.commands)}"
        for name in command.answered_by:
            if name not in profile.reports:
                yield f"commands.{key}.answered_by", f"{name} is not a report{there_are(profile.reports)}"


def _connection(profile: UncheckedProfile) -> Misfits:
    """What a connection sends by itself exists, starts nothing, and has all the values it needs."""
    connection = profile.connection
    if "tare" in profile.verbs:
        yield from _sent_alone(profile, "commands.tare", "tare", frozenset())
    for number, step in enumerate(connection.handshake):
        yield from _sent_alone(profile, f"connection.handshake.{number}.command", step.command, frozenset(step.values))
        for name in step.answered_by:
            if name not in profile.reports:
                where = f"connection.handshake.{number}.answered_by"
                yield where, f"{name} is not a report{there_are(profile.reports)}"
    if connection.clock is not None:
        yield from _sent_alone(profile, "connection.clock", connection.clock, _CLOCK)
    periodic = [("connection.keepalive", connection.keepalive)] if connection.keepalive else []
    periodic += [(f"connection.poll.{number}", poll) for number, poll in enumerate(connection.poll)]
    for where, each in periodic:
        if each.command is not None:
            yield from _sent_alone(profile, f"{where}.command", each.command, frozenset())
        channel = profile.channels.get(each.channel) if each.channel else None
        if each.channel is not None and (channel is None or not channel.read):
            readable = [name for name, one in profile.channels.items() if one.read]
            yield f"{where}.channel", f"{each.channel} cannot be read{there_are(readable)}"
    for key, report in profile.reports.items():
        if report.acknowledge is not None:
            where = f"reports.{key}.acknowledge"
            yield from _sent_alone(profile, where, report.acknowledge.command, frozenset(report.names))


def _sent_alone(profile: UncheckedProfile, where: str, name: str, given: frozenset[str]) -> Misfits:
    command = profile.commands.get(name)
    if command is None:
        yield where, f"{name} is not a command{there_are(profile.commands)}"
        return
    for part in (name, *(step.command for step in command.sequence)):
        if part in _ENERGY:
            yield where, f"{part} starts something or keeps it running, which only a session may do"
    if missing := _needed(profile, name) - given:
        yield where, f"{name} needs values that nothing supplies: {_listed(missing)}"


def _needed(profile: UncheckedProfile, name: str) -> frozenset[str]:
    """Return the names of the values that a command cannot be sent without."""
    command = profile.commands[name]
    needed = {field.name for field in (*command.payload, *command.fields.values()) if field.name and not field.flags}
    for step in command.sequence:
        if step.command in profile.commands and not profile.commands[step.command].sequence:
            needed |= _needed(profile, step.command) - set(step.values)
    return frozenset(needed)


def _patterns(profile: UncheckedProfile) -> Misfits:
    """Patterns are regular expressions with placeholders for numbers and words."""
    for key, report in profile.reports.items():
        if report.pattern is not None:
            try:
                compiled(report.pattern)
            except re.error as error:
                yield f"reports.{key}.pattern", f"not a pattern ({error})"
                continue
        kinds = kinds_in(report.pattern or "")
        for name in names_in_pattern(report.pattern or ""):
            if name in NUMBERS and kinds.get(name) not in ("int", "float"):
                yield f"reports.{key}.pattern", f"{name} is a number, so find it with {{{name}:float}}"
        for name in report.fields:
            if kinds.get(name) != "int":
                yield f"reports.{key}.fields.{name}", f"a number in the pattern, like {{{name}:int}}, is missing"
    for key, command in profile.commands.items():
        used = set(re.findall(r"\{(\w+)\}", command.text or ""))
        for name in sorted(used - set(command.fields)):
            yield f"commands.{key}.text", f"describe {name}, like fields: {{{name}: {{range: [0, 20]}}}}"
        for name in sorted(set(command.fields) - used):
            yield f"commands.{key}.fields.{name}", f"the text has no {{{name}}}"


def _values(profile: UncheckedProfile) -> Misfits:
    """What is the inverse of something finds it, what is skipped to the end is the end, and commands do not guess."""
    for kind, entries in (("commands", profile.commands), ("reports", profile.reports)):
        for key, entry in entries.items():
            yield from _payload(f"{kind}.{key}.payload", entry.payload)
    for key, command in profile.commands.items():
        for number, field in enumerate(command.payload):
            if field.otherwise is not None:
                yield f"commands.{key}.payload.{number}", "otherwise is for reading, as a command sends a known code"
    for key, channel in profile.channels.items():
        yield from _payload(f"channels.{key}.fields", channel.fields or ())


def _payload(where: str, payload: tuple[FieldSpec, ...]) -> Misfits:
    seen: set[str] = set()
    named: dict[str, FieldSpec] = {}
    for number, field in enumerate(payload):
        if field.sign is not None and not _tells_sign(named.get(field.sign)):
            yield f"{where}.{number}", f"sign: {field.sign} is not a field before it that is `plus` or `minus`"
        if field.unless is not None and not _is_boolean(named.get(field.unless), field.unless):
            yield f"{where}.{number}", f"unless: {field.unless} is not a field before it that is true or false"
        if field.fahrenheit_if is not None and not _is_boolean(named.get(field.fahrenheit_if), field.fahrenheit_if):
            words = f"fahrenheit_if: {field.fahrenheit_if} is not a field before it that is true or false"
            yield f"{where}.{number}", words
        named |= dict.fromkeys(field.names, field)
        if field.inverse_of is not None and field.inverse_of not in seen:
            yield f"{where}.{number}", f"{field.inverse_of} is not a number of one byte before its inverse"
        if field.rest and number != len(payload) - 1:
            yield f"{where}.{number}", "{rest: skip} is the last field"
        if field.name is not None and field.type in (*INTEGER_TYPES, "bool") and field.width == 1:
            seen.add(field.name)


def _tells_sign(field: FieldSpec | None) -> bool:
    return field is not None and {"plus", "minus"} <= set((field.meanings or {}).values())


def _is_boolean(field: FieldSpec | None, name: str) -> bool:
    return field is not None and (field.type == "bool" or name in (field.flags or {}).values())


def _examples(profile: UncheckedProfile) -> Misfits:
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
                yield f"examples.{number}.{key}", f"{name} is not described{there_are(there)}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
