"""A station: the devices used together at one place, and the one session that may run there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from controller.body import Body
from controller.choices import choices_of
from controller.device_views import DeviceViews
from controller.envelope import Do
from controller.events import Event, EventType, Guide, SessionState, Snapshot, Stream, Volume
from controller.guide import Words
from controller.limits import limit_comfort
from controller.memory import CUT_OFF, Chosen, CutOff, Memory, NotKeptError
from controller.routine import Routine
from controller.safety import Limit, OwnerLimits, Trip
from controller.session import Session
from controller.stage import Signal
from controller.stopping import Stopped
from devices.clock import Clock
from devices.profiles.roles import Driver, ProfileRole, roles_of
from devices.roles import Frozen, Side

_LOGGER = logging.getLogger(__name__)

_HEALTH_EVERY_SECONDS = 1.0


class RefusedStartError(Exception):
    """A session may not start. `str()` says why."""


class Station:
    """Starts and ends sessions, and publishes how things stand. `body`: whose station it is; by default its own."""

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
        body: Body | None = None,
        roles: Sequence[ProfileRole] | None = None,
    ) -> None:
        self.name = name
        self.devices = tuple(devices)
        self.roles = tuple(roles if roles is not None else (role for each in devices for role in roles_of(each)))
        self.body = body or Body(
            name, clock=clock, roles=self.roles, owner=owner, memory=memory, questions=tuple(words.questions)
        )
        self.guard = self.body.guard
        self.session: Session | None = None
        self._owner = owner
        self._clock = clock
        self._stream = stream
        self._routines = routines
        self._words = words
        self._memory = memory
        self._chosen = memory.remembered.chosen
        self._choices = choices_of(name, self._chosen, owner, routines)
        if self._chosen.comfort_vacuum_mmhg is not None:
            self.body.choose_comfort(name, self._choices.comfort_vacuum_mmhg)
        self._task: asyncio.Task[None] | None = None
        self._told_trouble: str | None = None
        self._snapshot = Snapshot(station=name, **self._safety())
        self._views = DeviceViews(name, self.roles, clock, stream)
        self.guard.listeners.append(self)
        self.body.stations.append(self)
        stream.subscribe(self._keep_snapshot)

    async def run(self) -> None:
        """Keep the devices connected, hold them to the envelope, and show how they are; until cancelled.

        What was on when the controller ended is stopped before anything else.
        """
        self._come_back(self._memory.remembered.cut_off)
        async with asyncio.TaskGroup() as group:
            if self.body.stations[0] is self:
                group.create_task(self.guard.run(), name=f"supervisor of {self.body.name}")
            for device in self.devices:
                group.create_task(device.run(), name=f"link {device.name}")
            group.create_task(self._views.run(), name=f"views of {self.name}")
            while True:
                self._show_health()
                await self._clock.sleep(_HEALTH_EVERY_SECONDS)

    # What is asked

    @property
    def running(self) -> bool:
        """Whether a session is under way."""
        return self._task is not None and not self._task.done()

    @property
    def under_way(self) -> Session | None:
        """The session that is under way at any station of this body."""
        return next((each.session for each in self.body.stations if each.running), None)

    @property
    def hears(self) -> bool:
        """Whether any device is there, by what it says."""
        return self._views.any_available

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        return self._snapshot

    def start(self, routine_id: str | None = None, side: Side | None = None, *, no_symptoms: bool = False) -> Session:
        """Start a session: of what was chosen, where nothing is named. Raise `RefusedStartError`."""
        routine_id, side = routine_id or self._choices.routine, side or self._choices.side
        if (session := self.under_way) is not None:
            where = "" if session.station == self.name else f" at {session.station}"
            raise RefusedStartError(f"session {session.id} is running{where}; stop it first")
        routine = self._routine(routine_id)
        if routine.opt_in == "vibration" and not self.guard.owner.vibration:
            raise RefusedStartError("vibration is off; read what the routine says, then set limits.vibration to true")
        if self.guard.why_not is not None:
            raise RefusedStartError(self.guard.why_not)
        if self._trouble is not None and self.roles:  # without devices, everything is by hand
            raise RefusedStartError(f"{self._trouble}; until then nothing starts, and stopping works")
        self.body.answers.new_day()
        if no_symptoms:
            self.body.answers.answer_open(False)
        session = Session(
            station=self.name,
            routine=routine,
            side=side,
            clock=self._clock,
            guard=self.guard,
            devices=self.roles,
            words=self._words,
            answers=self.body.answers,
            stream=self._stream,
            health=self._safety,
        )
        if routine.opt_in == "vibration" and not session.massagers:
            raise RefusedStartError("this routine needs a massager that is connected and that can run low enough")
        self.session = session
        self._task = asyncio.create_task(session.run(), name=f"session {session.id}")
        return session

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
        limit = None if comfort_vacuum_mmhg is None else limit_comfort(comfort_vacuum_mmhg, self._owner)
        chosen = Chosen(routine=routine_id, side=side, comfort_vacuum_mmhg=limit.allowed if limit else None)
        self._chosen = self._chosen.model_copy(update=chosen.model_dump(exclude_none=True))
        self._memory.chose(self._chosen)
        self._choices = choices_of(self.name, self._chosen, self._owner, self._routines)
        if limit is not None:
            self.body.choose_comfort(self.name, limit.allowed)
        self._stream.publish(self._choices)
        return limit

    async def stop(self, reason: str, state: SessionState = SessionState.STOPPED) -> dict[str, Stopped]:
        """Stop every device of this body at once, whether a session runs or not. Return what each confirmed."""
        if (session := self.under_way) is not None:
            return await session.stop(state, reason)
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
        trouble: str | None = None
        if question == "all":
            if left := self.body.answers.answer_open(value):
                trouble = f"answer {', '.join(left)} one by one: they were answered yes on an earlier day"
        else:
            trouble = self.body.answers.answer(question, value)
        if value and trouble is None and (session := self.under_way) is not None:
            session.note_symptom()
        # A yes counts at once: what is on is held to it.
        self.guard.symptoms = self.body.answers.symptoms
        for station in self.body.stations:
            if station.session is not None:
                station.session.signal(Signal.ANSWERED)
        return trouble

    def acknowledge(self) -> tuple[bool, tuple[str, ...]]:
        """Lift a latched trip, and what may still run. Return whether there was anything, and what still runs."""
        result = self.guard.acknowledge()
        for station in self.body.stations:
            station.show_safety()
        return result

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

    def say_not_reached(self, devices: Sequence[str]) -> None:
        """Show what to do by hand about devices that were not reached, or did not confirm, after pain."""
        by_name = {role.name: role for station in self.body.stations for role in station.roles}
        words = [
            self._words.message(f"by_hand_{by_name[name].role if name in by_name else 'pump'}", device=name)
            for name in devices
        ]
        self._say("not_reached", words=" ".join(words))

    # What the guard reports

    def on_trip(self, trip: Trip) -> None:
        """Show a trip, in the running session where there is one."""
        if self.running and self.session is not None:
            self.session.on_trip(trip)
            return
        self._event(EventType.TRIP, kind=trip.kind.value, device=trip.device, words=trip.words)
        self._say_trip(trip)
        self.show_safety()

    def on_ended(self, device: str, words: str | None) -> None:
        """End the session: what it ran has ended."""
        if self.running and self.session is not None:
            self.session.on_device_ended(device, words)

    def on_limit(self, limits: Sequence[Limit]) -> None:
        """Show what a wish met."""
        if self.running and self.session is not None:
            self.session.on_limit(limits)

    def on_changed(self) -> None:
        """Show what running devices are set to."""
        if self.running and self.session is not None:
            self.session.changed()

    def on_uncertain(self, device: str) -> None:
        """Say that a device did not confirm that it stopped."""
        if self._is_mine(device):
            self._event(EventType.UNCERTAIN, device=device)
        self._say("uncertain", device=device)
        self.show_safety()

    def on_settled(self, device: str) -> None:
        """Say that a device has stopped after all."""
        if self._is_mine(device):
            self._event(EventType.SETTLED, device=device)
        if self.guard.uncertain:
            self._say("uncertain", device=", ".join(self.guard.uncertain))
        elif self.guard.trip is not None:
            self._say_trip(self.guard.trip)  # that it is off now is not the last word on it
        else:
            self._say("settled", device=device)
        self.show_safety()

    def on_outside(self, device: str, words: str | None) -> None:
        """Say that a device is on which nobody here started, or that it is off again."""
        if not self._is_mine(device):
            return
        on = words is not None
        self._event(EventType.RUNS_OUTSIDE, device=device, on=on, words=words)
        if on and not self.running and device not in self.guard.uncertain:
            self._say("switched_on_again" if self.guard.holds_off else "runs_outside", device=device)
        self.show_safety()

    def on_enforced(self, device: str, do: Do, words: str) -> None:
        """Say that a device was lowered or stopped because it exceeded what is allowed."""
        if self._is_mine(device):
            self._event(EventType.ENFORCED, device=device, action=do.value, words=words)
            if not self.running and not self.guard.holds_off:  # else the person knows already, and knows more
                self._say(f"enforced_{do.value}", device=device)

    # Inside

    def _is_mine(self, device: str) -> bool:
        """Say whether a device belongs to this station, or to none of its body's any more and this is the first."""
        if any(device == role.name for role in self.roles):
            return True
        known = {role.name for station in self.body.stations for role in station.roles}
        return device not in known and self.body.stations[0] is self

    def _routine(self, routine_id: str) -> Routine:
        if routine_id not in self._routines:
            raise RefusedStartError(f"there is no routine {routine_id}; there are {', '.join(self._routines)}")
        return self._routines[routine_id]

    def _come_back(self, cut_off: CutOff | None) -> None:
        """Show what the last run of the controller left behind."""
        if cut_off is not None:
            self._snapshot = self._snapshot.model_copy(
                update={"state": SessionState.FAILED, "reason": CUT_OFF, **cut_off.model_dump()}
            )
            self._event(EventType.SESSION_FINISHED, outcome="failed", reason=CUT_OFF, routine=cut_off.routine)
        self._stream.publish(self._snapshot)
        self._stream.publish(self._choices)
        mine = [device for device in self.guard.uncertain if self._is_mine(device)]
        for device in mine:
            _LOGGER.warning("%s was running when the controller ended: stopping it", device)
            self._event(EventType.UNCERTAIN, device=device)
        if mine:
            self._say("restarted", device=", ".join(mine))
        elif self.guard.trip is not None:
            self._say_trip(self.guard.trip)
        elif cut_off is not None:
            self._say("cut_off")

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

    def _safety(self) -> dict[str, Any]:
        mine = tuple(name for name in self.guard.running_outside if self._is_mine(name))
        troubles = dict.fromkeys(each for each in (self._memory.trouble, self.body.memory.trouble) if each is not None)
        return {
            "trip": self.guard.trip,
            "uncertain": self.guard.uncertain,
            "running_outside": mine,
            "troubles": tuple(troubles),
        }

    def show_safety(self) -> None:
        """Show what is latched, what runs though nobody here started it, and what else is wrong."""
        if self.running and self.session is not None:
            self.session.changed()
        else:
            self._stream.publish(self._snapshot.model_copy(update=self._safety()))

    def _show_health(self) -> None:
        """Show a trouble of the store when it comes, and when it is over."""
        trouble = self._trouble
        if trouble == self._told_trouble:
            return
        self._told_trouble = trouble
        if trouble is not None and not self.running:
            self._say("store_trouble", words=trouble)
        self.show_safety()

    @property
    def _trouble(self) -> str | None:
        return self.body.memory.trouble or self._memory.trouble

    def _keep_snapshot(self, item: Frozen) -> None:
        if isinstance(item, Snapshot) and item.station == self.name:
            self._snapshot = item
