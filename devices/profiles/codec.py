"""Encodes and decodes a profile's bytes: the controller's side, and the device's side for its virtual twin.

Pure and without state: counters and values received before come from the caller. What cannot be decoded raises
`ProtocolError`, and the caller counts and drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devices.driver.fields import pack, unpack
from devices.driver.vocabulary import KNOWN_WORDS, Value
from devices.errors import ProtocolError, RefusedError
from devices.profiles import text_frames as lines
from devices.profiles.derived_values import derive, with_sources
from devices.profiles.frames import FrameJoiner, Parts, unwrap, wrap
from devices.profiles.profile_parts import CommandSpec, ReportSpec
from devices.profiles.report_opcode import CommandOpcode
from devices.profiles.schema import Profile
from devices.profiles.text_frames import LineJoiner


@dataclass(frozen=True)
class Packet:
    """Bytes for a channel."""

    channel: str
    data: bytes


@dataclass(frozen=True)
class DecodedMessage:
    """What a packet means. `name` is a command's or a report's; for a plain characteristic, the channel's.

    `answers`: the opcode of the command that it answers, where the frame has it.
    """

    name: str
    values: Mapping[str, Value]
    opcode: bytes = b""
    counter: int | None = None
    answers: bytes | None = None


class Codec:
    """Encodes and decodes for one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._opcodes = {each.opcode for each in profile.commands.values() if each.opcode}

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
        if command.text is not None and self.profile.text is not None:
            line = lines.fill(command.text, command.fields, values)
            return Packet(channel, line.encode(self.profile.text.encoding))
        payload = pack(command.payload, values, self.profile.byte_order)
        return Packet(channel, self._wrap(channel, command.opcode, payload, counter))

    def decode_report(self, channel: str, data: bytes, known: Mapping[str, Value] | None = None) -> DecodedMessage:
        """Return the values that the device sent. Raise `ProtocolError` when the profile does not describe it.

        Of several layouts, the first fits whose opcode, length, fixed bytes, codes and ranges all do; those of a fixed
        opcode go before those that have the opcode of a command.
        """
        described = self.profile.channels[channel]
        if described.fields is not None:
            plain = unpack(described.fields, data, self.profile.byte_order, known)
            return DecodedMessage(channel, {**plain, **derive(described.derived, plain)})
        if self.profile.text and described.framed:
            return self._decode_line(data)
        parts = self._unwrap(channel, data)
        error: ProtocolError | None = None
        for name, report, answers in self._layouts(channel, parts):
            try:
                values = unpack(report.payload, parts.payload, self.profile.byte_order, known)
            except ProtocolError as problem:
                error = problem
            else:
                values |= derive(report.derived, values)
                return DecodedMessage(name, values, parts.opcode, parts.counter, answers)
        raise error or ProtocolError(f"no report has the opcode {parts.opcode.hex(' ') or '(none)'} and this length")

    def _layouts(self, channel: str, parts: Parts) -> Iterator[tuple[str, ReportSpec, bytes | None]]:
        """Yield the reports that a frame may be, by its opcode and length; and the command's opcode that it has."""
        possible = [
            (name, report)
            for name, report in self.profile.reports.items()
            if report.pattern is None and (report.channel or channel) == channel
            if report.fits_length(len(parts.payload))
        ]
        for name, report in possible:
            if not isinstance(report.opcode, CommandOpcode) and (report.opcode or b"") == parts.opcode:
                yield name, report, None
        for name, report in possible:
            if isinstance(report.opcode, CommandOpcode):
                answers = report.opcode.command_of(parts.opcode)
                if answers in self._opcodes:
                    yield name, report, answers

    def joiner(self, channel: str) -> FrameJoiner | LineJoiner | None:
        """Return what joins pieces on a channel, where the protocol splits."""
        profile = self.profile
        if not profile.channels[channel].framed or profile.channels[channel].fields is not None:
            return None
        if profile.text:
            return LineJoiner(profile.text.terminator, profile.text.encoding)
        return FrameJoiner(profile.frame, profile.byte_order) if profile.frame and profile.frame.joined else None

    # The device's side

    def decode_command(self, channel: str, data: bytes) -> DecodedMessage:
        """Return the command that a device received. Those without values go first: `Vibrate:0;` is a stop."""
        for name, command in sorted(self.profile.commands.items(), key=lambda item: len(item[1].names)):
            if command.sequence or command.repeat or (command.channel or self.profile.control) != channel:
                continue
            message = self._decode_one(name, command, channel, data)
            if message is not None:
                return message
        raise ProtocolError(f"{data.hex(' ')} is not a command of a {self.profile.name}")

    def encode_report(self, name: str, values: Mapping[str, Value], counter: int = 0, answers: bytes = b"") -> Packet:
        """Return the bytes of a report, or of a plain characteristic. `answers`: the opcode of the command, if any."""
        channel = self.profile.channels.get(name)
        if channel is not None and channel.fields is not None:
            return Packet(name, pack(channel.fields, with_sources(channel.derived, values), self.profile.byte_order))
        report = self.profile.reports[name]
        values = with_sources(report.derived, values)
        if report.line is not None and self.profile.text is not None:
            line = lines.fill(report.line, report.fields, values)
            return Packet(self.channel_of(report), line.encode(self.profile.text.encoding))
        payload = pack(report.payload, values, self.profile.byte_order)
        opcode = report.opcode.sent_for(answers) if isinstance(report.opcode, CommandOpcode) else report.opcode
        return Packet(self.channel_of(report), self._wrap(self.channel_of(report), opcode, payload, counter))

    def channel_of(self, report: ReportSpec) -> str:
        """Return the channel a report comes through: its own, or the only one that notifies."""
        if report.channel is not None:
            return report.channel
        notifying = [
            name for name, each in self.profile.channels.items() if (each.notify or each.indicate) and not each.fields
        ]
        return notifying[0] if notifying else ""

    # Inside

    def _command(self, name: str) -> CommandSpec:
        command = self.profile.commands.get(name)
        if command is None:
            raise RefusedError(f"{self.profile.name} has no command {name}")
        return command

    def _decode_one(self, name: str, command: CommandSpec, channel: str, data: bytes) -> DecodedMessage | None:
        try:
            if command.text is not None and self.profile.text is not None:
                # A stop may begin with a terminator, so that it ends what came half before it; the joiner took it off.
                text = command.text.removeprefix(self.profile.text.terminator)
                line = data.decode(self.profile.text.encoding)
                found = lines.find(lines.command_pattern(text), command.fields, line)
                return None if found is None else DecodedMessage(name, found)
            parts = self._unwrap(channel, data)
            if parts.opcode != (command.opcode or b""):
                return None
            values = unpack(command.payload, parts.payload, self.profile.byte_order)
            return DecodedMessage(name, values, parts.opcode, parts.counter)
        except (ProtocolError, UnicodeDecodeError):
            return None

    def _decode_line(self, data: bytes) -> DecodedMessage:
        encoding = self.profile.text.encoding if self.profile.text else "ascii"
        line = data.decode(encoding, "replace")
        for name, report in self.profile.reports.items():
            found = None if report.pattern is None else lines.find(report.pattern, report.fields, line)
            if found is not None:
                # A pattern may find any word: one that is not known is not a state.
                known = {
                    key: None if value not in KNOWN_WORDS.get(key, (value,)) else value for key, value in found.items()
                }
                return DecodedMessage(name, {**known, **derive(report.derived, known)})
        raise ProtocolError(f"no report looks like {line!r}")

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
