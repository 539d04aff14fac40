"""A profile's bytes, both ways: the controller's side, and the device's side for its virtual twin.

Pure and without memory: counters and values heard before come from the caller. What cannot be decoded raises
`ProtocolError`, and the caller counts and drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devices.errors import ProtocolError, RefusedError
from devices.profiles import text as lines
from devices.profiles.fields import pack, unpack
from devices.profiles.frames import Joiner, Parts, unwrap, wrap
from devices.profiles.schema import Command, Profile, Report
from devices.profiles.text import LineJoiner
from devices.profiles.vocabulary import Value


@dataclass(frozen=True)
class Packet:
    """Bytes for a channel. `command` made them; `then_wait_seconds` is a pause that the device needs afterwards."""

    channel: str
    data: bytes
    command: str = ""
    then_wait_seconds: float = 0.0


@dataclass(frozen=True)
class Message:
    """What a packet meant. `name` is a command's or a report's; for a plain characteristic, the channel's."""

    name: str
    values: Mapping[str, Value]
    opcode: bytes = b""
    counter: int | None = None


class Codec:
    """Encodes and decodes for one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    # The controller's side

    def packets(self, name: str, values: Mapping[str, Value]) -> list[tuple[str, Mapping[str, Value], float]]:
        """Return the plain commands that a command consists of, each with its values and the pause after it."""
        command = self._command(name)
        if not command.sequence:
            return [(name, values, 0.0)]
        return [(step.command, {**values, **step.values}, step.then_wait_seconds) for step in command.sequence]

    def encode_command(self, name: str, values: Mapping[str, Value], counter: int = 0) -> Packet:
        """Return the bytes of a plain command. Raise `RefusedError` when it is unknown or a value does not fit."""
        command = self._command(name)
        channel = command.channel or self.profile.control or ""
        return Packet(channel, self._encode(command, channel, values, counter), name)

    def decode_report(self, channel: str, data: bytes, known: Mapping[str, Value] | None = None) -> Message:
        """Return what the device said. Raise `ProtocolError` when the profile does not describe it."""
        gives = self.profile.channels[channel].gives
        if gives is not None:
            return Message(channel, unpack(gives, data, self.profile.byte_order, known))
        if self.profile.text and self.profile.channels[channel].framed:
            return self._decode_line(data)
        parts = self._unwrap(channel, data)
        error: ProtocolError | None = None
        for name, report in self._candidates(channel, parts):
            try:
                values = unpack(report.payload, parts.payload, self.profile.byte_order, known)
            except ProtocolError as problem:
                error = problem
            else:
                return Message(name, values, parts.opcode, parts.counter)
        raise error or ProtocolError(f"no report has the opcode {parts.opcode.hex(' ') or '(none)'} and this length")

    def joiner(self, channel: str) -> Joiner | LineJoiner | None:
        """Return what joins pieces on a channel, where the protocol splits."""
        profile = self.profile
        if not profile.channels[channel].framed or profile.channels[channel].gives is not None:
            return None
        if profile.text:
            return LineJoiner(profile.text.terminator, profile.text.encoding)
        return Joiner(profile.frame, profile.byte_order) if profile.frame and profile.frame.joined else None

    # The device's side

    def decode_command(self, channel: str, data: bytes) -> Message:
        """Return what a device was told. Commands without values go first: `Vibrate:0;` is a stop, no strength."""
        for name, command in sorted(self.profile.commands.items(), key=lambda item: len(item[1].names)):
            if command.sequence or command.repeat or (command.channel or self.profile.control) != channel:
                continue
            message = self._decode_one(name, command, channel, data)
            if message is not None:
                return message
        raise ProtocolError(f"{data.hex(' ')} is no command of a {self.profile.name}")

    def encode_report(self, name: str, values: Mapping[str, Value], counter: int = 0) -> Packet:
        """Return the bytes of a report, or of a plain characteristic."""
        channel = self.profile.channels.get(name)
        if channel is not None and channel.gives is not None:
            return Packet(name, pack(channel.gives, values, self.profile.byte_order))
        report = self.profile.reports[name]
        if report.line is not None and self.profile.text is not None:
            line = lines.fill(report.line, report.fields, values)
            return Packet(self.channel_of(report), line.encode(self.profile.text.encoding))
        payload = pack(report.payload, values, self.profile.byte_order)
        return Packet(self.channel_of(report), self._wrap(self.channel_of(report), report.opcode, payload, counter))

    def channel_of(self, report: Report) -> str:
        """Return the channel a report comes through: its own, or the only one that notifies."""
        if report.channel is not None:
            return report.channel
        talking = [
            name for name, each in self.profile.channels.items() if (each.notify or each.indicate) and not each.gives
        ]
        return talking[0] if talking else ""

    # Inside

    def _command(self, name: str) -> Command:
        command = self.profile.commands.get(name)
        if command is None:
            raise RefusedError(f"{self.profile.name} has no command {name}")
        return command

    def _encode(self, command: Command, channel: str, values: Mapping[str, Value], counter: int) -> bytes:
        if command.text is not None and self.profile.text is not None:
            return lines.fill(command.text, command.fields, values).encode(self.profile.text.encoding)
        payload = pack(command.payload, values, self.profile.byte_order)
        return self._wrap(channel, command.opcode, payload, counter)

    def _decode_one(self, name: str, command: Command, channel: str, data: bytes) -> Message | None:
        try:
            if command.text is not None and self.profile.text is not None:
                # A stop may begin with a terminator, so that it ends what came half before it; the joiner took it off.
                text = command.text.removeprefix(self.profile.text.terminator)
                line = data.decode(self.profile.text.encoding)
                found = lines.find(lines.command_pattern(text), command.fields, line)
                return None if found is None else Message(name, found)
            parts = self._unwrap(channel, data)
            if parts.opcode != (command.opcode or b""):
                return None
            values = unpack(command.payload, parts.payload, self.profile.byte_order)
            return Message(name, values, parts.opcode, parts.counter)
        except (ProtocolError, UnicodeDecodeError):
            return None

    def _decode_line(self, data: bytes) -> Message:
        encoding = self.profile.text.encoding if self.profile.text else "ascii"
        line = data.decode(encoding, "replace")
        for name, report in self.profile.reports.items():
            found = None if report.pattern is None else lines.find(report.pattern, report.fields, line)
            if found is not None:
                return Message(name, found)
        raise ProtocolError(f"no report looks like {line!r}")

    def _candidates(self, channel: str, parts: Parts) -> Iterator[tuple[str, Report]]:
        for name, report in self.profile.reports.items():
            if report.pattern is not None or (report.channel or channel) != channel:
                continue
            if (report.opcode or b"") == parts.opcode and report.fits_length(len(parts.payload)):
                yield name, report

    def _wrap(self, channel: str, opcode: bytes | None, payload: bytes, counter: int) -> bytes:
        frame = self.profile.frame
        if frame is None or not self.profile.channels[channel].framed:
            return (opcode or b"") + payload
        return wrap(frame, self.profile.byte_order, opcode or b"", payload, counter)

    def _unwrap(self, channel: str, data: bytes) -> Parts:
        frame = self.profile.frame
        if frame is None or not self.profile.channels[channel].framed:
            return Parts(b"", data, None)
        return unwrap(frame, self.profile.byte_order, data)
