"""The body of a pump whose profile knows fewer commands than the open profile."""

from __future__ import annotations

from collections.abc import Mapping

from devices.driver.vocabulary import EnergyRole, Value
from devices.profiles.schema import Profile
from devices.roles import Phase, Side
from devices.virtual.device_body import PUMP_HOURS, Battery
from devices.virtual.simple_bodies import SimpleBody
from devices.virtual.suction import BY_HAND_CPM, BY_HAND_MMHG, PumpRanges, SuctionUnit


class SimplePump(SimpleBody):
    """A pump that is set to a vacuum or a level, or only switched on: then it runs as set at its buttons."""

    role: EnergyRole = "pump"
    ranges = PumpRanges((50, 250), levels=9)  # our own choice

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, Battery(PUMP_HOURS))
        self.side = side
        self.suction = SuctionUnit(f"{seed} {side.value}")
        self.phase = Phase.EXPRESSION  # as set at the pump, where it cannot be set from here
        self._levels = profile.levels.vacuum_mmhg if profile.levels else {}
        self._level: int | None = None

    @property
    def suction_mmhg(self) -> float:
        """The vacuum that the breast feels, as the peak of a cycle."""
        return self.suction.cycle_peak_mmhg if self.run.running or self.suction.stuck else 0.0

    def _set(self, values: Mapping[str, Value]) -> None:
        phase = values.get("phase")
        self.phase = Phase(str(phase)) if phase is not None else self.phase
        rate, level, mmhg = values.get("rate_cpm"), values.get("level"), self._requested_mmhg(values)
        if isinstance(level, int | float):
            self._level = int(level)
        cpm = rate if isinstance(rate, int | float) else BY_HAND_CPM[self.phase]
        mmhg = BY_HAND_MMHG[self.phase] if mmhg is None else mmhg
        if self.run.running and not self.suction.running:
            self.suction.start(self.phase, mmhg, cpm)
        else:
            self.suction.adjust(phase=self.phase, vacuum_mmhg=mmhg, rate_cpm=cpm)

    def _requested_mmhg(self, values: Mapping[str, Value]) -> float | None:
        vacuum, level = values.get("vacuum_mmhg"), values.get("level")
        if isinstance(vacuum, int | float):
            return vacuum
        if isinstance(level, int | float):
            return self._levels.get(int(level), self.ranges.level(self.phase, int(level)))
        return None

    def _pause(self, paused: bool) -> None:
        self.run.pause(paused)
        if paused:
            self.suction.vent()
        else:
            self._set(self._last_values)

    def _release(self) -> None:
        self.suction.vent()

    def _advance_physics(self, to_seconds: float) -> None:
        self.suction.advance(to_seconds)

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        window = self.suction.window(since_seconds)
        return {
            "phase": self.phase.value,
            "mode": self.phase.value,
            "level": self._level,
            "vacuum_mmhg": self.suction.vacuum_mmhg,
            "peak_vacuum_mmhg": window.peak_mmhg,
            "residual_vacuum_mmhg": window.residual_mmhg,
        }
