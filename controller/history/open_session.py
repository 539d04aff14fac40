"""One session under way, as it is recorded: put together from the stream of events. Writes nothing."""

from __future__ import annotations

from datetime import datetime

from controller.contract.event_data import SessionFinishedData
from controller.contract.events import DeviceView, Event, Guide, SessionState, Snapshot, StepView
from controller.contract.session_record import EventRecord, Milk, MilkSource, SessionRecord, StepRecord
from controller.contract.session_state import Volume
from controller.history.curve_recorder import CurveRecorder
from devices.roles import RunState, Side, WarmerReading

_SUCTION = ("stimulate", "express")


class OpenSession:
    """What is known of a session. Times are seconds of the session's clock, since it began."""

    def __init__(self, record: SessionRecord) -> None:
        self.curves = CurveRecorder()
        self.steps: dict[int, StepRecord] = {}
        self.events: list[EventRecord] = []
        self._record = record
        self._seconds = 0.0
        self._used_seconds = {"suction": 0.0, "heat": 0.0, "massage": 0.0}
        self._snapshot: Snapshot | None = None
        self._warmers: dict[str, RunState] = {}
        self._rate_cpm: float | None = None
        self._cautions: dict[str, None] = {}

    @property
    def id(self) -> str:
        """Its id."""
        return self._record.id

    def advance(self, seconds: float) -> None:
        """Let it be so many seconds since it began: until now, everything was as it was reported last."""
        passed, self._seconds = max(0.0, seconds - self._seconds), max(seconds, self._seconds)
        for use in self._in_use():
            self._used_seconds[use] += passed

    def add_event(self, event: Event) -> None:
        """Add an event that happens now."""
        data = event.data.model_dump(mode="json")
        self.events.append(EventRecord(id=event.id, seconds=round(self._seconds, 1), type=event.type.value, data=data))

    def begin_step(self, index: int, name: str) -> None:
        """Begin a step now."""
        self.steps[index] = StepRecord(name=name, began_seconds=round(self._seconds, 1))

    def update(self, snapshot: Snapshot) -> None:
        """Take in how far it is now."""
        self._snapshot = snapshot
        self._rate_cpm = snapshot.rate_cpm or self._rate_cpm
        for index, step in self.steps.items():
            if index < len(snapshot.steps):
                self.steps[index] = _recorded(step, snapshot.steps[index])

    def show(self, guide: Guide) -> None:
        """Take in which cautions the person was shown."""
        self._cautions |= dict.fromkeys(each.value for each in guide.cautions)

    def report(self, view: DeviceView) -> None:
        """Take in the state of a device."""
        if isinstance(view.reading, WarmerReading):
            self._warmers[view.device] = view.reading.run_state

    def _in_use(self) -> list[str]:
        """Return what is on: by a device as far as it reports so, by hand as long as its step lasts."""
        now = self._snapshot
        if now is None or now.state is not SessionState.RUNNING or now.step_index is None:
            return []
        by_hand = now.steps[now.step_index].by_hand
        in_use = {
            "suction": now.phase is not None or (by_hand and now.step in _SUCTION),
            "heat": now.step == "warm" and (by_hand or self._warmth_is_on),
            "massage": now.step == "massage",
        }
        return [use for use, on in in_use.items() if on]

    @property
    def _warmth_is_on(self) -> bool:
        states = set(self._warmers.values())
        return RunState.RUNNING in states or states <= {RunState.UNKNOWN}  # some never report whether they are on

    @property
    def record(self) -> SessionRecord:
        """It as it is now."""
        now = self._snapshot
        found: dict[str, object] = {
            "seconds": round(self._seconds, 1),
            **{f"{use}_seconds": round(seconds, 1) for use, seconds in self._used_seconds.items()},
            "rate_cpm": self._rate_cpm,
            "cautions": tuple(self._cautions),
        }
        if now is not None:
            found |= {
                "let_down_seconds": now.let_down_seconds,
                "let_down_by": now.let_down_by,
                "milk": milk_of(now.volume_ml, now.weighed_ml),
                "peak_vacuum_mmhg": now.peak_vacuum_mmhg,
                "highest_target_mmhg": now.highest_target_mmhg,
                "warmest_celsius": now.warmest_celsius,
            }
        return self._record.model_copy(update=found)

    def finished(self, data: SessionFinishedData, ended_at: datetime) -> SessionRecord:
        """Return it as it ended."""
        return self.record.model_copy(
            update={
                "ended_at": ended_at,
                "outcome": data.outcome,
                "reason": data.reason and data.reason.value,
                "reason_words": data.reason_words,
                "let_down_seconds": data.let_down_seconds,
                "milk": milk_of(data.volume_ml, data.weighed_ml),
                "peak_vacuum_mmhg": data.peak_vacuum_mmhg,
                "warmest_celsius": data.warmest_celsius,
            }
        )


def _recorded(step: StepRecord, view: StepView) -> StepRecord:
    if view.outcome == step.outcome and view.by_hand == step.by_hand:
        return step
    seconds = None if view.outcome is None else view.seconds
    return step.model_copy(update={"seconds": seconds, "outcome": view.outcome, "by_hand": view.by_hand})


def milk_of(measured_ml: Volume, weighed_ml: Volume) -> tuple[Milk, ...]:
    """Return the milk of a session by side and source, of what pumps measured and scales weighed."""
    sources: tuple[tuple[MilkSource, Volume], ...] = (("measured", measured_ml), ("weighed", weighed_ml))
    return tuple(
        Milk(side=Side(side), source=source, ml=ml)
        for source, volume_ml in sources
        for side, ml in volume_ml
        if ml is not None
    )
