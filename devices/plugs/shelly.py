"""Shelly plugs from Gen2 on: JSON-RPC over MQTT, as their maker documents it (shelly-api-docs, Gen2+, Switch and MQTT).

A request goes to `<topic>/rpc` with a `src`, and its response comes to `<src>/rpc`. `Switch.Set` with `toggle_after`
switches on and sets the timer in one message; `Switch.GetStatus` shows it as `timer_duration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.errors import ProtocolError
from devices.plugs.plug_protocol import NOTHING, PlugMessage, PlugReport, as_json, json_object, number_in, part_of
from devices.plugs.plug_protocol import power_of as _power

_FIRST_GENERATION = 2  # Gen1 speaks another protocol, without a timer in its MQTT commands


@dataclass(frozen=True)
class ShellyPlug:
    """One switch of a Shelly. `topic`: its MQTT prefix, such as `shellyplusplugs-a1b2c3`. `source`: our own name."""

    topic: str
    source: str
    channel: int = 0

    numbers_answers: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, str]] = {
        "generation": "it did not answer Shelly.GetDeviceInfo: it needs Gen2 or newer, and in its settings MQTT with "
        "RPC over MQTT enabled"
    }

    @property
    def subscriptions(self) -> Sequence[str]:
        """The topics to subscribe to."""
        return f"{self.topic}/online", f"{self.topic}/events/rpc", f"{self.source}/rpc"

    def ask(self, number: int) -> Sequence[PlugMessage]:
        """Ask for the status of the switch."""
        return (self._request(number, "Switch.GetStatus", {"id": self.channel}),)

    def probe(self, number: int) -> Sequence[PlugMessage]:
        """Ask what it is."""
        return (self._request(number, "Shelly.GetDeviceInfo", {}),)

    def prepare(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002 - the timer is in the command
        """Return nothing: each command carries its timer."""
        return ()

    def switch_on(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Switch on, and off after `seconds`, in one message."""
        return (self._request(number, "Switch.Set", {"id": self.channel, "on": True, "toggle_after": seconds}),)

    def renew(self, seconds: int, number: int) -> Sequence[PlugMessage]:
        """Switch on once more, which restarts the timer. The response has whether it still was on."""
        return self.switch_on(seconds, number)

    def switch_off(self, number: int) -> Sequence[PlugMessage]:
        """Switch off. There is never a `toggle_after` here: it would switch on later."""
        return (self._request(number, "Switch.Set", {"id": self.channel, "on": False}),)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> PlugReport:
        """Decode a message. Raise `ProtocolError`."""
        if topic == f"{self.topic}/online":
            return PlugReport(online=payload.strip() == b"true")
        if retained:
            return NOTHING
        message = json_object(payload)
        if topic == f"{self.topic}/events/rpc":
            if message.get("method") != "NotifyStatus":
                return NOTHING
            return self._status(part_of(message, "params", f"switch:{self.channel}"), whole=False)
        return self._response(message)

    def _response(self, message: dict[str, object]) -> PlugReport:
        number = message.get("id")
        answers = number if isinstance(number, int) and not isinstance(number, bool) else None
        if (error := part_of(message, "error", "message")) is not None:
            return PlugReport(answers=answers, refusal=f"it answers: {str(error)[:200]}")
        result = message.get("result")
        if not isinstance(result, dict):
            raise ProtocolError("a response without a result")
        if "gen" in result:
            return self._generation(result)
        if isinstance(was_on := result.get("was_on"), bool):
            return PlugReport(answers=answers, was_on=was_on)
        return self._status(result, whole=True)

    @staticmethod
    def _generation(result: dict[str, object]) -> PlugReport:
        generation = number_in(result["gen"])
        if generation is None or generation < _FIRST_GENERATION:
            return PlugReport(refusal="this Shelly is too old: from Gen2 on, its commands carry a timer")
        return PlugReport(confirms=frozenset({"generation"}))

    def _status(self, status: object, *, whole: bool) -> PlugReport:
        """Decode a status. One that is not `whole` has only what changed."""
        if not isinstance(status, dict):
            return NOTHING
        if whole and status.get("id") != self.channel:
            raise ProtocolError("the status of something else")
        output = status.get("output")
        timer_seconds = number_in(status.get("timer_duration"))
        if whole and timer_seconds is None:
            timer_seconds = 0.0
        return PlugReport(
            on=output if isinstance(output, bool) else None,
            power_w=_power(status.get("apower")),
            timer_seconds=timer_seconds if whole else None,
        )

    def _request(self, number: int, method: str, params: dict[str, object]) -> PlugMessage:
        frame = {"id": number, "src": self.source, "method": method, "params": params}
        return PlugMessage(f"{self.topic}/rpc", as_json(frame))
