"""The vacuum of a simulated pump unit: its waveform, the unit's own fixed error, and what it can be set to.

Milk is in `breast`, commands are in the bodies. Vacuums are millimetres of mercury below ambient, 0 being ambient.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from dataclasses import dataclass, field

from devices.roles import Phase

BY_HAND_MMHG = {Phase.STIMULATION: 80.0, Phase.EXPRESSION: 140.0}
"""What is set by hand at a pump that has no command for it. Our own choice."""

BY_HAND_CPM = {Phase.STIMULATION: 100.0, Phase.EXPRESSION: 54.0}

Range = tuple[float, float]


@dataclass(frozen=True)
class PumpRanges:
    """The ranges of a pump, here the same in both phases; those of products may differ."""

    vacuum_mmhg: Range
    highest_rate_cpm: float = math.inf
    levels: int = 1

    def vacuum(self, phase: Phase) -> Range:  # noqa: ARG002 - the same in both
        """Return the lowest and the highest vacuum of a phase, in mmHg."""
        return self.vacuum_mmhg

    def rate(self, phase: Phase) -> Range:  # noqa: ARG002 - the same in both
        """Return the slowest and the fastest rate of a phase, in cycles a minute."""
        return 0.0, self.highest_rate_cpm

    def level(self, phase: Phase, level: int) -> float:
        """Return the vacuum in mmHg at a level, from 1 up, as if levels were even steps: none are published."""
        lowest, highest = self.vacuum(phase)
        steps = max(1, self.levels - 1)
        return lowest + (highest - lowest) * min(steps, max(0, level - 1)) / steps


@dataclass(frozen=True)
class Waveform:
    """The shape of a cycle. Parts and time constants are shares of the period; the numbers are our own choice.

    They follow published curves of cleared pumps in outline: a quick rise, a hold, a quicker release, a rest.
    """

    pull_share: float = 0.65  # rise (to 0.25) and hold
    rise_tau_share: float = 0.05
    release_tau_share: float = 0.03
    residual_mmhg: dict[Phase, float] = field(default_factory=lambda: {Phase.STIMULATION: 10.0, Phase.EXPRESSION: 20.0})
    slew_mmhg_per_s: float = 1000.0
    noise_mmhg: float = 3.0  # one sigma, from cycle to cycle
    unit_error_mmhg: float = 20.0  # the device tolerance: at most this much either way, noise included
    unit_error_cpm: float = 5.0
    samples_per_s: int = 50  # 24 samples of a cycle at 125 cpm


@dataclass(frozen=True)
class UnitError:
    """One unit's constant error, added to every vacuum (mmHg) and rate (cpm) that is set."""

    vacuum_mmhg: float = 0.0
    rate_cpm: float = 0.0


@dataclass(frozen=True)
class VacuumRange:
    """The highest and the lowest vacuum in a period, in mmHg."""

    peak_mmhg: float
    residual_mmhg: float


_WAVEFORM = Waveform()
_AMBIENT_MMHG = 0.5  # a venting unit is at ambient below this: an exponential never reaches 0
_MIN_CPM = 1.0
_WINDOW_SECONDS = 60


class SuctionUnit:
    """One unit's vacuum over time.

    Set it with `start`, `adjust` and `vent`, move it with `advance`, read `vacuum_mmhg`, `cycle_peak_mmhg` or
    `window()`, which changes nothing. `rate_cpm` is the rate delivered: the one that is set plus the unit's error. It
    samples on a fixed grid, so the size of the steps never changes the curve.

    Faults are plain attributes, off by default: `leak` (share of the vacuum lost at the flange, 0 to 1),
    `overpressure` (mmHg pulled above the target) and `stuck` (the valve does not release, not even when stopped).
    """

    def __init__(self, seed: int | str, *, unit_error: UnitError | None = None, waveform: Waveform = _WAVEFORM) -> None:
        self._random = random.Random(f"suction {seed}")  # noqa: S311 - a simulation
        drawn = UnitError(
            self._random.uniform(-waveform.unit_error_mmhg, waveform.unit_error_mmhg),
            self._random.uniform(-waveform.unit_error_cpm, waveform.unit_error_cpm),
        )
        self.unit_error = unit_error or drawn
        self.leak = 0.0
        self.overpressure = 0.0
        self.stuck = False
        self.phase = Phase.STIMULATION
        self.target_mmhg = 0.0
        self.running = False
        self._waveform = waveform
        self._sample = 0  # of the grid, the last one done
        self.vacuum_mmhg = 0.0
        self._position = 0.0  # in the cycle, 0 to 1
        self._cycle_peak = self._last_cycle_peak = 0.0
        self._last_samples: deque[tuple[int, float]] = deque(maxlen=_WINDOW_SECONDS * waveform.samples_per_s)
        self._noise_peak = self._noise_residual = 0.0
        self._set_rate(60.0)

    @property
    def cycle_peak_mmhg(self) -> float:
        """The peak of the last complete cycle or, if higher, of the current one: what a breast feels.

        A stopped unit has no cycle: the vacuum now.
        """
        return max(self._last_cycle_peak, self._cycle_peak) if self.running else self.vacuum_mmhg

    def start(self, phase: Phase, vacuum_mmhg: float, rate_cpm: float) -> None:
        """Begin a cycle of `phase` with a peak of `vacuum_mmhg` (0 or more) at `rate_cpm` (above 0)."""
        self.adjust(phase=phase, vacuum_mmhg=vacuum_mmhg, rate_cpm=rate_cpm)
        self.running = True
        self._position = 0.0
        self._last_cycle_peak = 0.0
        self._begin_cycle()

    def adjust(
        self, *, phase: Phase | None = None, vacuum_mmhg: float | None = None, rate_cpm: float | None = None
    ) -> None:
        """Change the given values within the current cycle; a stopped unit stays stopped.

        Raise `ValueError` for a vacuum below 0 mmHg or a rate of 0 cpm or less.
        """
        if vacuum_mmhg is not None and not vacuum_mmhg >= 0:
            raise ValueError(f"vacuum must be 0 or more, not {vacuum_mmhg}")
        if rate_cpm is not None and not rate_cpm > 0:
            raise ValueError(f"rate must be above 0, not {rate_cpm}")
        if phase is not None:
            self.phase = phase
        if vacuum_mmhg is not None:
            self.target_mmhg = vacuum_mmhg
        if rate_cpm is not None:
            self._set_rate(rate_cpm + self.unit_error.rate_cpm)

    def vent(self) -> None:
        """Stop and open to ambient; takes some tenths of a second, and never ends while `stuck`."""
        self.running = False

    def advance(self, to_seconds: float) -> None:
        """Let time pass up to `to_seconds`; an earlier time than the last one changes nothing."""
        last = self._grid(to_seconds)
        while self._sample < last:
            if not self.running and self.vacuum_mmhg == 0:
                self._sample = last
                self._last_samples.append((last, 0.0))
                return
            self._sample += 1
            self._step()

    def window(self, since_seconds: float) -> VacuumRange:
        """Return the peak and the residual after `since_seconds`, within the last minute."""
        since = self._grid(since_seconds)
        newest_first = reversed(self._last_samples)
        samples = [vacuum for _, vacuum in itertools.takewhile(lambda sample: sample[0] > since, newest_first)]
        return VacuumRange(max(samples, default=self.vacuum_mmhg), min(samples, default=self.vacuum_mmhg))

    def _grid(self, seconds: float) -> int:
        # 1e-6 keeps 0.3 s on its own sample although 0.3 * 50 may be slightly below 15.
        return math.floor(seconds * self._waveform.samples_per_s + 1e-6)

    def _set_rate(self, rate_cpm: float) -> None:
        shape = self._waveform
        self.rate_cpm = max(_MIN_CPM, rate_cpm)
        period = 60 / self.rate_cpm
        step = 1 / shape.samples_per_s
        self._share_per_sample = step / period
        self._rise = -math.expm1(-step / (shape.rise_tau_share * period))
        self._release = -math.expm1(-step / (shape.release_tau_share * period))
        self._slew = shape.slew_mmhg_per_s * step

    def _begin_cycle(self) -> None:
        # Noise belongs to a cycle, not to a sample: the highest of many noisy samples would lift every peak.
        self._noise_peak = self._random.gauss(0, self._waveform.noise_mmhg)
        self._noise_residual = self._random.gauss(0, self._waveform.noise_mmhg)
        self._cycle_peak = 0.0

    def _goal_mmhg(self) -> float:
        """Return the vacuum that the exponential approaches; hold and rest are its ends, not phases of their own."""
        if not self.running:
            return 0.0
        peak = max(0.0, self.target_mmhg + self._peak_error_mmhg() + self.overpressure)
        if self._position < self._waveform.pull_share:
            goal = peak
        else:
            goal = min(peak, max(0.0, self._waveform.residual_mmhg[self.phase] + self._noise_residual))
        return goal * (1 - self.leak)

    def _peak_error_mmhg(self) -> float:
        """Return the error of this cycle's peak in mmHg: the unit's own and noise, together within its tolerance."""
        most = max(self._waveform.unit_error_mmhg, abs(self.unit_error.vacuum_mmhg))
        return min(max(self.unit_error.vacuum_mmhg + self._noise_peak, -most), most)

    def _step(self) -> None:
        if self.running:
            self._position += self._share_per_sample
            if self._position >= 1:
                self._position -= 1
                self._last_cycle_peak = self._cycle_peak
                self._begin_cycle()
        change = self._goal_mmhg() - self.vacuum_mmhg
        if change > 0:
            self.vacuum_mmhg += min(change * self._rise, self._slew)
        elif not self.stuck:
            self.vacuum_mmhg += max(change * self._release, -self._slew)
            if not self.running and self.vacuum_mmhg < _AMBIENT_MMHG:
                self.vacuum_mmhg = 0.0
        self._cycle_peak = max(self._cycle_peak, self.vacuum_mmhg)
        self._last_samples.append((self._sample, self.vacuum_mmhg))
