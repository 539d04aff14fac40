"""Zigbee plugs behind zigbee2mqtt, as it documents its topics and its generic converters.

`{"state": "ON", "on_time": N}` is the ZCL command OnWithTimedOff: the plug itself switches off. Whether its firmware
has it depends on the plug, and a definition does not say so. What has that command has the attribute `OnTime` (0x4001),
the tenths of seconds that are left: it is read from the plug before it is ever switched on, and after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from devices.errors import ProtocolError
from devices.plugs.plug_protocol import NOTHING, PlugMessage, PlugReport, as_json, json_object, number_in, part_of
from devices.plugs.plug_protocol import power_of as _power

READ_PROPERTY = "letdown_timer"
"""The property under which zigbee2mqtt publishes what it read from the plug."""

_STATES = {"ON": True, "OFF": False}
_SETTABLE = 2  # bit of an exposed feature's `access`
_ONLY_WHEN_ON = 1  # OnWithTimedOff, OnOffControl: a plug that is off stays off


@dataclass(frozen=True)
class Zigbee2mqttPlug:
    """One plug. `topic`: all of it, such as `zigbee2mqtt/warm-pad`. `base`: the base topic of zigbee2mqtt."""

    topic: str
    base: str = "zigbee2mqtt"

    numbers_answers: ClassVar[bool] = False
    needs: ClassVar[Mapping[str, str]] = {
        "definition": "zigbee2mqtt does not list it: check its topic, and that zigbee2mqtt runs",
        "timer": "it did not show that it can switch itself off (attribute OnTime of genOnOff): its firmware cannot be "
        "used, take another plug",
    }

    @property
    def subscriptions(self) -> Sequence[str]:
        """The topics to subscribe to."""
        return self.topic, f"{self.topic}/availability", f"{self.base}/bridge/state", f"{self.base}/bridge/devices"

    def ask(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002 - it numbers no requests
        """Have the state and the timer read from the plug."""
        read = {"cluster": "genOnOff", "attributes": ["onTime"], "state_property": READ_PROPERTY}
        return PlugMessage(f"{self.topic}/get", as_json({"state": ""})), self._set({"read": read})

    def probe(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002 - `ask` reads the timer
        """Return nothing: the definition is kept by the broker, and `ask` has the timer read."""
        return ()

    def prepare(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002 - the timer is in the command
        """Return nothing: each command carries its timer."""
        return ()

    def switch_on(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Switch on, and off after `seconds`, in one message."""
        return (self._set({"state": "ON", "on_time": seconds}),)

    def renew(self, seconds: int, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Restart the timer, which a plug that is off does not accept."""
        payload = {"ctrlbits": _ONLY_WHEN_ON, "ontime": seconds * 10, "offwaittime": 0}
        command = {"cluster": "genOnOff", "command": "onWithTimedOff", "payload": payload}
        return (self._set({"command": command}),)

    def switch_off(self, number: int) -> Sequence[PlugMessage]:  # noqa: ARG002
        """Switch off."""
        return (self._set({"state": "OFF"}),)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> PlugReport:
        """Decode a message. Raise `ProtocolError`."""
        if topic == f"{self.base}/bridge/devices":
            return self._definition(payload)
        if topic in (f"{self.base}/bridge/state", f"{self.topic}/availability"):
            return _presence(payload)
        if retained:
            return NOTHING
        message = json_object(payload)
        on_time = number_in(part_of(message, READ_PROPERTY, "onTime"))
        state = message.get("state")
        return PlugReport(
            on=_STATES.get(state) if isinstance(state, str) else None,
            power_w=_power(message.get("power")),
            timer_seconds=None if on_time is None else on_time / 10,
            confirms=frozenset() if on_time is None else frozenset({"timer"}),
        )

    def _definition(self, payload: bytes) -> PlugReport:
        try:
            devices = json.loads(payload)
        except (ValueError, RecursionError):
            raise ProtocolError("not valid JSON") from None
        name = self.topic.removeprefix(f"{self.base}/")
        for device in devices if isinstance(devices, list) else ():
            if name in (part_of(device, "friendly_name"), part_of(device, "ieee_address")):
                if has_switch(part_of(device, "definition", "exposes")):
                    return PlugReport(confirms=frozenset({"definition"}))
                return PlugReport(refusal="zigbee2mqtt does not know it as a switch with one state")
        return NOTHING

    def _set(self, message: dict[str, object]) -> PlugMessage:
        return PlugMessage(f"{self.topic}/set", as_json(message))


def has_switch(exposes: object) -> bool:
    """Return whether a definition exposes a switch whose one state can be set."""
    for each in exposes if isinstance(exposes, list) else ():
        features = part_of(each, "features")
        for feature in features if part_of(each, "type") == "switch" and isinstance(features, list) else ():
            access = part_of(feature, "access")
            if part_of(feature, "property") == "state" and isinstance(access, int) and access & _SETTABLE:
                return True
    return False


def _presence(payload: bytes) -> PlugReport:
    """Return whether it is there: as a plain word, or as JSON since zigbee2mqtt 2."""
    text = payload.decode(errors="replace").strip()
    state = part_of(json_object(payload), "state") if text.startswith("{") else text
    return PlugReport(online=state == "online")
