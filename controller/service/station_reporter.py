"""What one station publishes beside its sessions: reports of the guard, state of safety, problems of the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from controller.contract.event_data import (
    EnforcedData,
    EventData,
    PainData,
    RunsOutsideData,
    SessionEditedData,
    SessionFinishedData,
    StopConfirmedData,
    TripData,
    UncertainData,
    VolumeLoggedData,
)
from controller.contract.events import EndReason, Event, SessionState, Snapshot, Volume
from controller.contract.session_record import SessionRecord
from controller.contract.stream import Stream
from controller.contract.words import Words, uncertain_key
from controller.safety.envelope import Correction
from controller.safety.limits import Limit, Trip
from controller.safety.message import KeyedMessage, message
from controller.safety.persistence import Persistence
from controller.service.body import Body, BodyStation
from controller.session.guide import message_guide
from controller.session.session import Session
from devices.roles import RunState
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_PROBLEMS_EVERY_SECONDS = 1.0


class StationReporter:
    """Publishes to the stream what concerns `station`; while a session runs there, through that session.

    It is a listener of the guard of `body`. `allowed_actions`: returns what would not be refused now.
    `history_problem`: returns why the history cannot be written now; that prevents nothing.
    """

    def __init__(
        self,
        station: BodyStation,
        body: Body,
        persistence: Persistence,
        clock: Clock,
        stream: Stream,
        words: Words,
        history_problem: Callable[[], str | None],
    ) -> None:
        self._station = station
        self._body = body
        self._guard = body.guard
        self._persistence = persistence
        self._clock = clock
        self._stream = stream
        self._words = words
        self._history_problem = history_problem
        self._came_on_again = False  # the device that ran last without being started from here
        self._shown_problem: str | None = None
        self._shown_notice: str | None = None
        self.allowed_actions: Callable[[], tuple[str, ...]] = tuple
        self.snapshot = Snapshot(station=station.name, **self.safety())
        stream.subscribe(self._save_snapshot, Snapshot)

    async def run(self) -> None:
        """Publish problems of the store when they begin and end, and what is allowed, until cancelled."""
        while True:
            self._publish_problem()
            if self.allowed_actions() != self.snapshot.allowed_actions:
                self.publish_safety()
            await self._clock.sleep(_PROBLEMS_EVERY_SECONDS)

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved now, with the remedy; `None` if everything can."""
        return self._body.persistence.problem or self._persistence.problem

    def safety(self) -> dict[str, Any]:
        """Return the fields of a snapshot that concern safety."""
        outside = tuple(name for name in self._guard.running_outside if self._is_mine(name))
        found = (self._persistence.problem, self._body.persistence.problem)
        details = tuple(dict.fromkeys(each for each in found if each is not None))
        notice = self._history_problem()
        return {
            "trip": self._words.trip(self._guard.trip),
            "uncertain": self._guard.uncertain,
            "running_outside": outside,
            "problems": (self._words.sentence(message("store_unusable")),) if details else (),
            "notices": () if notice is None else (self._words.sentence(message("history_waits")),),
            "problem_details": details if notice is None else (*details, notice),
            "allowed_actions": self.allowed_actions(),
        }

    def publish_safety(self) -> None:
        """Publish the state of safety: trips, uncertain devices, devices used by hand, other problems."""
        if (session := self._session) is not None:
            session.publisher.publish_snapshot()
        else:
            self._stream.publish(self.snapshot.model_copy(update=self.safety()))

    def publish_acknowledged(self) -> None:
        """Publish the state of safety after a person acknowledged it; no message goes on asking for that."""
        if self._session is None and not self._is_latched:
            if outside := self.safety()["running_outside"]:
                self._show("runs_outside", device=", ".join(outside))
            else:
                self._show("acknowledged")
        self.publish_safety()

    def publish_start(self) -> None:
        """Publish the first snapshot, and what was interrupted when the controller last ended."""
        interrupted = self._persistence.saved.interrupted
        if interrupted is not None:
            reason, words = EndReason.CUT_OFF, self._words.labels.reason[EndReason.CUT_OFF]
            ended = {"state": SessionState.FAILED, "reason": reason, "reason_words": words}
            self.snapshot = self.snapshot.model_copy(update={**ended, **interrupted.model_dump()})
            self.publish_event(
                SessionFinishedData(
                    outcome=SessionState.FAILED, reason=reason, reason_words=words, routine=interrupted.routine
                )
            )
        self.publish_safety()
        mine = [device for device in self._guard.uncertain if self._is_mine(device)]
        for device in mine:
            _LOGGER.warning("%s was running when the controller ended: stopping it", device)
            self.publish_event(UncertainData(device=device))
        if mine:
            self._show("restarted", device=", ".join(mine))
        elif self._guard.trip is not None:
            self._show_trip(self._guard.trip)
        elif interrupted is not None:
            self._show("cut_off")

    def publish_event(self, data: EventData) -> None:
        """Publish an event of the latest session."""
        self._stream.publish(Event.of(self._station.name, self.snapshot.session_id, data))

    def publish_pain(self) -> None:
        """Publish that it hurt: as part of the latest session, if there was one since the controller started."""
        if self._station.session is not None:
            self._station.session.publisher.publish_pain()
        else:
            self._stream.publish(Event.of(self._station.name, None, PainData()))

    def publish_volume(self, left_ml: float | None, right_ml: float | None) -> None:
        """Publish milk measured by hand, in mL, as part of the latest session. `None`: as it was."""
        self.publish_event(VolumeLoggedData(left_ml=left_ml, right_ml=right_ml))
        before = self.snapshot.volume_ml
        left_ml, right_ml = (
            (before.left if left_ml is None else left_ml),
            (before.right if right_ml is None else right_ml),
        )
        both_ml = before.both if left_ml is None and right_ml is None else None  # would count twice
        self._show_volume(self.snapshot.session_id, Volume(left=left_ml, right=right_ml, both=both_ml))

    def publish_logged(self, record: SessionRecord, left_ml: float | None, right_ml: float | None) -> None:
        """Publish that milk measured by hand, in mL, was entered into a session of the history."""
        self._stream.publish(
            Event.of(self._station.name, record.id, VolumeLoggedData(left_ml=left_ml, right_ml=right_ml))
        )
        self._show_volume(record.id, record.volume_ml)

    def publish_edit(self, record: SessionRecord) -> None:
        """Publish that a person corrected a session of the history."""
        self._stream.publish(Event.of(self._station.name, record.id, SessionEditedData(revision=record.revision)))
        self._show_volume(record.id, record.volume_ml)

    def _show_volume(self, session_id: str | None, volume_ml: Volume) -> None:
        """Show the milk of a session, if that is the latest one, and it is over."""
        if self._session is None and self.snapshot.session_id == session_id:
            self._stream.publish(self.snapshot.model_copy(update={"volume_ml": volume_ml}))

    def show_not_reached(self, devices: Sequence[str]) -> None:
        """Show what to do by hand about devices that were not reached, or did not confirm their stop, after pain."""
        words = [self._words.message(f"by_hand_{self._body.role_of(device)}", device=device) for device in devices]
        self._show("not_reached", words=" ".join(words))

    # The guard's listener

    def on_trip(self, trip: Trip) -> None:
        """Publish a trip."""
        if (session := self._session) is not None:
            session.on_trip(trip)
            return
        words = self._words.trip_words(trip.kind)
        self.publish_event(TripData(kind=trip.kind, device=trip.device, words=words, detail=trip.detail))
        self._show_trip(trip)
        self.publish_safety()

    def on_run_ended(self, device: str, why: KeyedMessage | None) -> None:
        """End the session: what it ran has ended."""
        if (session := self._session) is not None:
            session.on_device_ended(device, why)

    def on_limited(self, limits: Sequence[Limit]) -> None:
        """Publish the limits that lowered what was requested."""
        if (session := self._session) is not None:
            session.publisher.publish_limits(limits)

    def on_setting_changed(self) -> None:
        """Publish what running devices are set to."""
        if (session := self._session) is not None:
            session.publisher.publish_snapshot()

    def on_stop_uncertain(self, device: str) -> None:
        """Publish that a device did not confirm its stop."""
        if self._is_mine(device):
            self.publish_event(UncertainData(device=device))
        self._show_uncertain((*self._guard.uncertain, device))
        self.publish_safety()

    def on_stop_confirmed(self, device: str) -> None:
        """Publish that a device has confirmed its stop after all."""
        if self._is_mine(device):
            self.publish_event(StopConfirmedData(device=device))
        if self._guard.uncertain:
            self._show_uncertain(self._guard.uncertain)
        elif self._guard.trip is not None:
            self._show_trip(self._guard.trip)  # the trip still needs acknowledging, though the device is off
        else:
            self._show("settled", device=device)
        self.publish_safety()

    def on_running_outside(self, device: str, how: KeyedMessage | None) -> None:
        """Publish that a device is on that was not started from here (`how`), or (`None`) is off again."""
        if not self._is_mine(device):
            return
        on = how is not None
        words, key = (None, None) if how is None else (self._words.reason(how), how.key)
        self.publish_event(RunsOutsideData(device=device, on=on, words=words, key=key))
        if on and self._session is None and device not in self._guard.uncertain:
            self._came_on_again = self._guard.must_stay_off
            self._show("switched_on_again" if self._came_on_again else "runs_outside", device=device)
        elif not on and self._session is None and not self._must_be_watched and self._reports_off(device):
            self._show("settled", device=device)
        self.publish_safety()

    def on_corrected(self, device: str, correction: Correction, why: KeyedMessage) -> None:
        """Publish that a device was lowered or stopped because it exceeded what is allowed."""
        if self._is_mine(device):
            words = self._words.reason(why)
            self.publish_event(EnforcedData(device=device, action=correction.value, words=words, key=why.key))
            if self._session is None and not self._guard.must_stay_off:  # else a more important message is shown
                self._show(f"enforced_{correction.value}", device=device)

    # Inside

    @property
    def _must_be_watched(self) -> bool:
        """Whether a person has yet to look: something is latched, or came on again though it was to stay off."""
        return self._is_latched or self._came_on_again

    @property
    def _is_latched(self) -> bool:
        """Whether a person has yet to acknowledge something."""
        return self._guard.trip is not None or bool(self._guard.uncertain)

    def _reports_off(self, device: str) -> bool:
        """Whether a device is in contact, and reports that it is off: else it may still be on."""
        return any(
            role.name == device and role.connected and role.reading.run_state is RunState.STOPPED
            for role in self._station.roles
        )

    @property
    def _session(self) -> Session | None:
        """The session that is under way at this station."""
        return self._station.session if self._station.running else None

    def _is_mine(self, device: str) -> bool:
        """Whether a device belongs to this station. The first one also owns those that no station names any more."""
        if any(device == role.name for role in self._station.roles):
            return True
        known = {role.name for station in self._body.stations for role in station.roles}
        return device not in known and self._body.stations[0] is self._station

    def _show(self, message: str, **values: object) -> None:
        """Show a message of the guide, in the running session if there is one."""
        if (session := self._session) is not None:
            session.show_message(message, **values)
        else:
            self._stream.publish(message_guide(self._station.name, self._words, message, **values))

    def _show_uncertain(self, devices: Sequence[str]) -> None:
        named = tuple(dict.fromkeys(devices))
        self._show(uncertain_key(named), device=", ".join(named))

    def _show_trip(self, trip: Trip) -> None:
        self._show("tripped", device=trip.device, words=self._words.trip_words(trip.kind))

    def _publish_problem(self) -> None:
        """Publish a problem of the store or of the history once when it begins, and when it is over."""
        problem, notice = self.problem, self._history_problem()
        if (problem, notice) == (self._shown_problem, self._shown_notice):
            return
        if problem not in (None, self._shown_problem) and self._session is None:
            self._show("store_trouble")
        self._shown_problem, self._shown_notice = problem, notice
        self.publish_safety()

    def _save_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.station == self._station.name:
            self.snapshot = snapshot
