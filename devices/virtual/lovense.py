"""A virtual Lovense massager with one motor: commands and answers are text, each ended by a semicolon.

As buttplug's driver and its documentation stpihkal describe it: `OK;` to what has no answer of its own, `ERR;` to
unknown commands, `s` before the battery percentage while it runs. Not published, and our own choice: that an intensity
above 20 is answered by `ERR;`, and the batch, the firmware and the (made-up) address that it reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from devices.profiles.codec import DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.device_run import ACCEPTED
from devices.virtual.native_protocol import Execute, NativeProtocol
from devices.virtual.simple_bodies import SimpleMassager

_MOST_STEPS = 20
_LONGEST_LINE = 64
_TYPE = "L:11:0000CAFE0000"
_BATCH = "190124"
_NORMAL = "2"
_OK, _ERROR = "OK", "ERR"


class LovenseBody(NativeProtocol, SimpleMassager):
    """A massager that stops on link loss only once it was configured to (`AutoSwith`).

    Variants: `knows_auto_switch` (whether it knows the command for that), `acknowledges` (whether it answers `OK;`).
    """

    knows_auto_switch = True
    acknowledges = True

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        self.stops_on_link_loss = False
        self._pending = ""  # the beginning of a command that is not complete yet

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterator[tuple[str, bytes]]:
        """Execute each command that the text completes, and answer it."""
        if channel != "tx":
            return
        *commands, rest = (self._pending + data.decode("ascii", "replace")).split(";")
        self._pending = rest[-_LONGEST_LINE:]
        for command in commands:
            answer = self._answer(command, execute)
            if answer != _OK or self.acknowledges:
                yield "rx", f"{answer};".encode()

    def _answer(self, command: str, execute: Execute) -> str:
        if found := re.fullmatch(r"Vibrate:(\d{1,3})", command):
            return self._vibrate(int(found[1]), execute)
        if found := re.fullmatch(r"AutoSwith:(On|Off):(On|Off)", command):
            execute(DecodedMessage("stop_alone", {}))
            self.stops_on_link_loss = self.knows_auto_switch and found[1] == "On"
            return _OK if self.knows_auto_switch else _ERROR
        if command == "Battery":
            execute(DecodedMessage("ask_battery", {}))
            return f"{'s' if self.run.running else ''}{round(self.battery.percent)}"
        if command == "DeviceType":
            execute(DecodedMessage("ask_type", {}))
            return _TYPE
        if command == "PowerOff":
            execute(DecodedMessage("stop", {}))
            self.powered_off = True
            return _OK
        answers = {"GetBatch": _BATCH, "Status:1": _NORMAL, "GetAS": f"AutoSwith:{int(self.stops_on_link_loss)}:0"}
        return answers.get(command, _ERROR)

    def _vibrate(self, steps: int, execute: Execute) -> str:
        if steps > _MOST_STEPS:
            return _ERROR
        message = DecodedMessage("run", {"intensity": steps / _MOST_STEPS}) if steps else DecodedMessage("stop", {})
        return _OK if execute(message) == ACCEPTED else _ERROR

    def reset_connection(self) -> None:
        """Forget an incomplete command."""
        self._pending = ""
