"""Milk of one session from a scale under the bottle: what rises like milk counts, what moves does not. Pure.

A jump is a bottle that is lifted, moved or bumped, never milk, and so is a rise that is faster than any milk: the count
waits until the bottle is back (`bottle_place.py`), and goes on from there, with the milk that flowed meanwhile. Where
another weight stays instead, as with a new bottle, the count goes on from that one as soon as it rises like milk. What
rises more slowly than milk drips is the zero of the scale. The count never falls.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import replace

from controller.session.bottle_place import BACK_G, FASTEST_G_PER_S, Absence, BottlePlace, Weight, most_gained_g

GRAMS_PER_ML = 1.03  # the density of human milk
LET_DOWN_ML_PER_S = 0.1  # milk that flows at this rate means let-down (0.1 g/s)
JUMP_G = 5.0  # ours: more than this within `JUMP_SECONDS` is movement
JUMP_SECONDS = 0.3
OVERLOAD_G = 2000.0  # ours: no bottle weighs as much; more is an overload, or nonsense
DRIFT_G_PER_S = 0.0035  # ours: half of the slowest drip; a slower rise is the zero of a scale that warms up

_FELL_G = 1.0  # ours: milk never does; a fall is a hand, even a slow one
_GAP_SECONDS = 1.0  # ours: without a report for longer, anything may have happened
_STILL_SECONDS, _STILL_G = 1.0, 1.0  # ours: so long within so little, and the weight is steady
_LEFT_SECONDS = 3.0  # ours: by so long before it moves, no hand has come
_MOST_PLACES = 8  # ours: where the same bottle stood before
_RISES_G, _RISES_SECONDS = 2.0, 10.0  # ours: a steady weight that rises by this is a bottle that fills
_NOTHING_ML = 0.2  # ours: less than this is no milk yet
_LOW_SECONDS = 2.0  # the lowest weight of so long counts: a push is over by then
_FLOW_SECONDS = 4.0  # long enough for the noise, short enough for a let-down
_RISING_SHARE, _RISEN_G = 0.9, 0.05  # ours
_DRIP_SECONDS = 10.0  # long, so that a drip stands out of the noise
_WINDOW_SECONDS = 30.0  # in which drift is distinguished from milk
_MID_SECONDS = 1.0
_FROZEN_SECONDS = 60.0  # ours: any scale that is fine enough for milk changes its last digit meanwhile
_FEWEST = 2  # weights, for a difference


class Weighing:
    """Follows the weight of one bottle. `breasts`: 1, or 2 where both flow into it.

    `credited_ml` is the milk since the first `tare`, in mL; `None` until a weight is known after it.
    """

    def __init__(self, *, breasts: int) -> None:
        self.credited_ml: float | None = None
        self._breasts = breasts
        self._tared = False
        self._settles_until_seconds = 0.0
        self._zero_g = 0.0  # the weight at which the milk of this session would be 0
        self._began_at_ml = 0.0  # what was counted when it took the bottle for the one that stands there now
        self._highest_g_per_s = 0.0  # the highest flow of 10 s
        self._highest_next_seconds = 0.0
        self._edge_g_per_s = 0.0  # the flow before and after it was last moved
        self._recent: deque[Weight] = deque()  # without a jump between them
        self._last: Weight | None = None  # the last that was counted
        self._absence: Absence | None = None  # while the bottle does not stand as before
        self._earlier: list[BottlePlace] = []  # where the same bottle stood before, the latest last
        self._window: list[Weight] = []
        self._reported: Weight | None = None
        self._changed: Weight | None = None  # the first of equal weights
        self._thawed_from: Weight | None = None  # the same of the weights before, where those were frozen

    def tare(self, now_seconds: float, settle_seconds: float = 0.0) -> None:
        """Begin a stretch: the weight that comes to rest after `settle_seconds` is the bottle with what is in it.

        Until then the scale sets itself to zero, and the person puts the bottle down.
        """
        self._tared = True
        self._settles_until_seconds = now_seconds + settle_seconds
        self._last = self._absence = None
        self._earlier = []
        self._clear()

    @property
    def flow_ml_per_s(self) -> float | None:
        """The flow of the last 4 s; `None` while the bottle does not stand, or has not stood for so long."""
        return self._flow(_FLOW_SECONDS)

    @property
    def lets_down(self) -> bool:
        """Whether milk flows as after a let-down.

        The mean of 4 s is behind a flow that rises, so a little less is enough. Even the lowest weight of the last
        second must be higher than before: a short push on the bottle is no milk.
        """
        flow = self.flow_ml_per_s
        if flow is None or flow < LET_DOWN_ML_PER_S * _RISING_SHARE:
            return False
        now_seconds = self._recent[-1].at_seconds
        before_g = self._mid_g(now_seconds - 2 * _MID_SECONDS)
        return before_g is not None and self._low_g(_MID_SECONDS) - before_g >= _RISEN_G

    @property
    def slow_flow_ml_per_s(self) -> float | None:
        """The mean flow of the last 10 s, which shows a drip; `None` while the bottle has not stood for so long.

        `None`, too, where the very same weight has come for a minute: the scale may be frozen.
        """
        return None if self._frozen else self._flow(_DRIP_SECONDS)

    @property
    def standing(self) -> bool:
        """Whether the bottle stands, as far as is known, so that milk is counted."""
        return self._last is not None and self._absence is None

    def update(self, grams: float | None, now_seconds: float, *, sucks: bool = True) -> None:
        """Process the weight that the scale reports now; `None`: it is not known, as with an overload.

        `sucks`: whether there was suction since the weight before; without it, a bottle out of sight gains nothing.
        """
        if not self._tared or now_seconds < self._settles_until_seconds:
            return
        if grams is None or not math.isfinite(grams) or abs(grams) > OVERLOAD_G:
            self._leave(seen=False)
            return
        weight, passed_seconds = self._reported_now(grams, now_seconds, sucks=sucks)
        if self._moves(weight):
            self._leave(seen=passed_seconds <= _GAP_SECONDS)
        elif self._absence is not None and passed_seconds > _GAP_SECONDS:
            self._absence.seen = False
        self._recent.append(weight)
        while now_seconds - self._recent[0].at_seconds > _DRIP_SECONDS + _MID_SECONDS:
            self._recent.popleft()
        if self._absence is not None:
            self._look_for_rest(self._absence, weight)
        elif self._last is None:
            self._begin(weight)
        else:
            self._count(weight)

    def _reported_now(self, grams: float, now_seconds: float, *, sucks: bool) -> tuple[Weight, float]:
        """Return the weight, and the time since the one before, in seconds."""
        before = self._reported
        passed_seconds = 0.0 if before is None else now_seconds - before.at_seconds
        sucked_seconds = (0.0 if before is None else before.sucked_seconds) + (passed_seconds if sucks else 0.0)
        weight = Weight(now_seconds, grams, sucked_seconds)
        self._thawed_from = None
        if before is None or before.grams != grams:
            self._thawed_from = self._changed if self._frozen else None
            self._changed = weight
        self._reported = weight
        return weight, passed_seconds

    # Where the bottle is

    def _moves(self, weight: Weight) -> bool:
        """Return whether it jumped, fell, or rises faster than milk: since the weights before, or while none came."""
        last = self._recent[-1] if self._recent else None
        if last is None:
            return False
        if weight.at_seconds - last.at_seconds > JUMP_SECONDS:
            gained_g = self._most_gained_g(last, weight, self._edge_before_g_per_s())
            return abs(weight.grams - last.grams) > max(JUMP_G, gained_g)
        before_g = self._mid_g(last.at_seconds)
        if self.standing and before_g is not None and weight.grams < before_g - _FELL_G:
            return True
        since = [each for each in self._recent if weight.at_seconds - each.at_seconds <= JUMP_SECONDS]
        if any(abs(weight.grams - each.grams) > JUMP_G for each in since):
            return True
        earlier_g = self._mid_g(weight.at_seconds - _LOW_SECONDS)
        most_g = BACK_G + FASTEST_G_PER_S * self._breasts * (_LOW_SECONDS + _MID_SECONDS / 2)
        return earlier_g is not None and weight.grams - earlier_g > most_g

    def _leave(self, *, seen: bool) -> None:
        """Wait for the bottle: it moves, or (`seen` is false) nothing is known of it."""
        if self._absence is None and self._last is not None:
            left = self._before_it_moved(self._last)
            place = BottlePlace(left, self._zero_g, self.credited_ml or 0.0)
            self._absence = Absence(place, self._edge_before_g_per_s(), left.grams)
        if self._absence is not None:
            self._refuse(self._absence)
            self._absence.seen &= seen
        self._clear()

    def _refuse(self, absence: Absence) -> None:
        """Remember which bottle stood here for long enough to know that it is not the one that is away."""
        rest, absence.stood_at, absence.lowest_since_g = absence.stood_at, None, math.inf
        stood_seconds = 0.0 if rest is None or not self._recent else self._recent[-1].at_seconds - rest.at_seconds
        if rest is not None and stood_seconds >= _RISES_SECONDS and rest.grams >= absence.place.zero_g - BACK_G:
            absence.refused = rest

    def _before_it_moved(self, last: Weight) -> Weight:
        """Return the weight before the hand came that moves it; where the scale was frozen, before that."""
        if self._thawed_from is not None:
            return self._thawed_from
        until_seconds = self._recent[-1].at_seconds if self._recent else 0.0
        found = [each for each in self._recent if until_seconds - each.at_seconds <= _LEFT_SECONDS]
        return min(found, key=lambda each: each.grams, default=last)

    def _edge_before_g_per_s(self) -> float:
        """Return the flow before the hand came; where it has not stood for so long, that of the last time."""
        rate = self._rate_g_per_s(_FLOW_SECONDS, ago_seconds=_LEFT_SECONDS)
        return self._edge_g_per_s if rate is None else max(0.0, rate)

    def _clear(self) -> None:
        self._recent.clear()
        self._window.clear()

    def _begin(self, weight: Weight) -> None:
        """Take the first steady weight after a tare for the beginning."""
        if self._is_still(weight):
            self._go_on_from(self._low_g(), weight)

    def _look_for_rest(self, absence: Absence, weight: Weight) -> None:
        """Go on where the bottle is back. Else, after a while, from where it stands, if it rises like milk there.

        While there is no milk yet, any weight that is steady is as good as the one before.
        """
        absence.lowest_g = min(absence.lowest_g, weight.grams)
        absence.lowest_since_g = min(absence.lowest_since_g, weight.grams)
        if absence.stood_at is None and not self._is_still(weight):
            return
        if absence.stood_at is None:
            absence.stood_at = Weight(weight.at_seconds, self._low_g(_STILL_SECONDS), weight.sucked_seconds)
        rest = absence.stood_at
        stood_seconds = weight.at_seconds - rest.at_seconds
        if _FLOW_SECONDS - _STILL_SECONDS <= stood_seconds <= _RISES_SECONDS:
            absence.edge_g_per_s = max(absence.edge_g_per_s, self._rate_g_per_s(_FLOW_SECONDS) or 0.0)
        gained_g = self._most_gained_g(absence.place.left, rest, absence.edge_g_per_s)
        no_milk_yet = (self.credited_ml or 0.0) - self._began_at_ml < _NOTHING_ML
        if self._goes_back(absence, rest, gained_g, no_milk_yet=no_milk_yet):
            self._go_on(weight)
        elif not absence.lifted and rest.grams < absence.place.left.grams and abs(rest.grams) > BACK_G:
            # What leaned on it so slowly that it looked like milk was taken away. Near 0, the scale was set to zero.
            self._earlier = [*self._earlier, absence.place][-_MOST_PLACES:]
            self._go_on(weight)
        elif stood_seconds >= _RISES_SECONDS and (no_milk_yet or self._low_g() - rest.grams >= _RISES_G):
            self._leave_places(absence, gained_g, no_milk_yet=no_milk_yet)
            self._go_on_from(rest.grams, weight)

    def _goes_back(self, absence: Absence, rest: Weight, gained_g: float, *, no_milk_yet: bool) -> bool:
        """Return whether this is the bottle from where it stood, or from a place before; take the zero of that one."""
        if absence.leans:
            return False
        if absence.place.fits(rest.grams, gained_g):
            return True
        for index in reversed(range(len(self._earlier))):
            place = self._earlier[index]
            if place.certain:
                since_g = gained_g + ((self.credited_ml or 0.0) - place.counted_ml) * GRAMS_PER_ML
            elif no_milk_yet:
                since_g = self._most_gained_g(place.left, rest, absence.edge_g_per_s)
            else:
                continue
            if place.fits(rest.grams, since_g):
                self._zero_g = place.zero_g
                del self._earlier[index:]
                return True
        return False

    def _leave_places(self, absence: Absence, gained_g: float, *, no_milk_yet: bool) -> None:
        """Remember where the bottle stood before, as far as it may be the same one."""
        lifted, places = absence.lifted, (*self._earlier, absence.place)
        self._earlier = [
            replace(each, missed_g=each.missed_g + gained_g, certain=each.certain and not (lifted or no_milk_yet))
            for each in (places if no_milk_yet or not lifted else ())
        ][-_MOST_PLACES:]

    def _go_on_from(self, grams: float, weight: Weight) -> None:
        """Let the milk that was counted stand for another weight of the bottle."""
        self.credited_ml = self._began_at_ml = self.credited_ml or 0.0
        self._zero_g = grams - self.credited_ml * GRAMS_PER_ML
        self._go_on(weight)

    def _go_on(self, weight: Weight) -> None:
        self._edge_g_per_s = 0.0 if self._absence is None else self._absence.edge_g_per_s
        self._absence = None
        self._window.clear()
        self._count(weight)

    def _is_still(self, weight: Weight) -> bool:
        if weight.at_seconds - self._recent[0].at_seconds < _STILL_SECONDS:
            return False
        grams = [each.grams for each in self._recent if weight.at_seconds - each.at_seconds <= _STILL_SECONDS]
        return max(grams) - min(grams) <= _STILL_G

    def _most_gained_g(self, left: Weight, rest: Weight, edge_g_per_s: float) -> float:
        seconds = rest.sucked_seconds - left.sucked_seconds
        return most_gained_g(seconds, edge_g_per_s, self._highest_g_per_s, self._breasts)

    # What is in it

    def _count(self, weight: Weight) -> None:
        self._last = weight
        self._window.append(weight)
        if weight.at_seconds >= self._highest_next_seconds:  # often enough for a mean of 10 s
            self._highest_next_seconds = weight.at_seconds + _MID_SECONDS
            self._highest_g_per_s = max(self._highest_g_per_s, self._rate_g_per_s(_DRIP_SECONDS) or 0.0)
        if weight.at_seconds - self._recent[0].at_seconds >= _LOW_SECONDS:
            milk_ml = (self._low_g() - self._zero_g) / GRAMS_PER_ML
            self.credited_ml = max(self.credited_ml or 0.0, milk_ml)
        if weight.at_seconds - self._window[0].at_seconds >= _WINDOW_SECONDS:
            self._forget_drift()

    def _forget_drift(self) -> None:
        """Move the zero along with a weight that has changed more slowly than milk drips."""
        window, end_seconds = self._window, self._window[-1].at_seconds
        first = [each.grams for each in window if each.at_seconds - window[0].at_seconds <= _LOW_SECONDS]
        last = [each.grams for each in window if end_seconds - each.at_seconds <= _LOW_SECONDS]
        rise_g = sum(last) / len(last) - sum(first) / len(first)
        if rise_g < DRIFT_G_PER_S * (end_seconds - window[0].at_seconds):
            self._zero_g += rise_g
        self._window = [each for each in window if end_seconds - each.at_seconds <= _LOW_SECONDS]

    def _low_g(self, seconds: float = _LOW_SECONDS) -> float:
        until_seconds = self._recent[-1].at_seconds
        return min(each.grams for each in self._recent if until_seconds - each.at_seconds <= seconds)

    def _mid_g(self, end_seconds: float) -> float | None:
        """Return the median weight of the second that ends then, which a short push does not change; `None`: none."""
        found = [each.grams for each in self._recent if 0 <= end_seconds - each.at_seconds <= _MID_SECONDS]
        return statistics.median(found) if found else None

    def _flow(self, over_seconds: float) -> float | None:
        """Return the mean flow of so long, in mL/s."""
        rate = self._rate_g_per_s(over_seconds) if self.standing else None
        return None if rate is None else rate / GRAMS_PER_ML

    def _rate_g_per_s(self, over_seconds: float, *, ago_seconds: float = 0.0) -> float | None:
        """Return how fast the weight rose for so long, until so long ago; `None` where it has not stood for so long."""
        if len(self._recent) < _FEWEST:
            return None
        until_seconds = self._recent[-1].at_seconds - ago_seconds
        if until_seconds - self._recent[0].at_seconds < over_seconds:
            return None
        before, now = self._mid_g(until_seconds - over_seconds + _MID_SECONDS), self._mid_g(until_seconds)
        if before is None or now is None:
            return None
        return (now - before) / (over_seconds - _MID_SECONDS)

    @property
    def _frozen(self) -> bool:
        """Whether the very same weight has come for so long that the scale may be frozen."""
        if self._reported is None or self._changed is None:
            return False
        return self._reported.at_seconds - self._changed.at_seconds >= _FROZEN_SECONDS
