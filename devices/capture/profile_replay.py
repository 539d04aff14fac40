"""Puts every captured frame through a profile: what each is, and whether the profile would send or read it so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from devices.capture.conversation import CapturedConnection, CapturedDevice, GattMessage
from devices.driver.vocabulary import Value
from devices.errors import DeviceError
from devices.profiles.codec import Codec, DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Frozen


class DecodedFrames(Frozen):
    """How many frames of a capture are which command and which report, and how many the profile does not describe."""

    commands: Mapping[str, int] = Field(default_factory=dict)
    reports: Mapping[str, int] = Field(default_factory=dict)
    not_described: int = Field(0, ge=0)


@dataclass
class ProfileReplay:
    """What became of the frames. `inexact`: those that the profile reads, and would write in another way, in words."""

    commands: Counter[str] = field(default_factory=Counter)
    reports: Counter[str] = field(default_factory=Counter)
    not_described: Counter[str] = field(default_factory=Counter)
    inexact: list[str] = field(default_factory=list)

    @property
    def decoded(self) -> DecodedFrames:
        """The numbers."""
        return DecodedFrames(
            commands=dict(sorted(self.commands.items())),
            reports=dict(sorted(self.reports.items())),
            not_described=self.not_described.total(),
        )


def replay(profile: Profile, device: CapturedDevice) -> ProfileReplay:
    """Put every value on a channel of the profile through its codec; refused writes and other characteristics not."""
    codec, result = Codec(profile), ProfileReplay()
    channels = _channels(profile, device)
    for connection in device.connections:
        known: dict[str, Value] = {}
        for from_device, channel, data in _frames(codec, connection, channels):
            if from_device:
                _report(codec, channel, data, known, result)
            else:
                _command(codec, channel, data, result)
    return result


def _channels(profile: Profile, device: CapturedDevice) -> dict[int, str]:
    """Return the channel of each handle that has one."""
    return {
        handle: name
        for handle, row in device.characteristics.items()
        for name, channel in profile.channels.items()
        if handle == channel.handle
        or (row.uuid is not None and row.uuid == channel.characteristic and row.service in (None, channel.service))
    }


def _frames(
    codec: Codec, connection: CapturedConnection, channels: Mapping[int, str]
) -> Iterator[tuple[bool, str, bytes]]:
    """Yield direction, channel and bytes of each whole frame."""
    joiners = {(from_device, name): codec.joiner(name) for name in channels.values() for from_device in (False, True)}
    text = codec.profile.text
    empty_line = text.terminator.encode(text.encoding) if text else b""
    for message in connection.messages:
        channel = channels.get(message.handle)
        if channel is None or message.error is not None or not message.value:
            continue
        joiner = joiners[message.from_device, channel]
        for data in [message.value] if joiner is None or _is_read(message) else joiner.feed(message.value):
            if data != empty_line:
                yield message.from_device, channel, data


def _is_read(message: GattMessage) -> bool:
    return message.kind == "read"


def _command(codec: Codec, channel: str, data: bytes, result: ProfileReplay) -> None:
    try:
        message = codec.decode_command(channel, data)
    except DeviceError:
        result.not_described[_in_words(channel, data)] += 1
        return
    result.commands[message.name] += 1
    try:
        exact = codec.encode_command(message.name, message.values, message.counter or 0).data == data
    except DeviceError:
        exact = False
    if not exact:
        result.inexact.append(_in_words(channel, data))


def _report(codec: Codec, channel: str, data: bytes, known: dict[str, Value], result: ProfileReplay) -> None:
    try:
        message = codec.decode_report(channel, data, known)
    except DeviceError:
        result.not_described[_in_words(channel, data)] += 1
        return
    known.update(message.values)
    result.reports[message.name] += 1
    if not _is_written_alike(codec, channel, message, data):
        result.inexact.append(_in_words(channel, data))


def _is_written_alike(codec: Codec, channel: str, message: DecodedMessage, data: bytes) -> bool:
    """Return whether the values give the same bytes; where bytes have no meaning, whether they give the same values."""
    report = codec.profile.reports.get(message.name)
    if report is not None and report.pattern is not None and report.line is None:
        return True  # the profile has no `line` that would write it
    fields = report.payload if report is not None else codec.profile.channels[channel].fields or ()
    lossy = any(
        each.skip or each.rest or each.flags or each.unit or each.type == "text" or each.otherwise is not None
        for each in fields
    )
    try:
        written = codec.encode_report(message.name, message.values, message.counter or 0, message.answers or b"").data
        if report is not None and report.pattern is None and not lossy:
            return written == data
        again = codec.decode_report(channel, written, message.values)
    except DeviceError:
        return any(each.rest for each in fields)
    return again.values == message.values


def _in_words(channel: str, data: bytes) -> str:
    return f"{channel}: {data.hex(' ')}"
