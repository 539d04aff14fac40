"""What the virtual bodies really do, whatever the controller says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from controller import safety
from devices.profiles.vocabulary import Value
from devices.roles import Side
from devices.virtual.duty import Duty, Result
from tests.controller.household import PUMPS, House

STARTS = ("start", "set_target", "run", "resume")
UNTOLD_SECONDS = 4.5  # a stop is in doubt after 2 s, a vacuum after 2 s more; then it must be told


class Change(NamedTuple):
    """A device went on or off. `latched`: at that moment something had tripped, or was in doubt."""

    seconds: float
    device: str
    on: bool
    latched: bool = False


class Heard(NamedTuple):
    """A command that reached a device."""

    seconds: float
    device: str
    name: str
    values: Mapping[str, Value]


class Truth:
    """Listens inside the bodies of a house."""

    def __init__(self, house: House) -> None:
        self.changes: list[Change] = []
        self.heard: list[Heard] = []
        self.too_much_at_seconds: list[float] = []  # when a vacuum or a surface was above what trips
        self.untold: set[str] = set()  # devices that went on for too long without anybody being told
        self._house = house
        self._running_since_seconds: dict[str, float] = {}
        for key, twin in house.home.twins.items():
            self._listen_to_commands(key)
            self._listen_to_duty(key, twin.body.duty)
        tick = house.home.tick

        def ticked() -> None:
            tick()
            self._look()

        house.home.tick = ticked  # type: ignore[method-assign]

    def last_on_seconds(self, since_seconds: float) -> float:
        """Return when anything was on last: infinite if it still is, `since_seconds` if nothing was since then."""
        if self._house.on:
            return math.inf
        return max([since_seconds, *(change.seconds for change in self.changes if not change.on)])

    def starts_since(self, seconds: float) -> list[str]:
        """Return what was told to begin, or began, after a time."""
        told = [
            f"{each.device} was told to {each.name}"
            for each in self.heard
            if each.seconds > seconds and each.name in STARTS
        ]
        return told + [f"{each.device} began" for each in self.changes if each.seconds > seconds and each.on]

    def _listen_to_commands(self, key: str) -> None:
        body = self._house.home.twins[key].body
        command = body.command

        def carried_out(name: str, values: Mapping[str, Value]) -> Result:
            self.heard.append(Heard(self._house.clock.now(), key, name, dict(values)))
            return command(name, values)

        body.command = carried_out  # type: ignore[method-assign]

    def _listen_to_duty(self, key: str, duty: Duty) -> None:
        begin, end = duty.begin, duty.end

        def began(values: Mapping[str, Value]) -> None:
            snapshot = self._house.told.snapshot
            latched = snapshot.trip is not None or bool(snapshot.uncertain)
            begin(values)
            self.changes.append(Change(self._house.clock.now(), key, True, latched))

        def ended(reason: str) -> None:
            was_on = duty.on
            end(reason)
            if was_on:
                self.changes.append(Change(self._house.clock.now(), key, False))

        duty.begin, duty.end = began, ended  # type: ignore[method-assign]

    def _look(self) -> None:
        home, now_seconds = self._house.home, self._house.clock.now()
        suctions = dict(zip(PUMPS, (home.pumps[side].suction for side in (Side.LEFT, Side.RIGHT)), strict=True))
        highest_mmhg = max(suction.cycle_peak_mmhg for suction in suctions.values())
        celsius = home.pad.pad.surface_celsius
        heats_too_much = home.pad.duty.on and celsius >= safety.HEAT_TRIP_CELSIUS
        if highest_mmhg > safety.VACUUM_TRIP_MMHG or heats_too_much:
            self.too_much_at_seconds.append(now_seconds)
        sucking = {key for key, suction in suctions.items() if suction.vacuum_mmhg >= safety.RELEASE_MMHG}
        self._look_for_untold(self._house.on | sucking, now_seconds)

    def _look_for_untold(self, going: set[str], now_seconds: float) -> None:
        """Note what goes on although the session is over, when nobody says so."""
        if not self._house.told.snapshot.state.over:
            going = set()
        for key in self._running_since_seconds.keys() - going:
            del self._running_since_seconds[key]
        for key in going:
            since_seconds = self._running_since_seconds.setdefault(key, now_seconds)
            if now_seconds - since_seconds > UNTOLD_SECONDS and key not in self._house.told.snapshot.uncertain:
                self.untold.add(key)
