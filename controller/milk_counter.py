"""What one pump's own milk counter says about a session: never more than flowed, and all that can be known. Pure.

A counter shows milk from before, starts late, begins anew, or is missing for a while. So only what it rises by from one
report to the next counts, and of what may have happened between two reports, that which credits the least.
"""

from __future__ import annotations

import math

from devices.roles import PumpReading, RunState

FASTEST_ML_PER_S = 3.0  # ours, from one breast: six times the highest published mean of a let-down's peak
STEP_ML = 5.0  # ours: a coarse counter counts in steps, and a stalled radio delivers reports all at once


class MilkCounter:
    """Follows one counter from `since_seconds` on; what was told until then says nothing.

    `from_zero`: the profile says that it begins at 0 with each run. Of any other, what its first report shows was there
    before, and where it falls, nobody knows to what. `credited_ml` is `None` until there is a counter.
    """

    def __init__(self, *, from_zero: bool, breasts: int, since_seconds: float) -> None:
        self.credited_ml: float | None = None
        self._from_zero = from_zero
        self._fastest_ml_per_s = FASTEST_ML_PER_S * breasts
        self._told_at_seconds = since_seconds
        self._last_ml: float | None = None
        self._broken_off_ml: float | None = None  # what it said before it fell or jumped
        self._doubtful_ml = 0.0  # what was credited when it fell
        self._state = RunState.UNKNOWN
        self._noted_at_seconds = since_seconds
        self._ran: bool = True  # since the last report of the counter, or may have
        self._ran_seconds = 0.0
        self._run_is_ours = False  # its run began in this session
        self._begins_anew = False  # it does not run, or its run has counted nothing yet: a fall is no surprise

    def note(self, reading: PumpReading, told_at_seconds: float | None, now_seconds: float) -> None:
        """Take in a reading, whose volume was told at `told_at_seconds`."""
        self._note_run(reading.run_state, now_seconds)
        ml = reading.volume_ml
        if ml is None or not (math.isfinite(ml) and ml >= 0):
            return
        self.credited_ml = self.credited_ml or 0.0
        told_before = told_at_seconds is None or told_at_seconds <= self._told_at_seconds
        if told_at_seconds is None or (told_before and self._last_ml in (None, ml)):
            return
        if self._ran:
            self.credited_ml += self._flowed_ml(ml)
        self._last_ml, self._told_at_seconds = ml, told_at_seconds
        self._ran, self._ran_seconds = reading.run_state is not RunState.STOPPED, 0.0

    def _note_run(self, state: RunState, now_seconds: float) -> None:
        if state is not RunState.STOPPED or self._state is not RunState.STOPPED:
            self._ran = True
            self._ran_seconds += now_seconds - self._noted_at_seconds
        if state is RunState.STOPPED:
            self._begins_anew = self._from_zero
        elif state is RunState.RUNNING and self._state is RunState.STOPPED:
            self._run_is_ours = True
        self._state, self._noted_at_seconds = state, now_seconds

    def _flowed_ml(self, ml: float) -> float:
        """Return what has flowed for certain since the last report, or since the run began."""
        last_ml, broken_off_ml = self._last_ml, self._broken_off_ml
        most_ml = STEP_ML + self._fastest_ml_per_s * self._ran_seconds
        self._broken_off_ml = None
        if last_ml is None:
            return ml if self._from_zero and self._run_is_ours and ml <= most_ml else 0.0
        if broken_off_ml is not None and 0 <= ml - broken_off_ml <= most_ml:
            return ml - broken_off_ml - self._doubtful_ml  # one odd report, and it goes on where it was before that
        if 0 <= ml - last_ml <= most_ml:
            self._begins_anew = self._begins_anew and ml == last_ml
            return ml - last_ml
        flowed_ml = ml if self._from_zero and ml < last_ml and ml <= most_ml else 0.0
        if ml < last_ml and self._begins_anew:
            self._begins_anew = False
        else:
            self._broken_off_ml, self._doubtful_ml = last_ml, flowed_ml
        return flowed_ml
