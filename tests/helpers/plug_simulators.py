"""Simulated smart plugs of three kinds: each has a relay, a timer of its own and a pad, and knows nothing of Letdown.

They follow the makers' documents, not our encoders. `changes` is the truth at the relay: when it changed, and why.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from devices.support.clock import Clock

PAD_WATTS = 41.0

Send = Callable[[str, str, bool], None]
"""Publishes a message: topic, payload, retained."""


class SimulatedPlug:
    """A relay with a timer of its own. `send` publishes; `answers`: False while its network is gone.

    `electronic_pad`: the pad stays off when power returns.
    """

    topic = ""
    subscriptions: tuple[str, ...] = ()

    def __init__(self, clock: Clock, send: Send, *, electronic_pad: bool = False) -> None:
        self.clock = clock
        self.send = send
        self.electronic_pad = electronic_pad
        self.on = False
        self.changes: list[tuple[float, bool, str]] = []
        self.received: list[tuple[str, str]] = []
        self._until_seconds: float | None = None
        self._timer: asyncio.Task[None] | None = None

    @property
    def watts(self) -> float:
        return PAD_WATTS if self.on and not self.electronic_pad else 0.0

    @property
    def left_seconds(self) -> float:
        return 0.0 if self._until_seconds is None else max(0.0, self._until_seconds - self.clock.now())

    def switch(self, on: bool, why: str, for_seconds: float | None = None) -> None:
        if on is not self.on:
            self.on = on
            self.changes.append((self.clock.now(), on, why))
        self.set_timer(for_seconds if on else None)
        self.tell()

    def press_button(self) -> None:
        self.switch(not self.on, "button")

    def set_timer(self, seconds: float | None) -> None:
        if self._timer is not None and self._timer is not asyncio.current_task():
            self._timer.cancel()
        self._timer, self._until_seconds = None, None
        if seconds is not None:
            self._until_seconds = self.clock.now() + seconds
            self._timer = asyncio.create_task(self._run_out(seconds))

    async def _run_out(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self.switch(False, "timer")

    def introduce(self) -> None:
        """Publish what it publishes when it connects."""

    def tell(self) -> None:
        """Publish a change of its own accord."""

    def receive(self, topic: str, payload: str) -> None:
        """Take a message."""
        self.received.append((topic, payload))
        self.carry_out(topic, payload)

    def carry_out(self, topic: str, payload: str) -> None:
        raise NotImplementedError

    def times(self, on: bool) -> list[float]:
        """Return when it was switched on, or off."""
        return [at for at, to, _ in self.changes if to is on]

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class SimulatedShelly(SimulatedPlug):
    """Gen2. `generation` 1: what an old one would answer. `keeps_timer` False: it ignores the timer."""

    topic = "shellyplusplugs-a1b2c3"
    subscriptions = ("shellyplusplugs-a1b2c3/rpc",)
    generation = 2
    keeps_timer = True

    def introduce(self) -> None:
        self.send(f"{self.topic}/online", "true", True)

    def status(self) -> dict[str, Any]:
        status = {"id": 0, "source": "MQTT", "output": self.on, "apower": self.watts, "voltage": 231.2}
        if self._until_seconds is not None:
            status |= {"timer_started_at": 1626942399.36, "timer_duration": self._duration}
        return status

    def set_timer(self, seconds: float | None) -> None:
        self._duration = seconds
        super().set_timer(seconds)

    def tell(self) -> None:
        params = {"ts": 1626942399.36, "switch:0": self.status()}
        frame = {"src": self.topic, "dst": f"{self.topic}/events", "method": "NotifyStatus", "params": params}
        self.send(f"{self.topic}/events/rpc", json.dumps(frame), False)

    def carry_out(self, topic: str, payload: str) -> None:
        request = json.loads(payload)
        params = request.get("params", {})
        result: dict[str, Any] = {}
        match request["method"]:
            case "Shelly.GetDeviceInfo":
                result = {"id": self.topic, "model": "SNPL-00112EU", "gen": self.generation, "app": "PlusPlugS"}
            case "Shelly.GetStatus":
                result = {"ble": {}, "switch:0": self.status()}
            case "Switch.GetStatus":
                result = self.status()
            case "Switch.Set":
                result = {"was_on": self.on}
                seconds = params.get("toggle_after") if self.keeps_timer else None
                assert params["on"] or seconds is None, "a timer on a switch-off would switch on later"
                self.switch(params["on"], "commanded", seconds)
        frame = {"id": request["id"], "src": self.topic, "dst": request["src"], "result": result}
        self.send(f"{request['src']}/rpc", json.dumps(frame), False)


class SimulatedZigbeePlug(SimulatedPlug):
    """A Zigbee plug and its zigbee2mqtt, which keeps a cached state. `has_timer`: its firmware knows OnWithTimedOff."""

    topic = "zigbee2mqtt/warm-pad"
    subscriptions = ("zigbee2mqtt/warm-pad/set", "zigbee2mqtt/warm-pad/get")
    has_timer = True
    keeps_timer = True
    listed = True

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._cache: dict[str, Any] = {"linkquality": 120, "state": "OFF"}

    def introduce(self) -> None:
        self.send("zigbee2mqtt/bridge/state", '{"state":"online"}', True)
        state = {
            "type": "binary",
            "name": "state",
            "property": "state",
            "access": 7,
            "value_on": "ON",
            "value_off": "OFF",
        }
        exposes = [{"type": "switch", "features": [state]}]
        device = {
            "ieee_address": "0x00158d00018255df",
            "friendly_name": "warm-pad",
            "supported": True,
            "definition": {"model": "TS011F_plug_1", "vendor": "Tuya", "exposes": exposes, "options": []},
        }
        self.send("zigbee2mqtt/bridge/devices", json.dumps([device] if self.listed else []), True)
        self.send(self.topic, json.dumps(self._cache), True)

    def tell(self) -> None:
        self._publish(state="ON" if self.on else "OFF", power=self.watts)

    def _publish(self, **more: Any) -> None:
        self._cache |= more
        self.send(self.topic, json.dumps(self._cache), False)

    def carry_out(self, topic: str, payload: str) -> None:
        message = json.loads(payload)
        if topic.endswith("/get"):
            self.tell()
        elif message.get("state") == "OFF":
            self.switch(False, "commanded")
        elif message.get("state") == "ON":
            self._on(message.get("on_time"))
        elif (read := message.get("read")) is not None:
            if self.has_timer:  # else zigbee2mqtt logs UNSUPPORTED_ATTRIBUTE, and publishes nothing
                assert read["cluster"] == "genOnOff"
                self._publish(**{read["state_property"]: {"onTime": round(self.left_seconds * 10)}})
        elif (command := message.get("command")) is not None:
            assert (command["cluster"], command["command"]) == ("genOnOff", "onWithTimedOff")
            if self.on or not command["payload"]["ctrlbits"] & 1:
                self._on(command["payload"]["ontime"] / 10)

    def _on(self, seconds: float | None) -> None:
        self.switch(True, "commanded", seconds if self.has_timer and self.keeps_timer else None)


class SimulatedTasmota(SimulatedPlug):
    """A plug with Tasmota. `keeps_timer` False: firmware that answers no PulseTime."""

    topic = "tasmota_4F2A1C"
    subscriptions = ("cmnd/tasmota_4F2A1C/+",)
    keeps_timer = True
    power_on_state = 3

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.pulse_time = 0

    def introduce(self) -> None:
        self.send(f"tele/{self.topic}/LWT", "Online", True)
        config = {"ip": "192.168.15.10", "dn": "Warm pad", "t": self.topic, "ft": "%prefix%/%topic%/", "rl": [1, 0, 0]}
        config |= {"tp": ["cmnd", "stat", "tele"], "ofln": "Offline", "onln": "Online", "sw": "13.1.0"}
        self.send("tasmota/discovery/A1B2C34F2A1C/config", json.dumps(config), True)

    def tell(self) -> None:
        state = "ON" if self.on else "OFF"
        self._result({"POWER": state})
        self.send(f"stat/{self.topic}/POWER", state, False)

    def press_button(self) -> None:
        self.switch(not self.on, "button", self._pulse_seconds())

    def _result(self, value: dict[str, Any], name: str = "RESULT") -> None:
        self.send(f"stat/{self.topic}/{name}", json.dumps(value), False)

    def _pulse_seconds(self) -> float | None:
        if not self.pulse_time:
            return None
        return self.pulse_time / 10 if self.pulse_time <= 111 else self.pulse_time - 100.0

    def _remaining(self) -> int:
        left = self.left_seconds
        return int(left + 100) if left > 11.1 else int(left * 10)

    def carry_out(self, topic: str, payload: str) -> None:
        match topic.rpartition("/")[2].lower():
            case "power1" | "power":
                if payload:
                    self.switch(payload == "ON", "commanded", self._pulse_seconds())
                else:
                    self.tell()
            case "pulsetime1" if self.keeps_timer:
                if payload:
                    self.pulse_time = int(payload)
                    self.set_timer(self._pulse_seconds())  # also of a relay that is off: it is switched off then
                self._result({"PulseTime1": {"Set": self.pulse_time, "Remaining": self._remaining()}})
            case "poweronstate":
                assert payload == "", "a setting of the owner"
                self._result({"PowerOnState": self.power_on_state})
            case "status":
                energy = {"Power": round(self.watts), "Voltage": 230}
                self._result({"StatusSNS": {"Time": "2026-01-01T00:00:00", "ENERGY": energy}}, "STATUS8")
            case _:
                self._result({"Command": "Unknown"})


KINDS: dict[str, type[SimulatedPlug]] = {
    "shelly-plug": SimulatedShelly,
    "zigbee2mqtt-plug": SimulatedZigbeePlug,
    "tasmota-plug": SimulatedTasmota,
}
