"""Frames around payloads, both ways: the controller's side of a profile, and the device's side for its virtual twin.

Pure: bytes in, values out. What cannot be decoded raises `ProtocolError`, and the caller counts and drops it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.errors import ProtocolError, RefusedError
from devices.profiles.checksums import checksum, checksum_size
from devices.profiles.fields import pack, unpack
from devices.profiles.schema import ByteOrder, Frame, Profile, Value


@dataclass(frozen=True)
class Packet:
    """Bytes, and the channel they go through."""

    channel: str
    data: bytes


@dataclass(frozen=True)
class Message:
    """What a packet meant. `name` is a command's or a report's; for a plain characteristic, the channel's."""

    name: str
    values: Mapping[str, Value]
    opcode: bytes = b""
    counter: int | None = None


class Codec:
    """A profile's bytes. Holds no state: counters come from the caller."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._reports = {bytes.fromhex(opcode): report for opcode, report in profile.reports.items()}
        self._report_opcodes = {report.name: opcode for opcode, report in self._reports.items()}
        self._commands = {
            (command.channel or profile.control or "", command.opcode or b""): name
            for name, command in profile.commands.items()
        }

    def encode_command(self, name: str, values: Mapping[str, Value], counter: int = 0) -> Packet:
        """Return the bytes of a command. Raise `RefusedError` when it is unknown or a value does not fit."""
        command = self.profile.commands.get(name)
        if command is None:
            raise RefusedError(f"{self.profile.name} has no command {name}")
        payload = pack(command.payload, values, self.profile.byte_order)
        channel = command.channel or self.profile.control or ""
        return Packet(channel, self._wrap(command.opcode or b"", payload, counter))

    def decode_report(self, channel: str, data: bytes) -> Message:
        """Return what the device said. Raise `ProtocolError` when the profile does not describe it."""
        gives = self.profile.channels[channel].gives
        if gives is not None:
            return Message(channel, unpack(gives, data, self.profile.byte_order))
        opcode, payload, counter = self._unwrap(data)
        report = self._reports.get(opcode)
        if report is None:
            raise ProtocolError(f"no report has the opcode {opcode.hex(' ') or '(none)'}")
        return Message(report.name, unpack(report.payload, payload, self.profile.byte_order), opcode, counter)

    def decode_command(self, channel: str, data: bytes) -> Message:
        """Return what a device was told (used by the virtual twin)."""
        opcode, payload, counter = self._unwrap(data)
        name = self._commands.get((channel, opcode))
        if name is None:
            raise ProtocolError(f"no command has the opcode {opcode.hex(' ') or '(none)'}")
        fields = self.profile.commands[name].payload
        return Message(name, unpack(fields, payload, self.profile.byte_order), opcode, counter)

    def encode_report(self, name: str, values: Mapping[str, Value], counter: int = 0) -> Packet:
        """Return the bytes of a report, or of a plain characteristic (used by the virtual twin)."""
        channel = self.profile.channels.get(name)
        if channel is not None and channel.gives is not None:
            return Packet(name, pack(channel.gives, values, self.profile.byte_order))
        opcode = self._report_opcodes[name]
        report = self._reports[opcode]
        return Packet(
            report.channel or "", self._wrap(opcode, pack(report.payload, values, self.profile.byte_order), counter)
        )

    def _wrap(self, opcode: bytes, payload: bytes, counter: int) -> bytes:
        frame = self.profile.frame
        if frame is None:
            return opcode + payload
        sizes = _sizes(frame, len(payload))
        data = b""
        for part in frame.layout:
            if part == "head":
                data += frame.head
            elif part == "opcode":
                data += opcode
            elif part == "counter":
                data += bytes([counter & 0xFF])
            elif part == "payload":
                data += payload
            elif part == "length" and frame.length:
                data += _counted(frame, sizes).to_bytes(sizes["length"], self.profile.byte_order)
            elif part == "checksum" and frame.checksum:
                data += _sum(frame, data, payload, self.profile.byte_order)
        return data

    def _unwrap(self, data: bytes) -> tuple[bytes, bytes, int | None]:
        frame = self.profile.frame
        if frame is None:
            return b"", data, None
        sizes = _sizes(frame, 0)
        payload_size = len(data) - sum(sizes.values())
        if payload_size < 0:
            raise ProtocolError(f"a frame has at least {sum(sizes.values())} bytes, not {len(data)}")
        sizes["payload"] = payload_size
        parts: dict[str, bytes] = {}
        at = 0
        for part in frame.layout:
            parts[part] = data[at : at + sizes[part]]
            at += sizes[part]
        if frame.head and parts["head"] != frame.head:
            raise ProtocolError(f"a frame begins with {frame.head.hex(' ')}, not {parts['head'].hex(' ')}")
        if frame.length:
            length = int.from_bytes(parts["length"], self.profile.byte_order)
            if length != _counted(frame, sizes):
                raise ProtocolError(f"the length says {length}, the frame has {_counted(frame, sizes)}")
        if frame.checksum:
            expected = _sum(frame, data[: -sizes["checksum"]], parts["payload"], self.profile.byte_order)
            if parts["checksum"] != expected:
                raise ProtocolError(f"the checksum is {parts['checksum'].hex(' ')}, {expected.hex(' ')} was expected")
        counter = parts["counter"][0] if "counter" in parts else None
        return parts.get("opcode", b""), parts["payload"], counter


def _sizes(frame: Frame, payload: int) -> dict[str, int]:
    sizes = {
        "head": len(frame.head),
        "length": 2 if frame.length and frame.length.type == "u16" else 1,
        "opcode": frame.opcode_bytes,
        "counter": 1,
        "payload": payload,
        "checksum": checksum_size(frame.checksum.kind) if frame.checksum else 0,
    }
    return {part: sizes[part] for part in frame.layout}


def _counted(frame: Frame, sizes: Mapping[str, int]) -> int:
    counts = frame.length.counts if frame.length else "frame"
    if counts == "payload":
        return sizes["payload"]
    if counts == "rest":
        after = frame.layout[frame.layout.index("length") + 1 :]
        return sum(sizes[part] for part in after)
    return sum(sizes.values())


def _sum(frame: Frame, before: bytes, payload: bytes, order: ByteOrder) -> bytes:
    if frame.checksum is None:
        return b""
    over = payload if frame.checksum.over == "payload" else before
    return checksum(frame.checksum.kind, over).to_bytes(checksum_size(frame.checksum.kind), order)
