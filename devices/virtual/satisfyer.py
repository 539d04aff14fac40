"""A virtual Satisfyer with one motor: its start mode, its speed of four bytes, and its product number.

As buttplug's driver and its documentation stpihkal describe it. Not published, and our own choice: how many seconds of
zeros leave the start mode; that a speed of another length, above 100, or outside the start mode is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devices.driver.vocabulary import Value
from devices.profiles.codec import DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.device_run import ACCEPTED, CommandResult
from devices.virtual.native_protocol import Execute, NativeProtocol
from devices.virtual.simple_bodies import SimpleMassager

_RESTS_AFTER_SECONDS = 3.0
_START, _PAUSE, _HALT = 1, 3, 7
_MOTOR_BYTES = 4
_FASTEST = 100


class SatisfyerBody(NativeProtocol, SimpleMassager):
    """A massager that runs in its start mode only, and leaves it after seconds of zeros or when it is halted.

    `product`: its product number, four bytes, the highest first.
    """

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        maker = profile.match.manufacturer
        self.product = bytes.fromhex(maker.data[0]) if maker is not None else bytes(4)
        self.started = False
        self._still_since_seconds = 0.0

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Enter the start mode, set the speed, rest, or halt. Sequences do nothing beyond their parts."""
        if name == "wake":
            self.started = True
            self._still_since_seconds = self.run.now_seconds
        elif name == "halt":
            self.started = False
            self._end("commanded")
        elif name == "still" and self.run.on:
            self._end("commanded")
        elif name == "speed" and self.started:
            return self._begin(values)
        return ACCEPTED

    def _end(self, reason: str) -> None:
        super()._end(reason)
        self._still_since_seconds = self.run.now_seconds

    def advance(self, to_seconds: float) -> None:
        """Let time pass, and leave the start mode after some seconds at rest."""
        super().advance(to_seconds)
        if not self.run.on and self.run.now_seconds - self._still_since_seconds >= _RESTS_AFTER_SECONDS:
            self.started = False

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterable[tuple[str, bytes]]:
        """Apply a mode or a speed; nothing is notified in answer."""
        if channel == "control" and data == bytes([_START]):
            execute(DecodedMessage("wake", {}))
        elif channel == "control" and data in (bytes([_PAUSE]), bytes([_HALT])):
            execute(DecodedMessage("halt", {}))
        elif channel == "speed" and len(data) == _MOTOR_BYTES:
            speed = data[-1]  # the last of the four is what stays
            if speed == 0:
                execute(DecodedMessage("still", {}))
            elif speed <= _FASTEST:
                execute(DecodedMessage("speed", {"intensity": speed / _FASTEST}))
        return ()

    def read_channel(self, channel: str) -> bytes | None:
        """Return the product number, or the battery percentage."""
        return {"model": self.product, "battery": bytes([round(self.battery.percent)])}.get(channel)
