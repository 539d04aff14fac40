"""A station: the devices used together at one place, and the one session that may run there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Container, Mapping, Sequence

from controller.contract.comfort import ComfortAdvice
from controller.contract.events import EndReason, SessionState, Snapshot, StartDefaults
from controller.contract.stream import Stream
from controller.contract.words import Words
from controller.safety.apply_limits import limit_comfort
from controller.safety.limits import Limit, OwnerLimits
from controller.safety.message import KeyedMessage, NotAllowedError, message
from controller.safety.persistence import Persistence, PersistenceError, SavedStartDefaults
from controller.safety.stopping import TURNS_TO_STOP, Stopped
from controller.service.body import Body
from controller.service.button_presses import ButtonPresses
from controller.service.station_reporter import StationReporter
from controller.session.routine import Routine
from controller.session.session import Session
from controller.session.step_context import usable_massagers
from devices.driver.base import BaseDevice
from devices.driver.device_roles import (
    DeviceRole,
    DeviceSensor,
    buttons_of,
    roles_of,
    scales_of,
    thermometers_of,
)
from devices.roles import Side
from devices.support.clock import Clock, give_way

_FIRST_ROUTINE = "classic"


class RefusedStartError(NotAllowedError):
    """A session may not start, or a default cannot be set. `message` says why."""


class Station:
    """Starts and ends sessions. `body`: the person whom the station serves; by default somebody no other one serves.

    `history_problem`: returns why the history cannot be written now.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        stream: Stream,
        devices: Sequence[BaseDevice],
        owner: OwnerLimits,
        routines: Mapping[str, Routine],
        words: Words,
        persistence: Persistence,
        body: Body | None = None,
        roles: Sequence[DeviceRole] | None = None,
        history_problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self.devices = tuple(devices)
        self.roles = tuple(roles if roles is not None else (role for each in devices for role in roles_of(each)))
        self.scales = tuple(scale for each in devices for scale in scales_of(each))
        self.thermometers = tuple(found for each in devices for found in thermometers_of(each))
        self.buttons = tuple(button for each in devices for button in buttons_of(each))
        self.body = body or Body(
            name,
            clock=clock,
            roles=self.roles,
            owner=owner,
            persistence=persistence,
            questions=tuple(words.questions),
            thermometers=self.thermometers,
        )
        self.guard = self.body.guard
        self.session: Session | None = None
        self.comfort: ComfortAdvice | None = None  # what is learned; set by the comfort learner
        self._task: asyncio.Task[None] | None = None
        self._owner = owner
        self._clock = clock
        self._stream = stream
        self._routines = routines
        self.words = words
        self._persistence = persistence
        self._saved_defaults = persistence.saved.start_defaults
        self._defaults = _start_defaults(name, self._saved_defaults, owner, routines)
        if self._saved_defaults.comfort_vacuum_mmhg is not None:
            self.body.set_comfort_cap(name, self._defaults.comfort_vacuum_mmhg)
        self.reporter = StationReporter(self, self.body, persistence, clock, stream, words, history_problem)
        self.guard.listeners.append(self.reporter)
        self.body.stations.append(self)
        self.presses = ButtonPresses(self, self.buttons, clock)

    async def run(self) -> None:
        """Keep the devices connected, hold them to the envelope, and publish problems; until cancelled.

        What was on when the controller ended is stopped before anything else.
        """
        self._stream.publish(self._defaults)
        self.reporter.publish_start()
        async with asyncio.TaskGroup() as group:
            if self.body.stations[0] is self:
                group.create_task(self.guard.run(), name=f"supervisor of {self.body.name}")
            for device in self.devices:
                group.create_task(device.run(), name=f"link {device.name}")
            group.create_task(self.reporter.run(), name=f"reporter of {self.name}")

    @property
    def all_roles(self) -> tuple[DeviceRole | DeviceSensor, ...]:
        """The roles of all devices, those that only measure included: to be shown."""
        return (*self.roles, *self.scales, *self.buttons, *self.thermometers)

    @property
    def running(self) -> bool:
        """Whether a session is under way."""
        return self._task is not None and not self._task.done()

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        return self.reporter.snapshot

    @property
    def comfort_mmhg(self) -> float:
        """The comfort cap that holds now, in mmHg."""
        return self._defaults.comfort_vacuum_mmhg

    def publish_safety(self) -> None:
        """Publish the state of safety: trips, uncertain devices, devices used by hand, other problems."""
        self.reporter.publish_safety()

    def publish_acknowledged(self) -> None:
        """Publish the state of safety after a person acknowledged it, and what is left to do."""
        self.reporter.publish_acknowledged()

    def start(self, routine_id: str | None = None, side: Side | None = None, *, no_symptoms: bool = False) -> Session:
        """Start a session, with the start defaults for what is not named. Raise `RefusedStartError`.

        `no_symptoms`: answer all open questions of the check with no.
        """
        if (refusal := self.start_refusal(routine_id, side)) is not None:
            raise refusal
        routine, side = self._routine(routine_id or self._defaults.routine), side or self._defaults.side
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
            sensors=(*self.scales, *self.thermometers),
            words=self.words,
            answers=self.body.answers,
            stream=self._stream,
            health=self.reporter.safety,
            comfort=lambda: self.comfort,
        )
        self.session = session
        self._task = asyncio.create_task(session.run(), name=f"session {session.id}")
        self._task.add_done_callback(self._on_session_ended)
        return session

    def _on_session_ended(self, _: asyncio.Task[None]) -> None:
        """Publish what is allowed again, at every station of this body."""
        for station in self.body.stations:
            station.publish_safety()

    def start_refusal(self, routine_id: str | None = None, side: Side | None = None) -> RefusedStartError | None:
        """Return why a start is refused now; `None` where it is not."""
        if (busy := self._busy_refusal()) is not None:
            return busy
        try:
            routine = self._routine(routine_id or self._defaults.routine)
        except RefusedStartError as error:
            return error
        if (refusal := self._safety_refusal()) is not None:
            return refusal
        return self._vibration_refusal(side or self._defaults.side) if routine.opt_in == "vibration" else None

    def idle_refusal(self) -> RefusedStartError | None:
        """Return why nothing at all may start now, whatever it is; `None` where something may."""
        return self._busy_refusal() or self._safety_refusal()

    def _busy_refusal(self) -> RefusedStartError | None:
        """Return what is under way for this body."""
        if (session := self.body.active_session) is not None:
            here = session.station == self.name
            running = message("session_running") if here else message("session_running_at", station=session.station)
            return RefusedStartError(running, session.id)
        return RefusedStartError(message("test_running")) if self.body.testing else None

    def _safety_refusal(self) -> RefusedStartError | None:
        if self.guard.blocked_reason is not None:
            return RefusedStartError(self.guard.blocked_reason)
        if self.reporter.problem is not None and self.roles:  # without devices, everything is by hand
            return RefusedStartError(message("store_unusable"), self.reporter.problem)
        return None

    def _vibration_refusal(self, side: Side) -> RefusedStartError | None:
        if not self.guard.owner.vibration:
            return RefusedStartError(message("vibration_off_for_routine"))
        if not usable_massagers(self.roles, self.guard.owner, side):
            return RefusedStartError(message("no_massager"))
        return None

    def set_start_defaults(
        self, routine_id: str | None = None, side: Side | None = None, comfort_vacuum_mmhg: float | None = None
    ) -> Limit | None:
        """Set start defaults, and the comfort cap (mmHg), which holds at once; return what limits the cap.

        `None` leaves a value as it is. Raise `RefusedStartError` where there is no such routine.
        """
        if routine_id is not None:
            self._routine(routine_id)
        limit = None if comfort_vacuum_mmhg is None else limit_comfort(comfort_vacuum_mmhg, self._owner)
        changes = SavedStartDefaults(
            routine=routine_id, side=side, comfort_vacuum_mmhg=limit.allowed if limit else None
        )
        self._saved_defaults = self._saved_defaults.model_copy(update=changes.model_dump(exclude_none=True))
        self._persistence.save_start_defaults(self._saved_defaults)
        self._defaults = _start_defaults(self.name, self._saved_defaults, self._owner, self._routines)
        if limit is not None:
            self.body.set_comfort_cap(self.name, limit.allowed)
        self._stream.publish(self._defaults)
        return limit

    async def stop(
        self, reason: EndReason, state: SessionState = SessionState.STOPPED, details: KeyedMessage | None = None
    ) -> dict[str, Stopped]:
        """Stop every device of this body at once, whether a session runs or not. Return what each confirmed.

        `details`: who stopped it, where that is not the person at an interface.
        """
        if (session := self.body.active_session) is not None:
            return await session.stop(state, reason, details)
        stopping = self.guard.begin_stop_all()
        self.body.cancel_test()  # its stops are under way already
        await give_way(TURNS_TO_STOP)  # the stops leave before anything is published
        if reason is EndReason.PAIN:
            self.reporter.publish_pain()
        return await stopping

    async def flush(self) -> None:
        """Wait until everything up to now is saved, so that no crash can lose it, or until that has failed."""
        await asyncio.sleep(0)  # a session that was just started begins
        with self._clock.held(), contextlib.suppress(PersistenceError):  # then no device starts, and the guide says why
            await self._persistence.save_starting(())

    async def finished(self) -> None:
        """Wait until the session, or the test of a device, if any, has ended."""
        if self._task is not None:
            await asyncio.shield(self._task)
        await self.body.test_finished()

    def _routine(self, routine_id: str) -> Routine:
        if routine_id not in self._routines:
            known = ", ".join(self._routines)
            raise RefusedStartError(message("unknown_routine", routine=routine_id[:40], routines=known))
        return self._routines[routine_id]


def _start_defaults(
    station: str, saved: SavedStartDefaults, owner: OwnerLimits, routines: Container[str]
) -> StartDefaults:
    """Return the start defaults that hold now: of a known routine, with a comfort cap that the settings allow."""
    cap_mmhg = owner.comfortable_mmhg if saved.comfort_vacuum_mmhg is None else saved.comfort_vacuum_mmhg
    return StartDefaults(
        station=station,
        routine=saved.routine if saved.routine in routines else _FIRST_ROUTINE,
        side=saved.side or Side.BOTH,
        comfort_vacuum_mmhg=limit_comfort(cap_mmhg, owner).allowed,
    )
