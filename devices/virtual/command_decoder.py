"""Decodes what is written to a virtual device: packets out of fragments, and sequences out of plain commands."""

from __future__ import annotations

from devices.driver.vocabulary import STOP_VERB, Value
from devices.profiles.codec import Codec, DecodedMessage


class CommandDecoder:
    """The device's side of a profile's commands.

    A sequence is complete when its last part arrives and every other part has arrived since the last stop: so a device
    that ignores a setting while it is off does so here. A stop is complete with its last part alone.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._joiners = {name: codec.joiner(name) for name, channel in codec.profile.channels.items() if channel.write}
        self._stops = {STOP_VERB[role] for role in codec.profile.energy_roles}
        self._parts: dict[str, DecodedMessage] = {}

    def complete_packets(self, channel: str, data: bytes) -> list[bytes]:
        """Return the packets that a fragment completes, without empty text lines."""
        joiner = self._joiners[channel]
        if joiner is None:
            return [data]
        text = self._codec.profile.text
        empty_line = text.terminator.encode(text.encoding) if text else b""
        return [packet for packet in joiner.feed(data) if packet != empty_line]

    def completed_sequences(self, message: DecodedMessage) -> list[DecodedMessage]:
        """Return the sequences that a plain command completes, each with the values of all its parts."""
        self._parts[message.name] = message
        found = []
        for name, command in self._codec.profile.commands.items():
            if not command.sequence or command.sequence[-1].command != message.name:
                continue
            fixed = command.sequence[-1].values
            if any(message.values.get(key) != value for key, value in fixed.items()):
                continue
            parts = [self._parts.get(step.command) for step in command.sequence]
            received = [part for part in parts if part is not None]
            if len(received) == len(parts) or name in self._stops:
                values: dict[str, Value] = {key: value for part in received for key, value in part.values.items()}
                found.append(DecodedMessage(name, values))
        if self._stops & {message.name, *(sequence.name for sequence in found)}:
            self.forget()
        return found

    def forget(self) -> None:
        """Forget the parts that have arrived: the device is off."""
        self._parts.clear()

    def reset(self) -> None:
        """Forget fragments and parts of the last connection."""
        self.forget()
        for name in self._joiners:
            self._joiners[name] = self._codec.joiner(name)
