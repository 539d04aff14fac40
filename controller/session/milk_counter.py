"""Milk of one session from a pump's own counter: never more than has flowed. Pure.

A counter may show milk from before the session, start late, reset, wrap around, jump, flicker by a step, or be missing
for a while. So only what rises above the highest value so far is credited; where a report does not continue the
others, nothing is, until the next report shows whether it was wrong or the counter goes on from there; and where
several things can have happened, the least. What remains is the counter's own resolution: of one that counts in steps,
the milk of one step may have flowed before the session.
"""

from __future__ import annotations

import math

from devices.roles import PumpReading, RunState

MAX_FLOW_ML_PER_S = 3.0  # ours, from one breast: six times the highest published mean of a let-down's peak
COUNTER_STEP_ML = 5.0  # ours: coarse counters count in steps, and after a radio stall, reports arrive all at once
_START_SECONDS = 2.0  # ours: a pump reports that it runs within this time


class MilkCounter:
    """Follows one counter, from `since_seconds` on; earlier reports do not count.

    `from_zero`: by its profile, the counter starts at 0 with each run. Of any other counter, the first report is taken
    for milk from before, and after a fall, the new value may be anything. `credited_ml` is `None` until a report comes.
    """

    def __init__(self, *, from_zero: bool, breasts: int, since_seconds: float) -> None:
        self.credited_ml: float | None = None
        self._from_zero = from_zero
        self._max_flow_ml_per_s = MAX_FLOW_ML_PER_S * breasts
        self._last_ml: float | None = None
        self._last_report_seconds = since_seconds
        self._highest_ml: float | None = None  # of the stretch that it follows; a flicker below it is no milk
        self._highest_ran_seconds = 0.0  # how long it has run since it was reported near the highest value
        self._stray_ml: float | None = None  # a report that does not continue the stretch
        self._stray_ran_seconds = 0.0
        self._state = RunState.UNKNOWN
        self._last_update_seconds = since_seconds
        self._ran: bool = True  # or may have run, since the last report of the counter
        self._run_seconds = 0.0  # since this run began
        self._run_began_in_session = False
        self._reset_expected = False  # it is stopped, or this run has counted nothing yet
        self._first_of_run_ml = 0.0  # what was credited for the first report of a run

    def update(self, reading: PumpReading, reported_at_seconds: float | None, now_seconds: float) -> None:
        """Process a reading whose `volume_ml` was reported at `reported_at_seconds`."""
        self._update_run(reading.run_state, now_seconds)
        ml = reading.volume_ml
        if ml is None or not (math.isfinite(ml) and ml >= 0):
            return
        self.credited_ml = self.credited_ml or 0.0
        old_report = reported_at_seconds is None or reported_at_seconds <= self._last_report_seconds
        if reported_at_seconds is None or (old_report and self._last_ml in (None, ml)):
            return
        flowed_ml = self._flowed_ml(ml)
        if self._ran:
            self.credited_ml += flowed_ml
        self._last_ml, self._last_report_seconds = ml, reported_at_seconds
        self._ran = reading.run_state is not RunState.STOPPED

    def _update_run(self, state: RunState, now_seconds: float) -> None:
        started = self._state is RunState.STOPPED and state is not RunState.STOPPED
        if state is not RunState.STOPPED or self._state is not RunState.STOPPED:
            passed_seconds = now_seconds - self._last_update_seconds
            self._ran = True
            self._run_seconds += min(passed_seconds, _START_SECONDS) if started else passed_seconds
            self._highest_ran_seconds += passed_seconds
            self._stray_ran_seconds += passed_seconds
        if state is RunState.STOPPED:
            self._reset_expected = self._from_zero
            self._first_of_run_ml = 0.0
            if self._state is not RunState.STOPPED:
                self._run_seconds = 0.0
        elif state is RunState.RUNNING and self._state is RunState.STOPPED:
            self._run_began_in_session = True
        self._state, self._last_update_seconds = state, now_seconds

    def _flowed_ml(self, ml: float) -> float:
        """Return what has certainly flowed since the last report, or since the run began; negative takes back."""
        highest_ml = self._highest_ml
        if highest_ml is None:
            return self._first_flowed_ml(ml)
        if ml < highest_ml and self._reset_expected and self._is_of_new_run(ml):
            taken_back_ml, self._first_of_run_ml = self._first_of_run_ml, 0.0
            self._reset_expected = self._state is RunState.STOPPED
            self._follow(ml)
            return ml - taken_back_ml
        if -COUNTER_STEP_ML <= ml - highest_ml <= self._most_ml(self._highest_ran_seconds):
            self._reset_expected = self._reset_expected and (ml <= highest_ml or self._state is RunState.STOPPED)
            self._follow(max(ml, highest_ml))
            return max(0.0, ml - highest_ml)
        return self._flowed_after_stray_ml(ml, highest_ml)

    def _first_flowed_ml(self, ml: float) -> float:
        self._follow(ml)
        # Without the step: what a counter kept of the run before is not to be taken for the milk of this one.
        if self._from_zero and self._run_began_in_session and ml <= self._max_flow_ml_per_s * self._run_seconds:
            self._first_of_run_ml = ml
            return ml
        return 0.0

    def _flowed_after_stray_ml(self, ml: float, highest_ml: float) -> float:
        """Go on from the last report, if this one continues it; else wait for the next."""
        stray_ml = self._stray_ml
        if stray_ml is None or not -COUNTER_STEP_ML <= ml - stray_ml <= self._most_ml(self._stray_ran_seconds):
            self._stray_ml, self._stray_ran_seconds = ml, 0.0
            return 0.0
        fell, most_ml = ml < highest_ml, self._most_ml(self._highest_ran_seconds)
        self._follow(max(ml, stray_ml))
        if self._from_zero and fell and ml <= most_ml:
            return ml
        return max(0.0, ml - stray_ml)

    def _follow(self, ml: float) -> None:
        self._highest_ml, self._highest_ran_seconds, self._stray_ml = ml, 0.0, None

    def _is_of_new_run(self, ml: float) -> bool:
        """Return whether a value can be that of a run that has begun, or, while it is stopped, is to begin."""
        return ml <= (0.0 if self._state is RunState.STOPPED else self._most_ml(self._run_seconds))

    def _most_ml(self, ran_seconds: float) -> float:
        return COUNTER_STEP_ML + self._max_flow_ml_per_s * ran_seconds
