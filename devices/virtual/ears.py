"""What a virtual device understands: whole commands out of pieces, and verbs out of the commands they consist of."""

from __future__ import annotations

from devices.profiles.codec import Codec, Message
from devices.profiles.vocabulary import STOP_VERB, Value


class Ears:
    """The device's end of a profile's commands.

    A sequence is understood when its last part comes and every part before it came since the last stop: so a device
    that drops a setting while it is off does so here. A stop needs nothing but its last part.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._joiners = {name: codec.joiner(name) for name, channel in codec.profile.channels.items() if channel.write}
        self._stops = {STOP_VERB[role] for role in codec.profile.roles}
        self._parts: dict[str, Message] = {}

    def whole(self, channel: str, data: bytes) -> list[bytes]:
        """Return the whole packets that are there now that a piece came; lines that say nothing are none."""
        joiner = self._joiners[channel]
        if joiner is None:
            return [data]
        text = self._codec.profile.text
        nothing = text.terminator.encode(text.encoding) if text else b""
        return [packet for packet in joiner.feed(data) if packet != nothing]

    def verbs(self, message: Message) -> list[Message]:
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
            heard = [part for part in parts if part is not None]
            if len(heard) == len(parts) or name in self._stops:
                values: dict[str, Value] = {key: value for part in heard for key, value in part.values.items()}
                found.append(Message(name, values))
        if self._stops & {message.name, *(verb.name for verb in found)}:
            self.forget()
        return found

    def forget(self) -> None:
        """Forget the parts that came: the device is off."""
        self._parts.clear()

    def reset(self) -> None:
        """Begin anew with a new connection."""
        self.forget()
        for name in self._joiners:
            self._joiners[name] = self._codec.joiner(name)
