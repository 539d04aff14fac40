"""A simulated mother: two breasts that share let-downs and comfort, each with its own milk and flow.

Milk in millilitres, vacuum in mmHg below ambient, time in seconds. No pump and no device here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from devices.roles import Side

UNDER_SUCTION_MMHG = 15.0
"""A breast is under suction from this peak on. Our own choice: below any pump's lowest setting."""

LET_DOWN_ML_PER_S = 0.1
"""The flow at which a let-down is noticed (0.1 g/s, Idei 2024; 1 g of milk taken as 1 mL)."""

WARM_SKIN_CELSIUS = 37.0
"""Skin at or above this counts as warmed. Our own choice: clearly above resting skin of 33 °C."""

WARM_SECONDS = 120.0
"""Warmth shortens the time to the first let-down after this long. Our own choice: the least that is advised."""

MASSAGE_SECONDS = 30.0
"""Massage has its effects after this long on a breast. Our own choice: half of the usual minute."""

SESSION_GAP_SECONDS = 900.0
"""A rest of this length ends a session. Our own choice: longer than the 10-minute rests of power pumping."""

_STEP_SECONDS = 1.0  # the longest step of the integration, so that a short burst of flow is not stepped over
_ROUNDING_SECONDS = 1e-9  # smaller differences are rounding errors
_SPENT_TAUS = 12.0  # after this many time constants an ejection has 0.01 % left


@dataclass(frozen=True)
class LogNormal:
    """A log-normal spread by its median and sigma, held within `low` and `high`."""

    median: float
    sigma: float
    low: float = 0.0
    high: float = math.inf

    def draw(self, source: random.Random) -> float:
        """Draw one value."""
        return min(self.high, max(self.low, self.median * math.exp(source.gauss(0, self.sigma))))


@dataclass(frozen=True)
class MilkModel:
    """The numbers of the simulated breast.

    Fitted by us to published results for 15 minutes near the maximum comfortable vacuum (Kent 2008; Ramsay 2005;
    Idei 2024): number of ejections, volume, share removed, share of the first ejections, peak flow. It describes many
    mothers and their spread; it predicts no individual.
    """

    available_ml: LogNormal = LogNormal(105, 0.45, 30, 250)  # a breast
    refill_ml_per_h: float = 16.0  # a breast, up to the highest available volume
    first_let_down_s: LogNormal = LogNormal(75, 0.45, 20, 300)  # of suction
    warmth_factor: float = 0.8  # on the time to the first let-down
    massage_factor: float = 0.85
    gap_median_s: LogNormal = LogNormal(165, 0.35)  # drawn once a mother
    gap_sigma: float = 0.45
    gap_low_s: float = 45.0
    gap_high_s: float = 420.0
    first_share: float = 0.29  # of the available milk, that the first ejection brings
    later_share: float = 0.155
    share_spread: LogNormal = LogNormal(1, 0.25)
    share_high: float = 0.6
    massage_share_factor: float = 1.1
    pain_share_factor: float = 0.7
    flow_tau_s: LogNormal = LogNormal(25, 0.2)  # an ejection's flow peaks after so long
    drip_ml_per_s: float = 0.006  # between ejections, after the first
    weakest_mmhg: float = 45.0  # up to here suction draws no ejected milk
    vacuum_power: float = 0.7
    mcv_mmhg: float = 190.0  # maximum comfortable vacuum, mean of mothers (Kent 2008: 190.7)
    mcv_sigma_mmhg: float = 42.0
    mcv_low_mmhg: float = 100.0
    mcv_high_mmhg: float = 250.0


_MODEL = MilkModel()


@dataclass(slots=True)
class _Ejection:
    """Milk pushed into the ducts; its outflow is V·s/τ² · exp(-s/τ) at `s` seconds of age."""

    volume_ml: float
    tau_s: float
    age_s: float = 0.0
    left_share: float = 1.0

    def advance(self, dt: float) -> tuple[float, float]:
        """Return what left the ducts in `dt` (mL, exact) and the flow at its end (mL/s)."""
        self.age_s += dt
        x = self.age_s / self.tau_s
        decay = math.exp(-x)
        before, self.left_share = self.left_share, (1 + x) * decay
        return self.volume_ml * (before - self.left_share), self.volume_ml * x / self.tau_s * decay


class Breast:
    """One breast: the milk it holds, its flow, and what was collected from it in this session.

    Milk that is ejected while the breast is not under suction is not collected; it runs back (seen in ultrasound by
    Ramsay 2004) and is available again. `Mother` drives it.
    """

    def __init__(self, side: Side, source: random.Random, model: MilkModel) -> None:
        self.side = side
        self.milk_ml = model.available_ml.draw(source)
        self.volume_ml = 0.0  # collected in this session
        self.flow_ml_per_s = 0.0  # into the bottle, now
        self.let_down = False  # whether flow reached LET_DOWN_ML_PER_S in this session
        self.ejected_ml: tuple[float, ...] = ()  # size of each ejection of this session
        self.warm_seconds = 0.0
        self.massage_seconds = 0.0
        self._random = source
        self._model = model
        self._flowing: list[_Ejection] = []

    @property
    def available_ml(self) -> float:
        """Milk for the next ejection, in mL: all of it except what is in the ducts already."""
        return max(0.0, self.milk_ml - sum(each.volume_ml * each.left_share for each in self._flowing))

    def begin_session(self) -> None:
        """Reset the counters of the last session; the milk stays."""
        self.volume_ml = self.flow_ml_per_s = 0.0
        self.let_down = False
        self.ejected_ml = ()
        self.warm_seconds = self.massage_seconds = 0.0
        self._flowing.clear()

    def eject(self, pain: bool) -> None:
        """Push a share of the available milk into the ducts."""
        model = self._model
        share = model.later_share if self.ejected_ml else model.first_share
        share *= model.share_spread.draw(self._random)
        if self.massage_seconds >= MASSAGE_SECONDS:
            share *= model.massage_share_factor
        if pain:
            share *= model.pain_share_factor
        ejection = _Ejection(min(share, model.share_high) * self.available_ml, model.flow_tau_s.draw(self._random))
        self._flowing.append(ejection)
        self.ejected_ml += (ejection.volume_ml,)

    def advance(self, dt: float, peak_mmhg: float, mcv_mmhg: float) -> None:
        """Let `dt` seconds pass with cycles that peak at `peak_mmhg` (0: no suction); flow is full at `mcv_mmhg`."""
        model = self._model
        self.milk_ml = min(model.available_ml.high, self.milk_ml + model.refill_ml_per_h / 3600 * dt)
        moved = flow = 0.0
        for each in self._flowing:
            moved_each, flow_each = each.advance(dt)
            moved += moved_each
            flow += flow_each
        if self._flowing and self._flowing[0].age_s > _SPENT_TAUS * self._flowing[0].tau_s:
            del self._flowing[0]
        if peak_mmhg < UNDER_SUCTION_MMHG:
            self.flow_ml_per_s = 0.0
            return
        pull = (peak_mmhg - model.weakest_mmhg) / (mcv_mmhg - model.weakest_mmhg)
        gain = min(1.0, max(0.0, pull)) ** model.vacuum_power
        drip = model.drip_ml_per_s if self.ejected_ml else 0.0
        collected = min(self.milk_ml, moved * gain + drip * dt)
        self.milk_ml -= collected
        self.volume_ml += collected
        self.flow_ml_per_s = flow * gain + drip if collected else 0.0
        self.let_down = self.let_down or self.flow_ml_per_s >= LET_DOWN_ML_PER_S


class Mother:
    """Two breasts of one mother, with simultaneous let-downs and one maximum comfortable vacuum (`mcv_mmhg`).

    The same seed gives the same mother and the same sessions. A session begins with the first suction, warmth or
    massage, and is over after `SESSION_GAP_SECONDS` without any; the next draws new let-downs and finds the milk that
    was left and has come since.
    """

    def __init__(
        self, seed: int | str, *, mcv_mmhg: float | None = None, model: MilkModel = _MODEL, at_seconds: float = 0.0
    ) -> None:
        self._random = random.Random(f"mother {seed}")  # noqa: S311 - a simulation
        drawn = self._random.gauss(model.mcv_mmhg, model.mcv_sigma_mmhg)
        drawn = min(model.mcv_high_mmhg, max(model.mcv_low_mmhg, drawn))
        self.mcv_mmhg = drawn if mcv_mmhg is None else mcv_mmhg
        # Each has a random source of its own: draws for one breast must not change the other, or the shared times.
        self.left = Breast(Side.LEFT, random.Random(f"left {seed}"), model)  # noqa: S311
        self.right = Breast(Side.RIGHT, random.Random(f"right {seed}"), model)  # noqa: S311
        self.breasts: dict[Side, Breast] = {Side.LEFT: self.left, Side.RIGHT: self.right}
        self.in_pain = False  # whether the vacuum is above what is comfortable, now
        self._model = model
        self._now = at_seconds
        median = model.gap_median_s.draw(self._random)
        self._gap = LogNormal(median, model.gap_sigma, model.gap_low_s, model.gap_high_s)
        self.new_session()

    def new_session(self) -> None:
        """Begin a session: new let-down times, empty bottles, warmth and massage at zero, milk as it is."""
        self.suction_seconds = 0.0  # how long any breast was under suction in this session
        self.ejection_seconds: tuple[float, ...] = ()  # the `suction_seconds` at which ejections began
        self._idle_seconds = 0.0
        self._begun = False
        self._hurt = False
        self._first_let_down_s = self._model.first_let_down_s.draw(self._random)
        self._next_s: float | None = None
        for breast in self.breasts.values():
            breast.begin_session()

    def warm(self, seconds: float, side: Side = Side.BOTH, skin_celsius: float = WARM_SKIN_CELSIUS) -> None:
        """Add `seconds` of warmth; skin below `WARM_SKIN_CELSIUS` does not count."""
        if skin_celsius >= WARM_SKIN_CELSIUS:
            self._mark_active()
            for breast in self._of(side):
                breast.warm_seconds += seconds

    def massage(self, seconds: float, side: Side = Side.BOTH) -> None:
        """Add `seconds` of massage on each breast of `side`."""
        self._mark_active()
        for breast in self._of(side):
            breast.massage_seconds += seconds

    def advance(self, to_seconds: float, vacuum_peak: Mapping[Side, float]) -> None:
        """Let time pass up to `to_seconds` with cycles that peak at `vacuum_peak` mmHg (left, right; absent: 0).

        The peak of a cycle, not the vacuum of an instant. An earlier time than the last one only changes the vacuum.
        """
        peaks = {side: vacuum_peak.get(side, 0.0) for side in self.breasts}
        suction = max(peaks.values()) >= UNDER_SUCTION_MMHG
        self.in_pain = max(peaks.values()) > self.mcv_mmhg
        self._hurt = self._hurt or self.in_pain
        if suction and self._now < to_seconds:
            self._mark_active()
        while self._now < to_seconds:
            wait = self._until_ejection() if suction else math.inf
            if wait <= 0:
                self._eject()
                continue
            self._step(min(_STEP_SECONDS, wait, to_seconds - self._now), peaks, suction)
            if to_seconds - self._now < _ROUNDING_SECONDS:
                self._now = to_seconds

    def _step(self, dt: float, peaks: Mapping[Side, float], suction: bool) -> None:
        self._now += dt
        if suction:
            self.suction_seconds += dt
        else:
            self._idle_seconds += dt
        for side, breast in self.breasts.items():
            breast.advance(dt, peaks[side], self.mcv_mmhg)
        if self._begun and self._idle_seconds >= SESSION_GAP_SECONDS:
            self.new_session()

    def _until_ejection(self) -> float:
        """Return the seconds of suction until the next ejection, 0 when it is due."""
        due = self._next_s
        if due is None:
            # Computed each time: warmth or massage under suction still brings the first let-down forward.
            due = self._first_let_down_s
            if any(breast.warm_seconds >= WARM_SECONDS for breast in self.breasts.values()):
                due *= self._model.warmth_factor
            if any(breast.massage_seconds >= MASSAGE_SECONDS for breast in self.breasts.values()):
                due *= self._model.massage_factor
        wait = due - self.suction_seconds
        return wait if wait > _ROUNDING_SECONDS else 0.0

    def _eject(self) -> None:
        self.ejection_seconds += (self.suction_seconds,)
        self._next_s = self.suction_seconds + self._gap.draw(self._random)
        for breast in self.breasts.values():
            breast.eject(self._hurt)
        self._hurt = self.in_pain

    def _mark_active(self) -> None:
        self._begun = True
        self._idle_seconds = 0.0

    def _of(self, side: Side) -> list[Breast]:
        return [breast for breast in self.breasts.values() if side.covers(breast.side)]
