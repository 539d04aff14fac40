"""The twin of a Lovense massager with one motor: text in, text out, each ended by a semicolon.

As buttplug's driver and its documentation stpihkal describe it: `OK;` to what has no reply of its own, `ERR;` to what
it does not know, `s` before the charge while it runs. Not published, and our own choice: that a strength above 20 is
answered by `ERR;`, and which batch, firmware and (made up) address it tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from devices.profiles.codec import Message
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.duty import ACCEPTED
from devices.virtual.gatt import GattService
from devices.virtual.simple import SimpleMassager
from devices.virtual.wire import Obey

_STRONGEST = 20
_LONGEST_LINE = 64
_TYPE = "L:11:0000CAFE0000"
_BATCH = "190124"
_NORMAL = "2"
_OK, _ERROR = "OK", "ERR"


class LovenseBody(SimpleMassager):
    """A massager that stops when its link is lost, if it was told to and knows that command (`knows_auto_switch`)."""

    knows_auto_switch = True

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, side)
        self.wire = LovenseWire(self)
        self.stops_alone = False

    def lose_link(self) -> None:
        """Stop, where it was told to, and was not started at its button."""
        if self.stops_alone and self.duty.leased:
            self._end("link_lost")


class LovenseWire:
    """The device's end of its text. `says_ok`: whether it answers what it did; some do not."""

    gone = False
    says_ok = True

    def __init__(self, body: LovenseBody) -> None:
        self._body = body
        self._heard = ""

    def hear(self, channel: str, data: bytes, obey: Obey) -> Iterator[tuple[str, bytes]]:
        """Take in a piece of text, and answer each command that is whole now."""
        if channel != "tx":
            return
        *commands, rest = (self._heard + data.decode("ascii", "replace")).split(";")
        self._heard = rest[-_LONGEST_LINE:]
        for command in commands:
            answer = self._answer(command, obey)
            if answer != _OK or self.says_ok:
                yield "rx", f"{answer};".encode()

    def _answer(self, command: str, obey: Obey) -> str:
        body = self._body
        if found := re.fullmatch(r"Vibrate:(\d{1,3})", command):
            return self._vibrate(int(found[1]), obey)
        if found := re.fullmatch(r"AutoSwith:(On|Off):(On|Off)", command):
            obey(Message("stop_alone", {}))
            body.stops_alone = body.knows_auto_switch and found[1] == "On"
            return _OK if body.knows_auto_switch else _ERROR
        if command == "Battery":
            obey(Message("ask_battery", {}))
            return f"{'s' if body.duty.running else ''}{round(body.battery.percent)}"
        if command == "DeviceType":
            obey(Message("ask_type", {}))
            return _TYPE
        if command == "PowerOff":
            obey(Message("stop", {}))
            self.gone = True
            return _OK
        told = {"GetBatch": _BATCH, "Status:1": _NORMAL, "GetAS": f"AutoSwith:{int(body.stops_alone)}:0"}
        return told.get(command, _ERROR)

    def _vibrate(self, strength: int, obey: Obey) -> str:
        if strength > _STRONGEST:
            return _ERROR
        message = Message("run", {"intensity": strength / _STRONGEST}) if strength else Message("stop", {})
        return _OK if obey(message) == ACCEPTED else _ERROR

    def says(self, channel: str) -> bytes | None:  # noqa: ARG002 - nothing can be read
        """Return nothing: it is all text."""
        return None

    def services(self) -> Sequence[GattService]:
        """Return nothing: what else it has is not published."""
        return []

    def reset(self) -> None:
        """Forget half a command of an old connection."""
        self._heard = ""
