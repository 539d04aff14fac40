"""The twin of a We-Vibe that is told its steps in whole bytes.

As buttplug's driver wevibe8bit writes them: `0f 03 00 EXT INT ST 00 00`, each motor's step and three, and in ST a bit
for each motor that runs; for a product with one motor both are alike, and ST is 03. A stop is `0f` and zeros. Not
published, and our own choice: that a step above the most, no step, and a frame that sets its one motor in two ways
change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devices.profiles.codec import Message
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.gatt import GattService
from devices.virtual.simple import SimpleMassager
from devices.virtual.wire import Obey

_STOP = bytes.fromhex("0f 00 00 00 00 00 00 00")
_HEAD, _TAIL = bytes.fromhex("0f 03 00"), bytes(2)
_LENGTH = 8
_NO_STEP = 3
_RUNS = 3  # both bits of ST
_STEPS = {"we-vibe-8bit": 12, "we-vibe-wand": 22}


class WeVibeBody(SimpleMassager):
    """A massager with one motor, or two that are set alike."""

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        self.wire = WeVibeWire(_STEPS[profile.id])


class WeVibeWire:
    """The device's end of its bytes; it answers nothing but the write itself. `steps`: the most that it has."""

    gone = False

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def hear(self, channel: str, data: bytes, obey: Obey) -> Iterator[tuple[str, bytes]]:
        """Take in a frame."""
        if channel == "tx" and data == _STOP:
            obey(Message("stop", {}))
        elif len(data) == _LENGTH and data.startswith(_HEAD) and data.endswith(_TAIL):
            external, internal, running = data[3:6]
            step = external - _NO_STEP
            if external == internal and running == _RUNS and 0 < step <= self._steps:
                obey(Message("run", {"intensity": step / self._steps}))
        yield from ()

    def says(self, channel: str) -> bytes | None:  # noqa: ARG002 - nothing that is described can be read
        """Return nothing: the layout of its status is not published."""
        return None

    def services(self) -> Sequence[GattService]:
        """Return nothing: what else it has is not published."""
        return []

    def reset(self) -> None:
        """Keep everything: nothing here belongs to a connection."""
