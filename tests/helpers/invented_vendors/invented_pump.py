"""The body of an invented vendor's pump: milk, a clock, a noisy motor current, and a will of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping

from devices.driver.vocabulary import STOP_VERB, Value
from devices.profiles.schema import Profile
from devices.roles import Phase, Side
from devices.virtual.device_body import Battery
from devices.virtual.device_run import REFUSED, CommandResult
from devices.virtual.simple_pump import SimplePump
from tests.helpers.invented_vendors.invented_vendor import PumpHabits

_BATTERY_HOURS = 1.0  # so short that it falls during a recording
_LET_DOWN_SECONDS = 10.0  # of suction, until milk flows
_ML_PER_S = 0.15


class InventedPump(SimplePump):
    """A simple pump that also reports what makers like to report."""

    def __init__(self, profile: Profile, side: Side, seed: int | str, habits: PumpHabits) -> None:
        super().__init__(profile, side, seed)
        self.battery = Battery(_BATTERY_HOURS, percent=habits.battery_percent)
        self._habits = habits
        self._noise = random.Random(f"{profile.id} {seed}")
        self._unlocked = False
        self._alive_until_seconds = 0.0
        self._run_seconds = self._suction_seconds = 0.0
        self._advanced_seconds = 0.0
        self._ml = 0.0
        self._phase_levels: dict[Phase, int] = {Phase.STIMULATION: 1, Phase.EXPRESSION: 1}

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Obey, unless it waits for the app's greeting."""
        habits = self._habits
        if name == habits.unlocked_by:
            self._unlocked = True
        if habits.unlocked_by is not None and not self._unlocked and name != STOP_VERB["pump"]:
            return REFUSED
        if name in (habits.kept_alive_by, "start"):
            self._alive_until_seconds = self.run.now_seconds + habits.alive_seconds
        if name == "start":
            self._run_seconds = 0.0
        return super().command(name, values)

    def lose_link(self) -> None:
        """Be locked again."""
        self._unlocked = False
        super().lose_link()

    def _set(self, values: Mapping[str, Value]) -> None:
        super()._set(values)
        if self._level is not None:
            self._phase_levels[self.phase] = self._level

    def _advance_physics(self, to_seconds: float) -> None:
        super()._advance_physics(to_seconds)
        elapsed_seconds = max(0.0, to_seconds - self._advanced_seconds)
        self._advanced_seconds = max(to_seconds, self._advanced_seconds)
        if not self.run.on:
            self._suction_seconds = 0.0
            return
        self._run_seconds += elapsed_seconds
        if self.run.running:
            self._suction_seconds += elapsed_seconds
            self._ml += _ML_PER_S * elapsed_seconds if self._let_down else 0.0
        if self._habits.kept_alive_by is not None and to_seconds > self._alive_until_seconds:
            self._end("link_lost")

    @property
    def _let_down(self) -> bool:
        return self._suction_seconds >= _LET_DOWN_SECONDS

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        running = self.run.running
        return {
            **super()._own_values(since_seconds),
            "target_vacuum_mmhg": self.suction.target_mmhg if running else 0.0,
            "vacuum_mmhg": max(0.0, self.suction.vacuum_mmhg),
            "let_down": self._let_down,
            "volume_ml": self._habits.counts_from_ml + self._ml,
            "stimulation_level": self._phase_levels[Phase.STIMULATION],
            "expression_level": self._phase_levels[Phase.EXPRESSION],
            "elapsed_seconds": int(self._run_seconds),
            "uptime_ticks": int(self.run.now_seconds * 50) & 0xFFFF,
            "motor_milliamps": 180 + self._noise.randrange(60) if running else self._noise.randrange(6),
            "case_celsius": 24 + self._noise.randrange(3),
            "serial": self._habits.serial,
        }
