"""The body behind a virtual device that speaks Tuya BLE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from devices.profiles.vocabulary import Value
from devices.virtual.duty import Duty
from devices.virtual.firmware import Firmware
from devices.virtual.thermal import Pad

_MAX_TIME_SECONDS = (900, 1200, 1500, 1800)
_TIMERS = ("countdown", "minutes")  # both in seconds, by the profiles
_RUN_CODES = {"paused": 0, "running": 1, "stopped": 2}


class TuyaBody(Firmware):
    """What a product does with its datapoints, known by the names they have in the profiles.

    It goes on when its link is lost: that is the case to be safe in, as long as nobody knows better. Of the faults of
    `Firmware` it has `restarts_after_stop_seconds`; what it ignores or refuses is in `TuyaFaults`, by datapoints.

    A run ends by itself when its countdown is over; where none was set, after `own_limit_seconds`. `timer_counts`: when
    a countdown is taken in, because no product's order is published: "always", or only while it is on, or off.
    """

    def __init__(self, state: Mapping[str, Value] | None = None, own_limit_seconds: int = 1800) -> None:
        self.duty = Duty(limit_run_seconds=own_limit_seconds)
        self.timer_counts: Literal["always", "on", "off"] = "always"
        self.state: dict[str, Value] = dict(state or {})
        self.phase = "stimulation"
        self.pad = Pad("tuya")
        self._program = ["stimulation", "expression"]
        self._began_seconds = 0.0
        self._phase_began_seconds = 0.0

    @property
    def level(self) -> Value:
        """The level it runs at, or would."""
        return self.state.get(f"{self.phase}_level")

    def write(self, name: str, values: Mapping[str, Value]) -> None:
        """Take in one datapoint."""
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
        elif name == "pause" and self.duty.running:
            self.duty.pause(paused=True)
        elif name == "switch_phase" and self.duty.on:
            self.phase = self._program[1 - self._program.index(self.phase)]
            self._phase_began_seconds = self.duty.now_seconds
        elif name not in ("pause", "switch_phase"):
            self.state[name] = value

    def _start(self) -> None:
        if self.duty.state == "paused":
            self.duty.pause(paused=False)
            return
        self.duty.press_on(self._run_seconds())  # there is no lease here
        self.phase = self._program[0]
        self._began_seconds = self._phase_began_seconds = self.duty.now_seconds

    def _set_timer(self, name: str, value: Value) -> None:
        if self.timer_counts not in ("always", "on" if self.duty.on else "off"):
            return
        self.state[name] = value
        if self.duty.on:
            self.duty.run_for(self._run_seconds())

    def _run_seconds(self) -> float:
        index = self.state.get("max_time_index")
        if isinstance(index, int):
            return _MAX_TIME_SECONDS[index]
        timers = [self.state.get(name) for name in _TIMERS]
        return next((float(each) for each in timers if isinstance(each, int | float) and each > 0), math.inf)

    def press_on(self, phase: str | None = None, **settings: Value) -> None:
        """Switch on at the device, or change what runs, with settings by the names of its datapoints."""
        self.press(**settings)
        if not self.duty.running:
            self._start()
        self.phase = phase or self.phase

    def press(self, **settings: Value) -> None:
        """Set it at the device, by the names of its datapoints; of one that is off, for when it is switched on."""
        self.state |= settings
        self.duty.changed.add("changed_setting")

    def press_off(self) -> None:
        """Switch off at the device."""
        self._end("commanded")

    def _end(self, reason: str) -> None:
        self.duty.end(reason)
        self.state.pop("countdown", None)  # the next run has none, unless it is given one

    def _restart(self) -> None:
        self.press_on(self.phase)

    def advance(self, to_seconds: float) -> None:
        """Warm and cool, and end the run when its time is over."""
        self.pad.advance(to_seconds)
        target_celsius = self.state.get("target_celsius")
        if self.duty.on and isinstance(target_celsius, int | float):
            self.pad.set_target(target_celsius)
        else:
            self.pad.off()
        if reason := self.duty.due(to_seconds):
            self._end(reason)
        self._restart_when_due()

    def lose_link(self) -> None:
        """Go on."""

    def values(self) -> dict[str, Value]:
        """Return everything that any of the profiles can ask for."""
        now_seconds, on = self.duty.now_seconds, self.duty.on
        return {
            "battery_level": 3,
            "battery_voltage": 368,
            "surface_celsius": round(self.pad.surface_celsius),
            **self.state,
            **({"countdown": self.duty.values()["remaining_seconds"]} if on and "countdown" in self.state else {}),
            "switch": self.duty.running,
            "running": _RUN_CODES[self.duty.state],
            "phase": self.phase,
            "phase_index": self._program.index(self.phase),
            "phase_count": len(self._program),
            "phase_minutes": 30,
            "is_custom": True,
            "max_time_index": self.state.get("max_time_index") or 0,
            "elapsed_seconds": round(now_seconds - self._began_seconds) if on else 0,
            "phase_seconds": round(now_seconds - self._phase_began_seconds) if on else 0,
        }
