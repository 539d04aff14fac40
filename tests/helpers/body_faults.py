"""Faulty firmware of the virtual devices: switches that tests add to their bodies, all off by default.

`ignores`: commands that are acknowledged and not carried out. `refuses_adjust`: every change of a running setting is
refused. `least_mmhg`: a pump refuses every vacuum below that. `restarts_after_stop_seconds`: it starts again so long
after each end of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any

from devices.driver.vocabulary import Value
from devices.virtual.device_body import DeviceBody
from devices.virtual.device_run import ACCEPTED, NOT_APPLICABLE, REFUSED, CommandResult, DeviceRun, number
from devices.virtual.ooler import OolerBody
from devices.virtual.open_devices import OUT_OF_RANGE, OpenBody, PumpBody
from devices.virtual.satisfyer import SatisfyerBody
from devices.virtual.simple_bodies import SimpleBody
from devices.virtual.simple_pump import SimplePump


def add_faults() -> None:
    """Give every body its switches, wherever it is made."""
    DeviceBody.ignores = frozenset()
    DeviceBody.refuses_adjust = False
    DeviceBody.restarts_after_stop_seconds = None
    PumpBody.least_mmhg = SimplePump.least_mmhg = 0.0
    DeviceRun.stopped_at_seconds = None
    for body in (OpenBody, SimpleBody, OolerBody, SatisfyerBody):
        _fail_commands(body)
    _note_stops()
    _restart_after_stops()


def _fail_commands(body: type[Any]) -> None:
    carry_out = body.command

    @wraps(carry_out)
    def command(self: Any, name: str, values: Mapping[str, Value]) -> CommandResult:
        if name in self.ignores:
            return ACCEPTED
        if name == "adjust" and self.refuses_adjust:
            return NOT_APPLICABLE if isinstance(self, OpenBody) else REFUSED
        if name in ("start", "adjust") and _is_too_low(self, values):
            if isinstance(self, SimplePump):
                return REFUSED
            if self.run.fault is None and (name == "start" or self.run.on):
                return OUT_OF_RANGE
        return carry_out(self, name, values)

    body.command = command


def _is_too_low(body: DeviceBody, values: Mapping[str, Value]) -> bool:
    if isinstance(body, PumpBody):
        return number(values["vacuum_mmhg"]) < body.least_mmhg
    if isinstance(body, SimplePump):
        requested_mmhg = body._requested_mmhg(values)
        return requested_mmhg is not None and requested_mmhg < body.least_mmhg
    return False


def _note_stops() -> None:
    end_run = DeviceRun.end

    @wraps(end_run)
    def end(self: Any, reason: str) -> None:
        if self.on:
            self.stopped_at_seconds = self.now_seconds
        end_run(self, reason)

    DeviceRun.end = end


def _restart_after_stops() -> None:
    let_time_pass = DeviceBody.advance

    @wraps(let_time_pass)
    def advance(self: Any, to_seconds: float) -> None:
        let_time_pass(self, to_seconds)
        after_seconds, stopped_at_seconds = self.restarts_after_stop_seconds, self.run.stopped_at_seconds
        if after_seconds is None or stopped_at_seconds is None or self.run.on:
            return
        if self.run.now_seconds >= stopped_at_seconds + after_seconds:
            self.press_again()

    DeviceBody.advance = advance
