"""The body of a simple pump: one that knows fewer words than the open profile's."""

from __future__ import annotations

from collections.abc import Mapping

from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Role, Value
from devices.roles import Phase, Side
from devices.virtual.battery import PUMP_HOURS, Battery
from devices.virtual.bodies import PUMP_LIMIT_MMHG
from devices.virtual.firmware import nearest, within
from devices.virtual.pump_ranges import BY_HAND_CPM, BY_HAND_MMHG, PumpRanges
from devices.virtual.simple import SimpleBody
from devices.virtual.suction import Suction

_EVEN_LEVELS = PumpRanges(source="our own choice", vacuum_mmhg=(50, 250), levels=9)


class SimplePump(SimpleBody):
    """A pump that is told its vacuum, or a level, or nothing but to run: then it does what was set at its buttons.

    Faults: `least_mmhg` (it turns down every vacuum below that), and those of `SimpleBody`.
    """

    role: Role = "pump"
    least_mmhg = 0.0

    def __init__(self, profile: Profile, side: Side, seed: int | str, ranges: PumpRanges | None = None) -> None:
        super().__init__(profile, Battery(PUMP_HOURS))
        self.side = side
        self.suction = Suction(f"{seed} {side.value}")
        self.phase = Phase.EXPRESSION  # as set at the pump, where it cannot be set from here
        self._ranges = ranges or _EVEN_LEVELS
        self._range = None if ranges else (0, profile.limits.vacuum_mmhg or PUMP_LIMIT_MMHG)
        self._levels = profile.levels.vacuum_mmhg if profile.levels else {}
        self._level: int | None = None

    @property
    def suction_mmhg(self) -> float:
        """The vacuum that the breast feels, as the peak of a cycle."""
        return self.suction.cycle_peak_mmhg if self.duty.running or self.suction.stuck else 0.0

    def press_start(self, vacuum_mmhg: float, phase: Phase = Phase.EXPRESSION, rate_cpm: float | None = None) -> None:
        """Switch on at the pump, or change what runs. Without a lease: until the button, or its own longest run."""
        rate = BY_HAND_CPM[phase] if rate_cpm is None else rate_cpm
        self._press_on({"phase": phase.value, "rate_cpm": rate, **self._dialled(vacuum_mmhg, phase)})

    def press_vacuum(self, vacuum_mmhg: float) -> None:
        """Set the vacuum at the pump, whoever started it; of one that is off, for when it is switched on there."""
        self._turn(self._dialled(vacuum_mmhg, self.phase))

    def press_stop(self) -> None:
        """Switch off at the pump."""
        self._end("commanded")

    def _dialled(self, vacuum_mmhg: float, phase: Phase) -> dict[str, Value]:
        """Return a vacuum as its own controls set it: the nearest of its levels, or anything in its range."""
        if self._levels:
            return {"vacuum_mmhg": None, "level": nearest(self._levels, vacuum_mmhg)}
        return {"vacuum_mmhg": within(vacuum_mmhg, *(self._range or self._ranges.vacuum(phase))), "level": None}

    def _set(self, values: Mapping[str, Value]) -> None:
        phase = values.get("phase")
        self.phase = Phase(str(phase)) if phase is not None else self.phase
        rate, level, mmhg = values.get("rate_cpm"), values.get("level"), self._asked_mmhg(values)
        if isinstance(level, int | float):
            self._level = int(level)
        cpm = rate if isinstance(rate, int | float) else BY_HAND_CPM[self.phase]
        mmhg = BY_HAND_MMHG[self.phase] if mmhg is None else mmhg
        if self.duty.running and not self.suction.running:
            self.suction.start(self.phase, mmhg, cpm)
        else:
            self.suction.adjust(phase=self.phase, vacuum_mmhg=mmhg, rate_cpm=cpm)

    def _asked_mmhg(self, values: Mapping[str, Value]) -> float | None:
        vacuum, level = values.get("vacuum_mmhg"), values.get("level")
        if isinstance(vacuum, int | float):
            return vacuum
        if isinstance(level, int | float):
            return self._levels.get(int(level), self._ranges.level(self.phase, int(level)))
        return None

    def _is_too_low(self, values: Mapping[str, Value]) -> bool:
        asked_mmhg = self._asked_mmhg(values)
        return asked_mmhg is not None and asked_mmhg < self.least_mmhg

    def _pause(self, paused: bool) -> None:
        self.duty.pause(paused)
        if paused:
            self.suction.vent()
        else:
            self._set(self._last_values)

    def _release(self) -> None:
        self.suction.vent()

    def advance(self, to_seconds: float) -> None:
        """Let the motor run."""
        self.suction.advance(to_seconds)
        super().advance(to_seconds)

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
