"""Try a profile without any device: does every example hold, and which commands, reports and layouts have none?

A profile's encoder and its virtual twin come from the same file, so they agree even where the file is wrong. Only bytes
that were not made by them show that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.driver.example_check import DROPPED, ExampleCheck, by_part, compared, in_words
from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import Value
from devices.errors import DeviceError, ProtocolError
from devices.profiles.codec import Codec, DecodedMessage
from devices.profiles.profile_parts import CommandSpec, Example
from devices.profiles.schema import Profile

_NO_PART = "examples"  # what an example is about that means nothing here, and should


def check_examples(profile: Profile) -> list[ExampleCheck]:
    """Return what the examples show of each command, report and layout, and whether each command can be sent."""
    codec = Codec(profile)
    tried = ((*_tried(codec, example), example.seen_in) for example in profile.examples)
    findings = by_part(_parts(profile), ("examples",), tried)
    return [_with_command(codec, findings, each) for each in findings]


def _parts(profile: Profile) -> Iterator[str]:
    yield from (f"commands.{name}" for name in profile.commands)
    yield from (f"reports.{name}" for name in profile.reports)
    yield from (f"channels.{name}" for name, channel in profile.channels.items() if channel.fields is not None)


def _tried(codec: Codec, example: Example) -> tuple[tuple[str, ...], str, str]:
    """Return the parts that an example shows, what was expected, and what was found."""
    return _sent(codec, example) if example.send is not None else _received(codec, example)


# What is sent


def _sent(codec: Codec, example: Example) -> tuple[tuple[str, ...], str, str]:
    ((name, values),) = (example.send or {}).items()
    command = codec.profile.commands[name]
    # The bytes of a sequence are those of its commands, so its example shows them, too.
    parts = tuple(f"commands.{each}" for each in dict.fromkeys((name, *(step.command for step in command.sequence))))
    if example.writes:
        wanted: list[tuple[str | None, bytes]] = list(example.writes)
    else:
        wanted = [(example.channel, example.bytes_ if example.bytes_ is not None else _line(codec, example.text))]
    expected = ", ".join(_written(codec, channel, data) for channel, data in wanted)
    try:
        packets = [codec.encode_command(part, given, example.counter) for part, given, _ in codec.packets(name, values)]
    except DeviceError as error:
        return parts, expected, str(error)
    with_channel = len(packets) != 1 or wanted[0][0] is not None
    made = [(packet.channel if with_channel else None, packet.data) for packet in packets]
    return parts, expected, ", ".join(_written(codec, channel, data) for channel, data in made)


def _written(codec: Codec, channel: str | None, data: bytes) -> str:
    text = codec.profile.text
    is_text = text is not None and (channel is None or codec.profile.channels[channel].framed)
    shown = repr(data.decode(text.encoding, "replace")) if is_text and text else data.hex(" ")
    return f"{channel} {shown}" if channel else shown


def _line(codec: Codec, line: str | None) -> bytes:
    return (line or "").encode(codec.profile.text.encoding if codec.profile.text else "ascii")


# What is received


def _received(codec: Codec, example: Example) -> tuple[tuple[str, ...], str, str]:
    channel = _channel(codec, example)
    try:
        message = _decoded(codec, channel, example)
    except DeviceError as error:
        if example.dropped is not None:
            return (DROPPED,), "nothing", "nothing"
        return (_meant(codec.profile, channel, example),), _expected(example), str(error)
    found = f"{message.name} ({in_words(message.values)})"
    if example.dropped is not None:
        return (DROPPED,), "nothing", found
    kind = "channels" if codec.profile.channels[channel].fields is not None else "reports"
    if example.report not in (None, message.name):
        return (f"reports.{example.report}",), _expected(example), found
    return (f"{kind}.{message.name}",), *compared(example.means or {}, message.values)


def _decoded(codec: Codec, channel: str, example: Example) -> DecodedMessage:
    """Return what a packet means, after the joiner where the protocol splits. Raise `ProtocolError` if nothing."""
    data = example.receive if example.receive is not None else _line(codec, example.receive_text)
    joiner = codec.joiner(channel)
    whole = joiner.feed(data) if joiner is not None else [data]
    message = codec.decode_report(channel, whole[0] if len(whole) == 1 else data, example.known)
    if len(whole) != 1:
        raise ProtocolError(f"it is not one whole packet, but {len(whole)}")
    return message


def _channel(codec: Codec, example: Example) -> str:
    """Return where a packet comes from: by the example or its report, else the first that notifies."""
    report = codec.profile.reports.get(example.report or "")
    if example.channel is not None or (report is not None and report.channel is not None):
        return example.channel or (report.channel if report else None) or ""
    speaking = [(name, each) for name, each in codec.profile.channels.items() if each.notify or each.indicate]
    plain = [name for name, each in speaking if each.fields is None]
    return (plain or [name for name, _ in speaking] or list(codec.profile.channels))[0]


def _meant(profile: Profile, channel: str, example: Example) -> str:
    """Return what an example that means nothing was to show: the layout there, or a report that carries its values."""
    if profile.channels[channel].fields is not None:
        return f"channels.{channel}"
    if example.report is not None:
        return f"reports.{example.report}"
    wanted = set(example.means or {})
    fitting = (name for name, report in profile.reports.items() if wanted and wanted <= set(report.names))
    name = next(fitting, None)
    return f"reports.{name}" if name else _NO_PART


def _expected(example: Example) -> str:
    words = in_words(example.means or {})
    return f"{example.report} ({words})" if example.report else words


# What can be sent


def _with_command(codec: Codec, findings: list[ExampleCheck], finding: ExampleCheck) -> ExampleCheck:
    kind, _, name = finding.what.partition(".")
    if kind != "commands":
        return finding
    if (start := codec.profile.commands[name].repeat) is not None:
        # A repetition sends the very bytes of the last start once more, so the examples of that start are its own.
        examples = next(each.examples for each in findings if each.what == f"commands.{start}")
        return finding.model_copy(update={"examples": examples})
    try:
        made = [
            codec.encode_command(part, {**sample(codec.profile.commands[part]), **values})
            for part, values, _ in codec.packets(name, {})
        ]
    except DeviceError as error:
        return finding.model_copy(update={"problem": str(error)})
    return finding.model_copy(update={"shows": ", ".join(f"{each.channel} {each.data.hex(' ')}" for each in made)})


def sample(command: CommandSpec) -> Mapping[str, Value]:
    """Return values that a command takes: the lowest of each range."""
    values: dict[str, Value] = {}
    for field in (*command.payload, *command.fields.values()):
        values.update(dict.fromkeys(field.names, _lowest(field)))
    return values


def _lowest(field: FieldSpec) -> Value:
    if field.meanings:
        return next(iter(field.meanings.values()))
    if field.type in ("bool", "text") or field.flags:
        return False if field.type != "text" else ""
    if field.range is not None:
        return field.range[0]
    return field.offset if field.wire_range[0] <= field.bias <= field.wire_range[1] else 0
