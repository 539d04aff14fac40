"""Dry-run a profile without any device: every example holds, every command encodes, every report decodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.errors import DeviceError
from devices.profiles.codec import Codec
from devices.profiles.field_spec import FieldSpec
from devices.profiles.schema import Command, Example, Profile
from devices.profiles.vocabulary import Finding, Value
from devices.tuya.proof import prove_tuya


def prove(profile: Profile) -> list[Finding]:
    """Try everything that can be tried without a device."""
    if profile.tuya is not None:
        return list(prove_tuya(profile.tuya))
    codec = Codec(profile)
    return [*_examples(codec), *_commands(codec), *_reports_without_example(profile)]


def _examples(codec: Codec) -> Iterator[Finding]:
    for number, example in enumerate(codec.profile.examples):
        what = f"examples.{number}"
        try:
            problem, shows = _sent(codec, example) if example.send is not None else _received(codec, example)
        except DeviceError as error:
            problem, shows = str(error), ""
        yield Finding(what=what, holds=problem is None, shows=problem or shows)


def _sent(codec: Codec, example: Example) -> tuple[str | None, str]:
    ((name, values),) = (example.send or {}).items()
    packets = [codec.encode_command(part, given, example.counter) for part, given, _ in codec.packets(name, values)]
    encoding = codec.profile.text.encoding if codec.profile.text else "ascii"
    made = [(packet.channel, packet.data) for packet in packets]
    if example.writes:
        wanted = list(example.writes)
    else:
        data = example.bytes_ if example.bytes_ is not None else (example.text or "").encode(encoding)
        wanted = [(made[0][0], data)]
    shows = ", ".join(f"{channel} {data.hex(' ')}" for channel, data in made)
    return (None if made == wanted else f"{name} makes {shows}, the example says {wanted[0][1].hex(' ')}"), shows


def _received(codec: Codec, example: Example) -> tuple[str | None, str]:
    encoding = codec.profile.text.encoding if codec.profile.text else "ascii"
    data = example.receive if example.receive is not None else (example.says or "").encode(encoding)
    channel = example.channel or next(
        (name for name, each in codec.profile.channels.items() if each.notify or each.indicate), ""
    )
    gives = example.gives or {}
    message = codec.decode_report(channel, data, {**example.known, **gives})
    wrong = {name: message.values.get(name) for name, value in gives.items() if message.values.get(name) != value}
    return (f"it means {dict(message.values)}" if wrong else None), f"{message.name}: {dict(message.values)}"


def _commands(codec: Codec) -> Iterator[Finding]:
    for name, command in codec.profile.commands.items():
        if command.repeat is not None:
            continue
        try:
            made = [
                codec.encode_command(part, {**sample(codec.profile.commands[part]), **values})
                for part, values, _ in codec.packets(name, {})
            ]
        except DeviceError as error:
            yield Finding(what=f"commands.{name}", holds=False, shows=str(error))
        else:
            yield Finding(
                what=f"commands.{name}",
                holds=True,
                shows=", ".join(f"{each.channel} {each.data.hex(' ')}" for each in made),
            )


def sample(command: Command) -> Mapping[str, Value]:
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


def _reports_without_example(profile: Profile) -> Iterator[Finding]:
    """Name the reports that no example shows: nothing proves that they are described rightly."""
    codec = Codec(profile)
    shown: set[str] = set()
    for example in profile.examples:
        if example.send is None:
            try:
                shown.add(_received(codec, example)[1].partition(":")[0])
            except DeviceError:
                continue
    for name in profile.reports:
        if name not in shown:
            yield Finding(what=f"reports.{name}", holds=True, shows="no example shows it")
