"""A session as the stream of events shows it, for the session recorder; and a history that cannot be reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.contract.event_data import (
    EventData,
    SessionFinishedData,
    SessionStartedData,
    StepFinishedData,
    StepStartedData,
)
from controller.contract.events import DeviceView, Event, Snapshot, StepView, Telemetry, Volume
from controller.contract.session_record import HistoryError
from controller.contract.session_state import EndReason, SessionState
from controller.contract.stream import Stream
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from devices.roles import LinkState, PumpReading, RunState, Side, WarmerReading
from tests.helpers.session_records import BEGAN

STEPS = ("check", "warm", "massage", "stimulate", "express")


class Show:
    """A session as the stream of events shows it, and its recorder. Time passes when a test says so."""

    def __init__(self, store: Any, station: str = "home", beside: Show | None = None) -> None:
        self.seconds = 5000.0
        self.station = station
        if beside is None:
            self.stream = Stream()
            self.recorder = SessionRecorder(store, lambda: self.seconds)
            self.recorder.subscribe(self.stream)
        else:
            self.stream, self.recorder = beside.stream, beside.recorder
        self.session_id = "s1"
        self.steps = [StepView(name=name, title=name, planned_seconds=60) for name in STEPS]
        self.now: dict[str, Any] = {}
        self.began_seconds = self.seconds

    def event(self, data: EventData, session_id: str | None = None) -> None:
        time = BEGAN + timedelta(seconds=self.seconds - self.began_seconds)
        self.stream.publish(
            Event(time=time, station=self.station, session_id=session_id or self.session_id, type=data.type, data=data)
        )

    def snapshot(self, **changes: Any) -> None:
        self.now |= changes
        self.stream.publish(
            Snapshot(station=self.station, session_id=self.session_id, steps=tuple(self.steps), **self.now)
        )

    def start(self, session_id: str = "s1") -> None:
        self.session_id, self.began_seconds = session_id, self.seconds
        self.event(SessionStartedData(routine="classic", side=Side.BOTH))
        self.snapshot(state=SessionState.CHECKING)

    def step(self, name: str, **changes: Any) -> None:
        """End the step that runs, and begin another."""
        self.end_step()
        index = STEPS.index(name)
        self.event(StepStartedData(step=name, index=index))
        self.snapshot(state=SessionState.RUNNING, step=name, step_index=index, **changes)

    def end_step(self) -> None:
        if self.now.get("step_index") is not None:
            index = self.now["step_index"]
            self.steps[index] = self.steps[index].model_copy(update={"outcome": "done", "seconds": 30.0})
            self.event(StepFinishedData(step=STEPS[index], index=index, outcome="done", seconds=30.0))
            self.snapshot()

    def elapse(self, seconds: float, **changes: Any) -> None:
        """Let time pass, with a snapshot every second, as there is while a step runs."""
        for _ in range(round(seconds)):
            self.seconds += 1
            self.snapshot(**changes)

    def device(self, name: str, side: Side, state: RunState, *, warmer: bool = False) -> None:
        reading = WarmerReading(run_state=state) if warmer else PumpReading(run_state=state)
        self.stream.publish(
            DeviceView(
                station=self.station,
                device=name,
                profile="x",
                side=side,
                link=LinkState.CONNECTED,
                available=True,
                reading=reading,
            )
        )

    def telemetry(self, name: str, **values: float) -> None:
        self.stream.publish(Telemetry(station=self.station, device=name, values=values))

    def finish(self, reason: EndReason = EndReason.COMPLETED, **volume_ml: float) -> None:
        self.end_step()
        self.event(
            SessionFinishedData(
                outcome=SessionState.COMPLETED,
                reason=reason,
                reason_words="the routine is done",
                routine="classic",
                let_down_seconds=self.now.get("let_down_seconds"),
                volume_ml=Volume(**volume_ml),
                peak_vacuum_mmhg=self.now.get("peak_vacuum_mmhg"),
            )
        )
        self.now = {}
        self.snapshot(state=SessionState.COMPLETED)


class Unreachable:
    """A history that cannot be reached for a while. `queue`: what it was given to keep."""

    def __init__(self, store: HistoryStore) -> None:
        self.queue: list[Statement] = []
        self.tried: list[int] = []
        self.reachable = False
        self._store = store

    def put(self, *statements: Statement) -> None:
        self.queue += statements

    async def write(self, *statements: Statement) -> bool:
        self.tried.append(len(statements))
        if not self.reachable:
            raise HistoryError("no route to host")
        return await self._store.write(*self.queue, *statements)
