"""A virtual We-Vibe of the kind whose intensity steps are whole bytes.

As buttplug's driver wevibe8bit writes them: `0f 03 00 EXT INT ST 00 00`, with each motor's step plus three, and in ST a
bit for each motor that runs; for a product with one motor EXT equals INT, and ST is 03. A stop is `0f` and zeros. Not
published, and our own choice: a step of zero or above the highest, and a frame that sets its one motor in two ways, are
ignored.
"""

from __future__ import annotations

from collections.abc import Iterable

from devices.profiles.codec import DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.native_protocol import Execute, NativeProtocol
from devices.virtual.simple_bodies import SimpleMassager

_STOP = bytes.fromhex("0f 00 00 00 00 00 00 00")
_HEAD, _TAIL = bytes.fromhex("0f 03 00"), bytes(2)
_LENGTH = 8
_NO_STEP = 3
_RUNS = 3  # both bits of ST
_STEPS = {"we-vibe-8bit": 12, "we-vibe-wand": 22}


class WeVibeBody(NativeProtocol, SimpleMassager):
    """A massager with one motor, or two that are set alike."""

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        self._steps = _STEPS[profile.id]

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterable[tuple[str, bytes]]:
        """Apply a frame; nothing is notified in answer."""
        if channel == "tx" and data == _STOP:
            execute(DecodedMessage("stop", {}))
        elif len(data) == _LENGTH and data.startswith(_HEAD) and data.endswith(_TAIL):
            external, internal, running = data[3:6]
            step = external - _NO_STEP
            if external == internal and running == _RUNS and 0 < step <= self._steps:
                execute(DecodedMessage("run", {"intensity": step / self._steps}))
        return ()
