"""The product behind a virtual device that speaks Tuya BLE: its body, and which datapoints it accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from devices.driver.fields import unpack
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.tuya.datapoint_codec import in_range
from devices.tuya.datapoints import DataPoint, DpType
from devices.tuya.tuya_schema import DatapointSpec, TuyaSpec
from devices.virtual.device_body import Battery, DeviceBody
from devices.virtual.device_run import DeviceRun
from devices.virtual.thermal import Pad

_MAX_TIME_SECONDS = (900, 1200, 1500, 1800)
_TIMERS = ("countdown", "minutes")  # both in seconds, by the profiles
_RUN_CODES = {"paused": 0, "running": 1, "stopped": 2}


class TuyaBody(DeviceBody):
    """The behaviour behind a product's datapoints, by the names that the profiles give them.

    It goes on when its link is lost: the worst case, as no product's behaviour is published.

    A run ends when its countdown is over; where none was set, after `own_limit_seconds`. `timer_counts`: when a written
    countdown is applied, because no product's order is published: "always", or only while it is "on" or "off".
    """

    stops_on_link_loss = False

    def __init__(self, state: Mapping[str, Value] | None = None, own_limit_seconds: int = 1800) -> None:
        super().__init__(DeviceRun(own_limit_seconds), Battery(math.inf))  # how long one lasts is not published
        self.timer_counts: Literal["always", "on", "off"] = "always"
        self.state: dict[str, Value] = dict(state or {})
        self.phase = "stimulation"
        self.pad = Pad("tuya")
        self._program = ["stimulation", "expression"]
        self._began_seconds = 0.0
        self._phase_began_seconds = 0.0

    def write(self, name: str, values: Mapping[str, Value]) -> None:
        """Apply one written datapoint."""
        value = values.get(name)
        if name == "settings":
            self.state |= {f"{phase}_level": values[f"{phase}_setting"] for phase in ("stimulation", "expression")}
            self.state["max_time_index"] = values["max_time"]
            self._program = [str(values["first_mode"]), str(values["second_mode"])]
        elif name in _TIMERS:
            self._set_timer(name, value)
        elif name in ("start", "switch") and value:
            self._start()
        elif name == "stop" or (name == "switch" and not value):
            self._end("commanded")
        elif name == "pause" and self.run.running:
            self.run.pause(paused=True)
        elif name == "switch_phase" and self.run.on:
            self.phase = self._program[1 - self._program.index(self.phase)]
            self._phase_began_seconds = self.run.now_seconds
        elif name not in ("pause", "switch_phase"):
            self.state[name] = value

    def _start(self) -> None:
        if self.run.state == "paused":
            self.run.pause(paused=False)
            return
        self.run.press_on(self._run_seconds())  # there is no lease here
        self.phase = self._program[0]
        self._began_seconds = self._phase_began_seconds = self.run.now_seconds

    def _set_timer(self, name: str, value: Value) -> None:
        if self.timer_counts not in ("always", "on" if self.run.on else "off"):
            return
        self.state[name] = value
        if self.run.on:
            self.run.set_duration(self._run_seconds())

    def _run_seconds(self) -> float:
        index = self.state.get("max_time_index")
        if isinstance(index, int):
            return _MAX_TIME_SECONDS[index]
        timers = [self.state.get(name) for name in _TIMERS]
        return next((float(each) for each in timers if isinstance(each, int | float) and each > 0), math.inf)

    def _release(self) -> None:
        self.state.pop("countdown", None)  # the next run has none, unless it is given one

    def _advance_physics(self, to_seconds: float) -> None:
        self.pad.advance(to_seconds)
        target_celsius = self.state.get("target_celsius")
        if self.run.on and isinstance(target_celsius, int | float):
            self.pad.set_target(target_celsius)
        else:
            self.pad.off()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        """Return the values of all datapoints that any of the profiles has."""
        now_seconds, on = self.run.now_seconds, self.run.on
        return {
            "battery_level": 3,
            "battery_voltage": 368,
            "surface_celsius": round(self.pad.surface_celsius),
            **self.state,
            **({"countdown": self.run.values()["remaining_seconds"]} if on and "countdown" in self.state else {}),
            "switch": self.run.running,
            "running": _RUN_CODES[self.run.state],
            "phase": self.phase,
            "phase_index": self._program.index(self.phase),
            "phase_count": len(self._program),
            "phase_minutes": 30,
            "is_custom": True,
            "max_time_index": self.state.get("max_time_index") or 0,
            "elapsed_seconds": round(now_seconds - self._began_seconds) if on else 0,
            "phase_seconds": round(now_seconds - self._phase_began_seconds) if on else 0,
        }


def accepts(described: DatapointSpec, point: DataPoint) -> bool:
    """Return whether a product applies a written datapoint.

    The SDK acknowledges whatever has whole datapoints, before the product has seen it. The published lock then compares
    length and range, and silently ignores what does not fit. The type is compared here, too: no copy does, but a
    controller that sends another one relies on luck.
    """
    if point.kind is not DpType[described.type.upper()]:
        return False
    if isinstance(point.value, bytes):
        return _is_complete(described, point.value)
    if isinstance(point.value, str | bool):
        return True
    if described.meanings:
        return point.value in described.meanings
    return in_range(described, point.value * described.scale + described.offset)


def without_ranges(spec: TuyaSpec) -> TuyaSpec:
    """Return the description of a product that reports whatever its body does."""
    unbounded = {name: each.model_copy(update={"range": None}) for name, each in spec.datapoints.items()}
    return spec.model_copy(update={"datapoints": unbounded})


def _is_complete(described: DatapointSpec, value: bytes) -> bool:
    try:
        unpack(described.fields, value, described.byte_order)
    except ProtocolError:
        return False
    return True
