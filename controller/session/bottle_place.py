"""Where a bottle stood, and whether what comes to rest later is the same one, with the milk of the time between. Pure.

A weight does not show which bottle it is of. So a bottle that comes back heavier counts only as far as that may be
milk: by the flow before and after, and for longer times by the highest flow of this session. A bottle that is lighter
was emptied, or is another one. Where nothing was lifted in between, it is the same bottle for certain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BACK_G = 1.0  # ours: as near to where it was, a bottle stands as before
FASTEST_G_PER_S = 1.5  # ours, for one breast: peaks are 0.5 g/s, with a standard deviation of 0.2 (Idei 2024)

_TIMES_FLOW = 2.0  # ours: milk flows no faster between two moments than twice the faster of them
_HIDDEN_SECONDS = 45.0  # the shortest ejection: one that is over sooner shows before or after (docs/safety.md)
_FLOWS_SECONDS = 60.0  # ours: after so long at the highest flow, an ejection of it is spent
_MEAN_G_PER_S = 0.17  # the mean of 15 min and two standard deviations: 69.8 + 2 * 42.5 g (Idei 2024)


@dataclass(frozen=True)
class Weight:
    """One weight, in g. `sucked_seconds`: for how long there was suction until then."""

    at_seconds: float
    grams: float
    sucked_seconds: float = 0.0


def most_gained_g(seconds: float, edge_g_per_s: float, highest_g_per_s: float, breasts: int) -> float:
    """Return how much heavier a bottle may be after so long out of sight, in g.

    `edge_g_per_s`: the higher of the flows before and after; `highest_g_per_s`: the highest of this session.
    """
    rate = _TIMES_FLOW * edge_g_per_s
    if seconds > _HIDDEN_SECONDS:
        rate = max(rate, highest_g_per_s)
    rate = min(max(0.0, rate), FASTEST_G_PER_S * breasts)
    first_seconds = min(seconds, _FLOWS_SECONDS)
    return BACK_G + rate * first_seconds + _MEAN_G_PER_S * breasts * (seconds - first_seconds)


@dataclass(frozen=True)
class BottlePlace:
    """Where the bottle stood: its last weight there, and the weight at which there would be no milk.

    `counted_ml`: what was counted until then. `missed_g`: the most that was missed between later places, in g.
    `certain`: nothing was lifted since, so it is the same bottle.
    """

    left: Weight
    zero_g: float
    counted_ml: float
    missed_g: float = 0.0
    certain: bool = True

    def fits(self, grams: float, gained_g: float) -> bool:
        """Return whether a bottle of this weight may be the one from here, when it has gained this much at most."""
        return -BACK_G <= grams - self.left.grams <= self.missed_g + gained_g


@dataclass
class Absence:
    """The bottle is away from its place, or something leans on it.

    `edge_g_per_s`: the higher of the flows before and after. `seen`: whether each weight meanwhile is known.
    """

    place: BottlePlace
    edge_g_per_s: float
    lowest_g: float
    seen: bool = True
    stood_at: Weight | None = None  # where it came to rest
    refused: Weight | None = None  # the last bottle that stood there for long and was not the one from its place
    lowest_since_g: float = math.inf  # since it last rested

    @property
    def leans(self) -> bool:
        """Whether what rests is a bottle that was refused, and something on it."""
        return self.refused is not None and self.lowest_since_g >= self.refused.grams - BACK_G

    @property
    def lifted(self) -> bool:
        """Whether it may have been lifted, so that it may be another bottle now: it was lighter than it is empty."""
        return not self.seen or self.lowest_g < self.place.zero_g - BACK_G
