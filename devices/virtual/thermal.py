"""The temperature of a simulated warm compress and of the skin under it, in °C.

Each segment is solved in closed form, so the step size changes nothing but rounding.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class PadModel:
    """The constants of a pad. Our own choice, after the warm-up times that makers state (about 5 minutes)."""

    heating_tau_s: float = 90.0
    cooling_tau_s: float = 240.0
    overshoot_celsius: float = 0.5
    sensor_sigma_celsius: float = 0.2
    ambient_celsius: float = 24.0
    runaway_celsius: float = 60.0  # where a pad that never stops heating would end
    skin_celsius: float = 33.0  # at rest
    skin_tau_s: float = 120.0
    skin_loss_celsius: float = 1.5  # skin stays so much below a pad that is worn

    def __post_init__(self) -> None:
        if self.skin_tau_s in (self.heating_tau_s, self.cooling_tau_s):
            raise ValueError("skin and pad need different time constants: the closed form divides by their difference")


@dataclass(frozen=True)
class _Segment:
    """A period in which the pad follows one exponential toward `goal`, until it reaches `end` (`None`: never)."""

    goal: float
    tau: float
    end: float | None


_MODEL = PadModel()
_RESOLUTION = 1e-9


class Pad:
    """A pad with a thermostat, and the skin under it.

    `set_target` and `off` command it, `advance` lets time pass. `surface_celsius` and `skin_celsius` are the real
    temperatures, `read_celsius()` is its sensor's reading.

    Faults are plain attributes, off by default: `runaway` (a pad that is on heats on past its target) and
    `frozen_sensor` (the reading stays at its last value).
    """

    def __init__(self, seed: int | str, *, worn: bool = True, model: PadModel = _MODEL) -> None:
        self._random = random.Random(f"pad {seed}")  # noqa: S311 - a simulation
        self._model = model
        self._now = 0.0
        self.target_celsius: float | None = None  # while it is on
        self._heating = False
        self.worn = worn
        self.runaway = False
        self.frozen_sensor = False
        self.surface_celsius = model.ambient_celsius
        self.skin_celsius = model.skin_celsius
        self._reading = self.surface_celsius

    def set_target(self, celsius: float) -> None:
        """Switch on and hold `celsius`."""
        self.target_celsius = celsius
        self._heating = self.surface_celsius < celsius - _RESOLUTION

    def off(self) -> None:
        """Switch off; the pad cools by itself."""
        self.target_celsius = None
        self._heating = False

    def read_celsius(self) -> float:
        """Return the sensor's reading of the surface, with its noise."""
        if not self.frozen_sensor:
            self._reading = self.surface_celsius + self._random.gauss(0, self._model.sensor_sigma_celsius)
        return self._reading

    def advance(self, to_seconds: float) -> None:
        """Let time pass up to `to_seconds`; an earlier time than the last one changes nothing."""
        left = to_seconds - self._now
        self._now = max(self._now, to_seconds)
        while left > _RESOLUTION:
            segment = self._segment()
            dt = min(left, self._until(segment, segment.end), self._until(segment, self._skin_threshold))
            self._follow(segment, dt)
            left -= dt

    @property
    def _skin_threshold(self) -> float:
        """The pad's temperature above which it warms skin at rest."""
        return self._model.skin_celsius + self._model.skin_loss_celsius

    def _segment(self) -> _Segment:
        model, target = self._model, self.target_celsius
        if target is None:
            return _Segment(model.ambient_celsius, model.cooling_tau_s, None)
        if self.runaway:
            return _Segment(max(model.runaway_celsius, target), model.heating_tau_s, None)
        if self._heating:
            # Driven toward twice the overshoot, so that the top is reached, and in finite time.
            top = target + model.overshoot_celsius
            if self.surface_celsius < top - _RESOLUTION:
                return _Segment(top + model.overshoot_celsius, model.heating_tau_s, top)
            self._heating = False
        if self.surface_celsius > target + _RESOLUTION:
            return _Segment(model.ambient_celsius, model.cooling_tau_s, target)
        if self.surface_celsius < target - _RESOLUTION:  # after a runaway ended, or in a colder room
            self._heating = True
            return self._segment()
        return _Segment(self.surface_celsius, model.heating_tau_s, None)

    def _until(self, segment: _Segment, celsius: float | None) -> float:
        """Return the seconds until the pad passes `celsius` in this segment; infinite if it never does."""
        if celsius is None:
            return math.inf
        here, there = self.surface_celsius - segment.goal, celsius - segment.goal
        if here * there <= 0 or abs(here) - abs(there) <= _RESOLUTION:
            return math.inf
        return segment.tau * math.log(here / there)

    def _follow(self, segment: _Segment, dt: float) -> None:
        """Move pad and skin by `dt` within a segment in which the pad does not cross the skin's threshold."""
        model = self._model
        start, pad_decay = self.surface_celsius - segment.goal, math.exp(-dt / segment.tau)
        end = segment.goal + start * pad_decay
        skin_decay = math.exp(-dt / model.skin_tau_s)
        # The skin approaches the pad only if that warms it: a pad that is off does not cool a body.
        if self.worn and self.surface_celsius + end > 2 * self._skin_threshold:
            # skin' = (pad - loss - skin) / skin_tau with pad = goal + start * e^(-t/tau), solved.
            driven = start / (1 - model.skin_tau_s / segment.tau)
            rest = self.skin_celsius - (segment.goal - model.skin_loss_celsius) - driven
            self.skin_celsius = segment.goal - model.skin_loss_celsius + rest * skin_decay + driven * pad_decay
        else:
            self.skin_celsius = model.skin_celsius + (self.skin_celsius - model.skin_celsius) * skin_decay
        self.surface_celsius = end


class SampledPad(Pad):
    """A pad whose sensor is read once a second, in hundredths of a degree."""

    def __init__(self, seed: int | str) -> None:
        super().__init__(seed)
        self.sampled_celsius = round(self.read_celsius(), 2)
        self._sampled_at_seconds = 0.0

    def advance(self, to_seconds: float) -> None:
        """Let time pass, and take a sample when one is due."""
        super().advance(to_seconds)
        if to_seconds - self._sampled_at_seconds >= 1:
            self._sampled_at_seconds = to_seconds
            self.sampled_celsius = round(self.read_celsius(), 2)
