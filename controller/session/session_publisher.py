"""Publishes a session: its events, and a snapshot after each event and each change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.contract.event_data import (
    EventData,
    LimitedData,
    PainData,
    SessionFinishedData,
    StepFinishedData,
    VacuumSetData,
)
from controller.contract.events import Event, Snapshot, StepOutcome
from controller.contract.stream import Stream
from controller.contract.words import Words
from controller.safety.limits import Limit
from controller.session.measurements import Measurements
from controller.session.session_progress import SessionProgress
from devices.roles import Phase
from devices.support.clock import Clock


@dataclass(eq=False)
class SessionPublisher:
    """Publishes one session to the stream. `safety` returns the fields of a snapshot that the station knows."""

    progress: SessionProgress
    measurements: Measurements
    clock: Clock
    stream: Stream
    words: Words
    safety: Callable[[], Mapping[str, Any]]
    _pain_published: bool = field(default=False, init=False)

    def publish_event(self, data: EventData) -> None:
        """Publish an event, and a snapshot."""
        self.stream.publish(Event.of(self.progress.station, self.progress.session_id, data))
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        """Publish the session as it is now."""
        self.progress.update_step(self.clock.now())
        self.progress.record_target()
        self.stream.publish(self._snapshot())

    def publish_step_end(self, outcome: StepOutcome) -> None:
        """End the running step, if there is one, and publish that."""
        step, index = self.progress.update_step(self.clock.now(), outcome), self.progress.step_index
        if step is not None and index is not None:
            self.publish_event(StepFinishedData(step=step.name, index=index, outcome=outcome, seconds=step.seconds))

    def publish_limits(self, limits: Sequence[Limit]) -> None:
        """Publish those limits that have changed, in words."""
        for limit in map(self.words.limit, limits):
            if self.progress.limits.get(limit.quantity) != limit:
                self.progress.limits[limit.quantity] = limit
                decided_by = next(iter(self.words.limit_reasons(limit)), "")
                self.publish_event(LimitedData(**dict(limit), words=decided_by))

    def publish_vacuum_set(self, phase: Phase, before_mmhg: float | None, mmhg: float) -> None:
        """Publish that the person changed the vacuum, if it is another one now. What was learned limits it no more."""
        limit = self.progress.limits.get("vacuum_mmhg")
        if limit is not None and limit.reasons[0].who == "learned":
            del self.progress.limits["vacuum_mmhg"]
        if before_mmhg is not None and before_mmhg != mmhg:
            self.publish_event(VacuumSetData(phase=phase, from_mmhg=before_mmhg, mmhg=mmhg))

    def publish_pain(self) -> None:
        """Publish that the person reported pain, once a session."""
        if not self._pain_published:
            self._pain_published = True
            felt = self.progress.set_at_end
            self.publish_event(PainData(vacuum_mmhg=felt and felt.vacuum_mmhg, phase=felt and felt.phase))

    def publish_outcome(self) -> None:
        """Publish that the session is over, with what it measured."""
        snapshot = self._snapshot()
        self.publish_event(
            SessionFinishedData(
                outcome=snapshot.state,
                reason=snapshot.reason,
                reason_words=snapshot.reason_words,
                routine=snapshot.routine,
                let_down_seconds=snapshot.let_down_seconds,
                volume_ml=snapshot.volume_ml,
                weighed_ml=snapshot.weighed_ml,
                peak_vacuum_mmhg=snapshot.peak_vacuum_mmhg,
                warmest_celsius=snapshot.warmest_celsius,
            )
        )

    def _reason_words(self) -> str | None:
        progress = self.progress
        if progress.reason_details is not None:
            return self.words.reason(progress.reason_details)
        return progress.reason and self.words.labels.reason[progress.reason]

    def _snapshot(self) -> Snapshot:
        progress, measurements = self.progress, self.measurements
        over = progress.state.over
        waits_for = None if over else progress.flange_wait
        setting = progress.pump_run.setting if progress.pump_run else None
        return Snapshot(
            station=progress.station,
            state=progress.state,
            session_id=progress.session_id,
            routine=progress.routine,
            side=progress.side,
            step=None if over or progress.step_index is None else progress.steps[progress.step_index].name,
            step_index=None if over else progress.step_index,
            steps=tuple(progress.steps),
            step_seconds_left=None if over else progress.step_seconds_left,
            ends_at=None if over else progress.ends_at,
            progress=None if over else progress.fraction_done,
            phase=setting and setting.phase,
            target_vacuum_mmhg=setting and setting.vacuum_mmhg,
            highest_target_mmhg=progress.highest_target_mmhg,
            level=setting and setting.level,
            rate_cpm=setting and setting.rate_cpm,
            limits=tuple(progress.limits.values()),
            let_down_seconds=progress.let_down_seconds,
            let_down_by=progress.let_down_by,
            volume_ml=measurements.volume_ml,
            weighed_ml=measurements.weighed_ml,
            peak_vacuum_mmhg=measurements.peak_vacuum_mmhg,
            warmest_celsius=measurements.warmest_celsius,
            reason=progress.reason,
            reason_words=self._reason_words(),
            suction_starts_in_seconds=progress.step_seconds_left if waits_for == "countdown" else None,
            waits_for_flange=waits_for == "command",
            **self.safety(),
        )
