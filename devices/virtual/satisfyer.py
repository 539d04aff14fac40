"""The twin of a Satisfyer with one motor: its start mode, its speed of four bytes, and the number of the product.

As buttplug's driver and its documentation stpihkal describe it. Not published, and our own choice: how many seconds of
zeros leave the start mode; that a speed of another length, above 100, or outside of the start mode changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from devices.profiles.codec import Message
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value
from devices.roles import Side
from devices.virtual.duty import ACCEPTED, Result
from devices.virtual.gatt import GattService
from devices.virtual.simple import SimpleMassager
from devices.virtual.wire import Obey

_RESTS_AFTER_SECONDS = 3.0
_START, _PAUSE, _HALT = 1, 3, 7
_MOTOR_BYTES = 4
_FASTEST = 100


class SatisfyerBody(SimpleMassager):
    """A massager that moves in its start mode only, and leaves it when it is told zeros for a while, or to halt."""

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        self.started = False
        self.wire = SatisfyerWire(self, profile)
        self._still_since_seconds = 0.0

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Start, set the speed, come to rest, or halt. A sequence is no more than its parts."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
        if name == "wake":
            self.started = True
            self._still_since_seconds = self.duty.now_seconds
        elif name == "halt":
            self.started = False
            self._end("commanded")
        elif name == "still" and self.duty.on:
            self._end("commanded")
        elif name == "speed" and self.started:
            return self._begin(values)
        return ACCEPTED

    def _end(self, reason: str) -> None:
        super()._end(reason)
        self._still_since_seconds = self.duty.now_seconds

    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its strength."""
        self.started = True
        super().press_on(intensity)

    def advance(self, to_seconds: float) -> None:
        """Leave the start mode after some seconds at rest."""
        super().advance(to_seconds)
        if not self.duty.on and self.duty.now_seconds - self._still_since_seconds >= _RESTS_AFTER_SECONDS:
            self.started = False


class SatisfyerWire:
    """The device's end of its bytes. `product`: the number of the product, four bytes with the highest first."""

    gone = False

    def __init__(self, body: SatisfyerBody, profile: Profile) -> None:
        maker = profile.match.manufacturer
        self.product = bytes.fromhex(maker.data[0]) if maker is not None else bytes(4)
        self._body = body

    def hear(self, channel: str, data: bytes, obey: Obey) -> Iterator[tuple[str, bytes]]:
        """Take in a mode or a speed. It answers nothing but the write itself."""
        if channel == "control" and data == bytes([_START]):
            obey(Message("wake", {}))
        elif channel == "control" and data in (bytes([_PAUSE]), bytes([_HALT])):
            obey(Message("halt", {}))
        elif channel == "speed" and len(data) == _MOTOR_BYTES:
            self._set(data[-1], obey)  # the last of the four is what stays
        yield from ()

    def _set(self, speed: int, obey: Obey) -> None:
        if speed == 0:
            obey(Message("still", {}))
        elif speed <= _FASTEST:
            obey(Message("speed", {"intensity": speed / _FASTEST}))

    def says(self, channel: str) -> bytes | None:
        """Return the number of the product, or the charge."""
        return {"model": self.product, "battery": bytes([round(self._body.battery.percent)])}.get(channel)

    def services(self) -> Sequence[GattService]:
        """Return nothing: what else it has is not published."""
        return []

    def reset(self) -> None:
        """Keep everything: nothing here belongs to a connection."""
