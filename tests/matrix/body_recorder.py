"""Records what the virtual bodies really do, whatever the controller reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from controller.safety.limits import HEAT_TRIP_CELSIUS, RELEASE_MMHG, VACUUM_TRIP_MMHG
from devices.driver.vocabulary import Value
from devices.roles import Side
from devices.virtual.device_run import CommandResult, DeviceRun
from tests.helpers.home import PUMPS, RunningHome

STARTS = ("start", "set_target", "run", "resume")
UNREPORTED_SECONDS = 4.5  # a stop is uncertain after 2 s, a vacuum after 2 s more; then it must be reported


class RunChange(NamedTuple):
    """A device went on or off. `latched`: at that moment a trip or an uncertain stop stood."""

    seconds: float
    device: str
    on: bool
    latched: bool = False


class ReceivedCommand(NamedTuple):
    """A command that reached a device."""

    seconds: float
    device: str
    name: str
    values: Mapping[str, Value]


class BodyRecorder:
    """Records commands, runs and unsafe values inside the bodies of a test home."""

    def __init__(self, house: RunningHome) -> None:
        self.changes: list[RunChange] = []
        self.received: list[ReceivedCommand] = []
        self.unsafe_at_seconds: list[float] = []  # when a vacuum or a surface was above what trips
        self.unreported: set[str] = set()  # devices that went on for too long without being reported as uncertain
        self._house = house
        self._running_since_seconds: dict[str, float] = {}
        for key, twin in house.home.twins.items():
            self._record_commands(key)
            self._record_runs(key, twin.body.run)
        tick = house.home.tick

        def ticked() -> None:
            tick()
            self._check()

        house.home.tick = ticked  # type: ignore[method-assign]

    def last_on_seconds(self, since_seconds: float) -> float:
        """Return when anything was on last: infinite if it still is, `since_seconds` if nothing was since then."""
        if self._house.on:
            return math.inf
        return max([since_seconds, *(change.seconds for change in self.changes if not change.on)])

    def starts_since(self, seconds: float) -> list[str]:
        """Return which devices received a start, or started, after a time."""
        commands = [
            f"{each.device} received {each.name}"
            for each in self.received
            if each.seconds > seconds and each.name in STARTS
        ]
        return commands + [f"{each.device} started" for each in self.changes if each.seconds > seconds and each.on]

    def _record_commands(self, key: str) -> None:
        body = self._house.home.twins[key].body
        command = body.command

        def carried_out(name: str, values: Mapping[str, Value]) -> CommandResult:
            self.received.append(ReceivedCommand(self._house.clock.now(), key, name, dict(values)))
            return command(name, values)

        body.command = carried_out  # type: ignore[method-assign]

    def _record_runs(self, key: str, run: DeviceRun) -> None:
        begin, end = run.begin, run.end

        def began(values: Mapping[str, Value]) -> None:
            snapshot = self._house.recorded.snapshot
            latched = snapshot.trip is not None or bool(snapshot.uncertain)
            begin(values)
            self.changes.append(RunChange(self._house.clock.now(), key, True, latched))

        def ended(reason: str) -> None:
            was_on = run.on
            end(reason)
            if was_on:
                self.changes.append(RunChange(self._house.clock.now(), key, False))

        run.begin, run.end = began, ended  # type: ignore[method-assign]

    def _check(self) -> None:
        home, now_seconds = self._house.home, self._house.clock.now()
        suctions = dict(zip(PUMPS, (home.pumps[side].suction for side in (Side.LEFT, Side.RIGHT)), strict=True))
        highest_mmhg = max(suction.cycle_peak_mmhg for suction in suctions.values())
        celsius = home.pad.pad.surface_celsius
        heats_too_much = home.pad.run.on and celsius >= HEAT_TRIP_CELSIUS
        if highest_mmhg > VACUUM_TRIP_MMHG or heats_too_much:
            self.unsafe_at_seconds.append(now_seconds)
        sucking = {key for key, suction in suctions.items() if suction.vacuum_mmhg >= RELEASE_MMHG}
        self._find_unreported(self._house.on | sucking, now_seconds)

    def _find_unreported(self, going: set[str], now_seconds: float) -> None:
        """Note what goes on although the session is over, and is not reported as uncertain."""
        if not self._house.recorded.snapshot.state.over:
            going = set()
        for key in self._running_since_seconds.keys() - going:
            del self._running_since_seconds[key]
        for key in going:
            since_seconds = self._running_since_seconds.setdefault(key, now_seconds)
            if now_seconds - since_seconds > UNREPORTED_SECONDS and key not in self._house.recorded.snapshot.uncertain:
                self.unreported.add(key)
