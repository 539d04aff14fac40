"""The body of a device with several roles."""

from __future__ import annotations

from collections.abc import Mapping

from devices.profiles.vocabulary import START_VERB, STOP_VERB, Value
from devices.virtual.duty import ACCEPTED, Duty, Result
from devices.virtual.simple import SimpleBody


class JoinedBody:
    """A device with several roles: each does its own part, and the state is that of whichever runs."""

    def __init__(self, parts: list[SimpleBody]) -> None:
        self.parts = parts

    @property
    def duty(self) -> Duty:
        """The duty of the part that is on, or of the first."""
        return next((part.duty for part in self.parts if part.duty.on), self.parts[0].duty)

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Hand it to the part whose verb it is; the others let it pass."""
        others = {STOP_VERB[part.role] for part in self.parts} | {START_VERB[part.role] for part in self.parts}
        result = ACCEPTED
        for part in self.parts:
            if name in (STOP_VERB[part.role], START_VERB[part.role]) or name not in others:
                result = part.command(name, values)
        return result

    def advance(self, to_seconds: float) -> None:
        """Let time pass for all parts."""
        for part in self.parts:
            part.advance(to_seconds)

    def lose_link(self) -> None:
        """Let each part do what it does."""
        for part in self.parts:
            part.lose_link()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return what all parts know."""
        values: dict[str, Value] = {}
        for part in sorted(self.parts, key=lambda each: each.duty.on):  # the one that is on has the last word
            values |= part.values(since_seconds)
        return values
