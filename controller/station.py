"""A station: the devices used together at one place, and the one session that may run there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from controller import safety
from controller.cautions import cautions_for
from controller.choices import choices_of
from controller.events import (
    DeviceView,
    Event,
    EventType,
    Guide,
    SessionState,
    Snapshot,
    Stream,
    Telemetry,
    Volume,
)
from controller.guard import Guard
from controller.guide import Words
from controller.memory import CUT_OFF, Chosen, CutOff, Memory, NotKeptError
from controller.routine import Routine
from controller.safety import Limit, OwnerLimits, Trip
from controller.session import Session
from controller.stage import Signal
from controller.stopping import Stopped
from devices.clock import Clock
from devices.profiles.roles import Driver, ProfileRole, roles_of
from devices.roles import Capability, Frozen, Side

_LOGGER = logging.getLogger(__name__)

_VIEW_EVERY_SECONDS = 1.0
_FAST = ("vacuum_mmhg", "peak_vacuum_mmhg", "flow_ml_per_s", "volume_ml", "surface_celsius", "intensity")


class RefusedStartError(Exception):
    """A session may not start. `str()` says why."""


class Station:
    """Starts and ends sessions, and tells what its devices say."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        stream: Stream,
        devices: Sequence[Driver],
        owner: OwnerLimits,
        routines: Mapping[str, Routine],
        words: Words,
        memory: Memory,
    ) -> None:
        self.name = name
        self.devices = tuple(devices)
        self.roles: tuple[ProfileRole, ...] = tuple(role for device in devices for role in roles_of(device))
        self._owner = owner
        self._chosen = memory.remembered.chosen
        self._choices = choices_of(name, self._chosen, owner, routines)
        self.guard = Guard(clock, self._capped, self.roles, memory)
        self.guard.on_uncertain = self._on_uncertain
        self.guard.on_settled = self._on_settled
        self.session: Session | None = None
        self._clock = clock
        self._stream = stream
        self._routines = routines
        self._words = words
        self._task: asyncio.Task[None] | None = None
        self._memory = memory
        self._answers = dict(memory.remembered.answers)
        self._answered_on = memory.remembered.answered_on
        self._snapshot = Snapshot(station=name, trip=self.guard.trip, uncertain=self.guard.uncertain)
        self._views: dict[str, DeviceView] = {}
        self._states: dict[str, tuple[object, ...]] = {}
        self._viewed_at_seconds: dict[str, float] = {}
        for role in self.roles:
            role.on_change(partial(self._on_device, role))
        stream.subscribe(self._keep_snapshot)

    async def run(self) -> None:
        """Stop what a crash left running, keep the devices connected, show how fresh they are; until cancelled."""
        self._come_back(self._memory.remembered.cut_off)
        try:
            async with asyncio.TaskGroup() as group:
                for device in self.devices:
                    group.create_task(device.run(), name=f"link {device.name}")
                while True:
                    for role in self.roles:
                        self._show(role, at_once=False)
                    await self._clock.sleep(_VIEW_EVERY_SECONDS)
        finally:
            self.guard.close()

    # What is asked

    @property
    def running(self) -> bool:
        """Whether a session is under way."""
        return self._task is not None and not self._task.done()

    @property
    def hears(self) -> bool:
        """Whether any device is there, by what it says."""
        return any(view.available for view in self._views.values())

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        return self._snapshot

    def start(self, routine_id: str | None = None, side: Side | None = None, *, no_symptoms: bool = False) -> Session:
        """Start a session: of what was chosen, where nothing is named. Raise `RefusedStartError`."""
        routine_id, side = routine_id or self._choices.routine, side or self._choices.side
        if self.running and self.session is not None:
            raise RefusedStartError(f"session {self.session.id} is running; stop it first")
        routine = self._routine(routine_id)
        if routine.opt_in == "vibration" and not self.guard.owner.vibration:
            raise RefusedStartError("vibration is off; read what the routine says, then set limits.vibration to true")
        if routine.opt_in == "vibration" and not self.guard.massagers(side):
            raise RefusedStartError("this routine needs a massager that is connected")
        if self.guard.why_not is not None:
            raise RefusedStartError(self.guard.why_not)
        self._new_day()
        if no_symptoms:
            self._answer_open(False)
        self.session = Session(
            station=self.name,
            routine=routine,
            side=side,
            clock=self._clock,
            guard=self.guard,
            devices=self.roles,
            words=self._words,
            answers=self._answers,
            stream=self._stream,
        )
        self._task = asyncio.create_task(self.session.run(), name=f"session {self.session.id}")
        return self.session

    @property
    def comfort_mmhg(self) -> float:
        """The comfort cap that holds now."""
        return self._choices.comfort_vacuum_mmhg

    async def choose(
        self, routine_id: str | None = None, side: Side | None = None, comfort_vacuum_mmhg: float | None = None
    ) -> Limit | None:
        """Choose what the next start takes, and the comfort cap, which holds at once; return what limits the cap.

        Raise `RefusedStartError` where there is no such routine.
        """
        if routine_id is not None:
            self._routine(routine_id)
        limit = None if comfort_vacuum_mmhg is None else safety.limit_comfort(comfort_vacuum_mmhg, self._owner)
        chosen = Chosen(routine=routine_id, side=side, comfort_vacuum_mmhg=limit.allowed if limit else None)
        self._chosen = self._chosen.model_copy(update=chosen.model_dump(exclude_none=True))
        self._memory.chose(self._chosen)
        self._choices = choices_of(self.name, self._chosen, self._owner, self._routines)
        self.guard.owner = self._capped
        self._stream.publish(self._choices)
        if limit is not None and self.running and self.session is not None:
            await self.session.keep_within(limit.allowed)
        return limit

    async def stop(self, reason: str, state: SessionState = SessionState.STOPPED) -> dict[str, Stopped]:
        """Stop every device at once, whether a session runs or not. Return what each confirmed."""
        if self.running and self.session is not None:
            return await self.session.stop(state, reason)
        stopping = asyncio.ensure_future(self.guard.stop_all())
        await asyncio.sleep(0)  # the stops are written before anything is told to anyone
        if reason == "pain" and self.session is not None:
            self.session.note_pain()
        elif reason == "pain":
            self._stream.publish(Event(station=self.name, session_id=None, type=EventType.PAIN))
        return await stopping

    async def kept(self) -> None:
        """Wait until what was just said or started is kept, so that no crash can lose it, or cannot be."""
        await asyncio.sleep(0)  # it begins
        with self._clock.held(), contextlib.suppress(NotKeptError):  # then no device starts, and the guide says why
            await self._memory.starting(())

    async def finished(self) -> None:
        """Wait until the session, if any, has ended."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def answer(self, question: str, value: bool) -> str | None:
        """Note the answer to a question of the check. Return why not, if it cannot be."""
        self._new_day()
        if question == "all":
            self._answer_open(value)
        elif question == "asked":
            asked = next((each for each in self._words.questions if each not in self._answers), None)
            if asked is None:
                return "no question is open"
            self._answers[asked] = value
        elif question in self._words.questions:
            self._answers[question] = value
        else:
            return f"there is no question {question}; there are all, asked, {', '.join(self._words.questions)}"
        self._keep_answers()
        # A yes counts at once: what is on, is the guard's business no longer to allow anew.
        self.guard.symptoms = frozenset(name for name, yes in self._answers.items() if yes)
        if self.session is not None:
            self.session.signal(Signal.ANSWERED)
        return None

    def acknowledge(self) -> bool:
        """Let go of a latched trip, and of what may still run. Return whether there was anything to let go of."""
        there_was = self.guard.acknowledge()
        self._show_safety()
        return there_was

    def log_volume(self, left_ml: float | None, right_ml: float | None) -> None:
        """Note milk that was measured by hand, for the latest session."""
        session_id = self._snapshot.session_id
        volume = Volume(left=left_ml, right=right_ml)
        self._stream.publish(
            Event(
                station=self.name,
                session_id=session_id,
                type=EventType.VOLUME_LOGGED,
                data={"left_ml": left_ml, "right_ml": right_ml},
            )
        )
        if not self.running:
            self._stream.publish(self._snapshot.model_copy(update={"volume_ml": volume}))

    # Inside

    @property
    def _capped(self) -> OwnerLimits:
        """The owner's limits, with the comfort cap that was chosen, if any was."""
        if self._chosen.comfort_vacuum_mmhg is None:
            return self._owner
        return self._owner.model_copy(update={"comfort_vacuum_mmhg": self.comfort_mmhg})

    def _routine(self, routine_id: str) -> Routine:
        if routine_id not in self._routines:
            raise RefusedStartError(f"there is no routine {routine_id}; there are {', '.join(self._routines)}")
        return self._routines[routine_id]

    def _come_back(self, cut_off: CutOff | None) -> None:
        """Tell what the last run of the controller left behind, and stop what may still run, before anything else."""
        self.guard.stop_what_may_run()
        if cut_off is not None:
            self._snapshot = self._snapshot.model_copy(
                update={"state": SessionState.FAILED, "reason": CUT_OFF, **cut_off.model_dump()}
            )
            self._event(EventType.SESSION_FINISHED, outcome="failed", reason=CUT_OFF, routine=cut_off.routine)
        self._stream.publish(self._snapshot)
        self._stream.publish(self._choices)
        for device in self.guard.uncertain:
            _LOGGER.warning("%s was running when the controller ended: stopping it", device)
            self._event(EventType.UNCERTAIN, device=device)
        if self.guard.uncertain:
            self._say("restarted", device=", ".join(self.guard.uncertain))
        elif self.guard.trip is not None:
            self._say_trip(self.guard.trip)
        elif cut_off is not None:
            self._say("cut_off")

    def _on_uncertain(self, device: str) -> None:
        self._event(EventType.UNCERTAIN, device=device)
        self._say("uncertain", device=device)
        self._show_safety()

    def _on_settled(self, device: str) -> None:
        self._event(EventType.SETTLED, device=device)
        if self.guard.uncertain:
            self._say("uncertain", device=", ".join(self.guard.uncertain))
        elif self.guard.trip is not None:
            self._say_trip(self.guard.trip)  # that it is off now is not the last word on it
        else:
            self._say("settled", device=device)
        self._show_safety()

    def _event(self, kind: EventType, /, **data: object) -> None:
        self._stream.publish(Event(station=self.name, session_id=self._snapshot.session_id, type=kind, data=data))

    def _say(self, message: str, **values: object) -> None:
        """Show a message of the guide, in the running session where there is one."""
        if self.running and self.session is not None:
            self.session.say(message, **values)
        else:
            self._stream.publish(Guide(station=self.name, words=self._words.message(message, **values)))

    def _say_trip(self, trip: Trip) -> None:
        self._say("tripped", device=trip.device, words=self._words.message(f"trip_{trip.kind.value}"))

    def _show_safety(self) -> None:
        """Show what is latched."""
        if self.running and self.session is not None:
            self.session.changed()
        else:
            update = {"trip": self.guard.trip, "uncertain": self.guard.uncertain}
            self._stream.publish(self._snapshot.model_copy(update=update))

    def _new_day(self) -> None:
        """Forget yesterday's answers: the questions are asked once a day."""
        today = datetime.now().astimezone().date()
        if self._answered_on != today and not self.running:
            self._answered_on = today
            self._answers.clear()

    def _answer_open(self, value: bool) -> None:
        for question in self._words.questions:
            self._answers.setdefault(question, value)
        self._keep_answers()

    def _keep_answers(self) -> None:
        if self._answered_on is not None:
            self._memory.answered(self._answered_on, self._answers)

    def _keep_snapshot(self, item: Frozen) -> None:
        if isinstance(item, Snapshot) and item.station == self.name:
            self._snapshot = item

    def _on_device(self, role: ProfileRole) -> None:
        self._show(role, at_once=True)
        reading = role.reading
        values = {name: value for name in _FAST if (value := getattr(reading, name, None)) is not None}
        if values:
            self._stream.publish(Telemetry(station=self.name, device=role.name, values=values))

    def _show(self, role: ProfileRole, *, at_once: bool) -> None:
        """Publish a device's view: at once when something changed that matters, else once a second."""
        silent = Capability.REPORTS_REGULARLY not in role.capabilities
        age_seconds = role.age_seconds
        fresh = age_seconds is not None and age_seconds < safety.STALE_SECONDS
        available = role.connected and (fresh or silent)
        state = (
            available,
            role.device.link.state,
            role.device.link.trouble,
            role.reading.run_state,
            role.reading.fault,
        )
        now_seconds = self._clock.now()
        due = now_seconds - self._viewed_at_seconds.get(role.name, -_VIEW_EVERY_SECONDS) >= _VIEW_EVERY_SECONDS
        if at_once and not due and state == self._states.get(role.name):
            return  # only measured values changed; they are shown once a second
        view = DeviceView(
            station=self.name,
            device=role.name,
            profile=role.device.profile.id,
            confidence=role.device.profile.confidence,
            side=role.side,
            link=role.device.link.state,
            available=available,
            trouble=role.device.link.trouble,
            cautions=cautions_for(role),
            reading=role.reading if available else type(role.reading)(),
        )
        if view == self._views.get(role.name):
            return
        self._states[role.name] = state
        self._views[role.name] = view
        self._viewed_at_seconds[role.name] = now_seconds
        self._stream.publish(view)
