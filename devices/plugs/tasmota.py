"""Plugs with Tasmota, as its documentation and its source (`CmndPulsetime`, `SetPulseTimer`) describe them.

The timer is a persistent setting, `PulseTime`: it is set, read back, and only then the plug is switched on. To set it
once more restarts the time of a plug that is on, and does nothing to one that is off: so a renewal never switches on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.plugs.plug_protocol import NOTHING, PlugMessage, PlugReport, json_object, number_in, part_of
from devices.plugs.plug_protocol import power_of as _power

_STATES = {"ON": True, "OFF": False}
_LAST_TENTHS = 111  # 1 to 111 are tenths of a second, 112 to 64900 are seconds + 100
_OFFSET = 100
_ALWAYS_ON, _INVERTED = 4, 5  # PowerOnState: never switches off; PulseTime switches ON


@dataclass(frozen=True)
class TasmotaPlug:
    """One relay. `topic`: its `Topic`, such as `tasmota_4F2A1C`. `full_topic`: its `FullTopic`."""

    topic: str
    channel: int = 1
    full_topic: str = "%prefix%/%topic%/"

    numbers_answers: ClassVar[bool] = False
    needs: ClassVar[Mapping[str, str]] = {
        "power_on_state": "it did not answer PowerOnState: check its topic and its FullTopic",
        "timer": "it did not answer PulseTime, by which it switches itself off: update its firmware",
    }

    @property
    def subscriptions(self) -> Sequence[str]:
        """The topics to subscribe to."""
        names = ("RESULT", "POWER", f"POWER{self.channel}", "STATUS8", "STATUS10")
        sent = [self._topic("tele", name) for name in ("LWT", "SENSOR", "STATE")]
        return *(self._topic("stat", name) for name in names), *sent

    def ask(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002 - it numbers no requests
        """Ask for the relay, its timer, and what it measures. A command without a payload changes nothing."""
        return (
            self._command(f"Power{self.channel}"),
            self._command(f"PulseTime{self.channel}"),
            self._command("Status", "8"),
        )

    def probe(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Ask what it does when power returns; `ask` asks for the timer."""
        return (self._command("PowerOnState"),)

    def prepare(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Set the timer, which it keeps."""
        return (self._command(f"PulseTime{self.channel}", str(pulse_time_of(seconds))),)

    def switch_on(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Switch on; its timer, which was read back, switches off."""
        return (self._command(f"Power{self.channel}", "ON"),)

    def renew(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Restart the timer."""
        return self.prepare(seconds, number)

    def switch_off(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Switch off."""
        return (self._command(f"Power{self.channel}", "OFF"),)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> PlugReport:
        """Decode a message. Raise `ProtocolError`."""
        if topic == self._topic("tele", "LWT"):
            return PlugReport(online=payload.strip().lower() == b"online")
        if retained:
            return NOTHING
        if topic in (self._topic("stat", "POWER"), self._topic("stat", f"POWER{self.channel}")):
            own = self.channel == 1 or topic.endswith(str(self.channel))
            return PlugReport(on=_STATES.get(payload.decode(errors="replace").strip())) if own else NOTHING
        return self._report(json_object(payload))

    def _report(self, message: dict[str, object]) -> PlugReport:
        pulse = part_of(message, f"PulseTime{self.channel}")
        prepared, left = number_in(part_of(pulse, "Set")), number_in(part_of(pulse, "Remaining"))
        power_on = message.get("PowerOnState")
        confirms = set() if prepared is None or left is None else {"timer"}
        confirms |= set() if number_in(power_on) is None else {"power_on_state"}
        sensors = part_of(message, "StatusSNS") or message
        return PlugReport(
            on=self._relay(message),
            power_w=_power(part_of(sensors, "ENERGY", "Power")),
            timer_seconds=None if left is None else seconds_of(left),
            prepared_seconds=None if prepared is None else seconds_of(prepared),
            confirms=frozenset(confirms),
            refusal=_refusal(power_on),
        )

    def _relay(self, message: dict[str, object]) -> bool | None:
        """Return the state of the relay; a device with one calls it `POWER`, one with several `POWER1`, and so on."""
        names = (f"POWER{self.channel}", *(["POWER"] if self.channel == 1 else []))
        states = [state for name in names if isinstance(state := message.get(name), str)]
        return _STATES.get(states[0]) if states else None

    def _topic(self, prefix: str, name: str) -> str:
        return self.full_topic.replace("%prefix%", prefix).replace("%topic%", self.topic) + name

    def _command(self, name: str, payload: str = "") -> PlugMessage:
        return PlugMessage(self._topic("cmnd", name), payload)


def pulse_time_of(seconds: int) -> int:
    """Return seconds as a `PulseTime`."""
    tenths = seconds * 10
    return tenths if tenths <= _LAST_TENTHS else seconds + _OFFSET


def seconds_of(pulse_time: float) -> float:
    """Return a `PulseTime` in seconds."""
    return pulse_time / 10 if pulse_time <= _LAST_TENTHS else pulse_time - _OFFSET


def _refusal(power_on_state: object) -> str | None:
    if power_on_state == _ALWAYS_ON:
        return "its PowerOnState 4 keeps it on whatever is sent: set PowerOnState 0"
    if power_on_state == _INVERTED:
        return "with its PowerOnState 5, its timer switches on instead of off: set PowerOnState 0"
    return None
