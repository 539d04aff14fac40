"""A clock on which every wait is over at once, and the wall clock that goes with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.helpers.session_records import FIRST_BEGAN
from tests.helpers.still import StillClock


class WallClock(StillClock):
    """Passes by what is slept, and by what a test adds to `now_seconds`. `wall` begins at `FIRST_BEGAN`."""

    async def sleep(self, seconds: float) -> None:
        self.now_seconds += max(0.0, seconds)

    def wall(self) -> datetime:
        return FIRST_BEGAN + timedelta(seconds=self.now_seconds)
