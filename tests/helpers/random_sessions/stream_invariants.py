"""Invariants of the event stream: events in order, and snapshots that agree with themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.contract.events import DeviceView, Event, EventType, Guide, Item, SessionState, Snapshot, Telemetry
from controller.safety.limits import EXPRESSION_VACUUM_MMHG

if TYPE_CHECKING:
    from tests.helpers.random_sessions.invariants import Invariants

_ANY_TIME = {
    EventType.PAIN,
    EventType.TRIP,
    EventType.UNCERTAIN,
    EventType.STOP_CONFIRMED,
    EventType.LIMITED,
    EventType.LET_DOWN,
    EventType.VOLUME_LOGGED,
    EventType.RUNS_OUTSIDE,
    EventType.ENFORCED,
}
_NEVER_TWICE = (EventType.SESSION_STARTED, EventType.SESSION_FINISHED, EventType.PAIN, EventType.LET_DOWN)


class StreamInvariants:
    """Checks everything that every run of the controller publishes."""

    def __init__(self, invariants: Invariants) -> None:
        self.guide: Guide | None = None
        self.views: dict[str, DeviceView] = {}
        self.tripped: set[tuple[str, str]] = set()  # kind and device of the trips that were published
        self.uncertain: set[str] = set()  # the devices whose stop was last published as uncertain
        self.outside: set[str] = set()  # the devices last published as running outside of a session
        self._invariants = invariants
        self._ids: set[str] = set()
        self._once: set[tuple[EventType, str]] = set()
        self._session: str | None = None  # that has begun, and has not finished
        self._step: int | None = None
        self._paused = False

    def on_item(self, item: Item) -> None:
        match item:
            case Event():
                self._on_event(item)
            case Snapshot():
                self._on_snapshot(item)
            case Guide():
                self.guide = item
            case DeviceView():
                self.views[item.device] = item
            case Telemetry() if not self._invariants.world.faults[item.device].reachable:
                self._violated(f"{item.values} are published of {item.device}, which is out of reach")

    def on_crash(self, interrupted: str | None) -> None:
        """Expect no end of the running step; a session that is saved as running ends in the next run."""
        self.guide, self.views, self.tripped, self.uncertain, self.outside = None, {}, set(), set(), set()
        self._step, self._paused = None, False
        self._session = interrupted
        if interrupted is not None:  # it may have ended in the very last moment, unsaved
            self._once.discard((EventType.SESSION_FINISHED, interrupted))

    def _on_event(self, event: Event) -> None:
        kind = event.type
        if event.id in self._ids:
            self._violated(f"the event {event.id} came twice")
        self._ids.add(event.id)
        if kind in _NEVER_TWICE and event.session_id is not None:
            if (kind, event.session_id) in self._once:
                self._violated(f"{kind} came twice for one session")
            self._once.add((kind, event.session_id))
        self._on_device_event(event)
        if kind in _ANY_TIME:
            return
        if kind is EventType.SESSION_STARTED:
            self._invariants.body_invariants.begin_session()
            if self._session is not None:
                self._violated(f"session {event.session_id} began while {self._session} was running")
            self._session = event.session_id
            return
        if event.session_id != self._session:
            self._violated(f"{kind} came for {event.session_id} while {self._session or 'no session'} was running")
            return
        self._in_session(event)

    def _on_device_event(self, event: Event) -> None:
        """Check an event about a device."""
        kind = event.type
        if kind is EventType.TRIP:
            self.tripped.add((event.data.kind, event.data.device))
            self._invariants.body_invariants.hold_off()
        elif kind is EventType.UNCERTAIN:
            self.uncertain.add(event.data.device)
        elif kind is EventType.STOP_CONFIRMED:
            self.uncertain.discard(event.data.device)
        elif kind is EventType.ENFORCED and event.data.action == "stop":
            innocent = (
                not self._invariants.world.faults[event.data.device].any_injected and not self._invariants.crashes
            )
            if innocent and not self._invariants.body_invariants.day_limits.symptoms:
                self._violated(f"a stop is enforced without a reason: {event.data}")
        elif kind is EventType.RUNS_OUTSIDE:
            (self.outside.add if event.data.on else self.outside.discard)(event.data.device)

    def _in_session(self, event: Event) -> None:
        kind = event.type
        step = getattr(event.data, "index", None)
        if kind is EventType.STEP_STARTED:
            if self._step is not None or self._paused:
                self._violated(f"step {step} began before step {self._step} had ended, or in a pause")
            self._step = step
        elif kind is EventType.STEP_FINISHED:
            if step != self._step:
                self._violated(f"step {step} ended while step {self._step} was under way")
            self._step = None
        elif kind in (EventType.PAUSED, EventType.RESUMED):
            if self._paused is (kind is EventType.PAUSED):
                self._violated(f"{kind} came twice")
            self._paused = not self._paused
        elif kind is EventType.SESSION_FINISHED:
            if self._step is not None:
                self._violated(f"the session finished, and step {self._step} did not")
            self._session, self._paused = None, False

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        house = self._invariants.world.house
        if house is None:
            return
        if (snapshot.step is None) is not (snapshot.step_index is None):
            self._violated(f"a snapshot with the step {snapshot.step} and the index {snapshot.step_index}")
        if snapshot.state.over and snapshot.step is not None:
            self._violated(f"a snapshot that is over ({snapshot.state}) with the step {snapshot.step}")
        if not snapshot.state.over and snapshot.step is None and snapshot.state is not SessionState.STOPPING:
            self._violated(f"a snapshot that is {snapshot.state} without a step")
        if snapshot.trip != house.words.trip(house.guard.trip):
            self._violated(f"a snapshot with {snapshot.trip}, while the trip is {house.guard.trip}")
        if snapshot.uncertain != house.guard.uncertain:
            self._violated(f"a snapshot with {snapshot.uncertain} in doubt, while {house.guard.uncertain} are")
        if (snapshot.target_vacuum_mmhg or 0) > EXPRESSION_VACUUM_MMHG:
            self._violated(f"a snapshot with a target of {snapshot.target_vacuum_mmhg} mmHg")
        if snapshot.target_vacuum_mmhg is not None and snapshot.state.over:
            self._violated("a snapshot that is over, with a target")
        if snapshot.progress is not None and not 0 <= snapshot.progress <= 1:
            self._violated(f"a snapshot with a progress of {snapshot.progress}")
        session = house.station.session
        waits = snapshot.waits_for_flange or snapshot.suction_starts_in_seconds is not None
        if waits and (snapshot.state.over or snapshot.phase is not None):
            self._violated(f"a snapshot that is {snapshot.state} in {snapshot.phase}, and waits for the flange")
        if not snapshot.state.over and session is not None and snapshot.session_id != session.id:
            self._violated(f"a snapshot of {snapshot.session_id} while {session.id} is running")

    def _violated(self, words: str) -> None:
        self._invariants.violated(words)
