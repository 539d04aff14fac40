"""The charge of a simulated device: it falls while the device runs, and nothing else changes it."""

from __future__ import annotations

import math

PUMP_HOURS = 3.0
"""A pump's running time on one charge. Our own choice, as wearable pumps last about this long."""

PAD_HOURS = 2.0
"""A warm compress's running time on one charge. Our own choice."""

MASSAGER_HOURS = 2.0
"""A massager's running time on one charge. Our own choice."""


class Battery:
    """A charge that lasts `hours` of running, read in whole percent."""

    def __init__(self, hours: float, *, percent: float = 100.0) -> None:
        if not hours > 0:
            raise ValueError(f"hours must be above 0, not {hours}")
        if not 0 <= percent <= 100:  # noqa: PLR2004 - percent
            raise ValueError(f"percent must be within 0 and 100, not {percent}")
        self._percent_per_s = 100 / (hours * 3600)
        self._charge = percent
        self._now = 0.0

    @property
    def percent(self) -> int:
        """The reading, 0 to 100, rounded down: 0 is less than one percent."""
        return math.floor(self._charge + 1e-6)  # 1e-6: many small steps must not lose a percent to rounding

    @property
    def empty(self) -> bool:
        """Whether nothing is left to run on."""
        return self._charge <= 0

    def advance(self, to_seconds: float, *, running: bool) -> None:
        """Let time pass up to `to_seconds`; only `running` drains."""
        if running:
            self._charge = max(0.0, self._charge - max(0.0, to_seconds - self._now) * self._percent_per_s)
        self._now = max(self._now, to_seconds)
