"""The service: runs stations and background services, carries out commands, and shuts down in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from controller.contract.comfort import Comfort, ComfortArgs
from controller.contract.commands import (
    ALWAYS,
    EXAMPLES,
    Action,
    AnswerArgs,
    Args,
    BadCommandError,
    Command,
    CommandValidator,
    LogVolumeArgs,
    Reply,
    SetVacuumArgs,
    SetWarmthArgs,
    StartArgs,
    StartDefaultsArgs,
)
from controller.contract.events import EndReason, SessionState
from controller.contract.impersonal import impersonal_action
from controller.contract.replies import limit_reply, reply
from controller.contract.session_record import History, HistoryError, SessionEdit
from controller.contract.stash import Stash, StashArgs
from controller.contract.uploads import ResolveUploadArgs, Uploads
from controller.safety.message import KeyedMessage, NotAllowedError, detail_of, message, message_of
from controller.service.acceptance import may_answer_all, raises, refusal
from controller.service.history_edits import edit_session, log_volume
from controller.service.station import Station
from controller.session.session import Session
from controller.session.step_context import Signal
from devices.errors import DeviceError, UncertainError
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

_END_SECONDS = 2.2  # for stopping every device and confirming it; the whole service ends within 3 s


class BackgroundService(Protocol):
    """Something that runs beside the stations, such as the MQTT bridge."""

    async def run(self) -> None:
        """Run until cancelled; then clean up."""


class Service:
    """Runs stations and background services. `handle` carries out every command from outside.

    `remote_raise`: whether commands may raise a vacuum. They may start and lower in any case. `history`: where sessions
    are kept, if they are. `uploads`: what is sent to another program, if something is. `parts_clean`: takes note that
    the parts of a station are clean, if there is a reminder of it. `comfort`, `stash`: what is learned, and the stored
    milk, where a history is kept. `epoch`: of the lease of the stations in a fleet; replies carry it.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        *,
        remote_raise: bool = True,
        history: History | None = None,
        uploads: Uploads | None = None,
        parts_clean: Callable[[str], Awaitable[None]] | None = None,
        comfort: Comfort | None = None,
        stash: Stash | None = None,
        epoch: int | None = None,
    ) -> None:
        self._remote_raise = remote_raise
        self._history = history
        self._uploads = uploads
        self._parts_clean = parts_clean
        self._comfort = comfort
        self._stash = stash
        self._epoch = epoch
        optional = (
            (Action.EDIT_SESSION, history, message("no_history")),
            (Action.RESOLVE_UPLOAD, uploads, message("no_uploads")),
            (Action.PARTS_CLEAN, parts_clean, message("no_reminders")),
            (Action.COMFORT, comfort, message("needs_history")),
            (Action.STASH, stash, message("needs_history")),
        )
        self._not_here = {action: why for action, part, why in optional if part is None}
        self.stations = {station.name: station for station in stations}
        self._closing = False
        self._winding_down = asyncio.Event()
        self._validators = {station.name: CommandValidator() for station in stations}
        for station in stations:
            station.reporter.allowed_actions = partial(self.allowed_actions, station)

    async def run(self, background: Sequence[BackgroundService] = ()) -> None:
        """Run until cancelled or wound down; then stop every device, end what runs beside, and close the links."""
        stations = [asyncio.create_task(s.run(), name=f"station {s.name}") for s in self.stations.values()]
        others = [asyncio.create_task(each.run(), name="background service") for each in background]
        idle = asyncio.create_task(self._wait_until_idle(), name="wind down")
        try:
            done, _ = await asyncio.wait([*stations, *others, idle], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # except for winding down, they only end with an error
        finally:
            self._closing = True
            await self._stop_everything()
            await _cancel([*others, idle])
            await _cancel(stations)

    def wind_down(self) -> None:
        """Refuse new sessions, and end `run` when those that are under way have ended."""
        self._winding_down.set()

    def closing_refusal(self) -> KeyedMessage | None:
        """Return why nothing starts any more; `None` while it may."""
        if self._closing:
            return message("shutting_down")
        return message("new_settings") if self._winding_down.is_set() else None

    async def _wait_until_idle(self) -> None:
        await self._winding_down.wait()
        for station in self.stations.values():
            await station.finished()

    async def handle(self, station_name: str, command: Command, args: Args, retained: bool = False) -> Reply:
        """Carry out a command, or reply why not. Never raises."""
        station = self.stations.get(station_name)
        if station is None:
            known = ", ".join(self.stations)
            error = BadCommandError(
                f"there is no station {station_name}; there are {known}", command.id, command.action
            )
            return error.reply
        session = station.body.active_session
        with span("handle command", station=station_name, action=impersonal_action(command.action)) as handling:
            found = await self._handle(station, command, args, retained=retained)
            handling.note(outcome=found.outcome)
        if self._epoch is not None:
            found = found.model_copy(update={"epoch": self._epoch})
        if found.session_id is None and session is not None:
            return found.model_copy(update={"session_id": session.id})
        return found

    async def _handle(self, station: Station, command: Command, args: Args, *, retained: bool) -> Reply:  # noqa: PLR0911 - one for each kind of failure
        words = station.words
        session_id = station.session.id if station.session is not None and station.running else None
        invalid = self._validators[station.name].refusal(command, retained=retained, session_id=session_id)
        refused = self._refusal(station, command.action, args) if invalid is None else NotAllowedError(invalid)
        if refused is not None:
            return reply(words, command, "refused", refused.message, detail=refused.detail)
        try:
            return await self._carry_out(station, command, args)
        except UncertainError as error:
            return reply(words, command, "failed", message_of(error), detail=detail_of(error))
        except NotAllowedError as error:
            return reply(words, command, "refused", error.message, detail=error.detail)
        except DeviceError as error:
            return reply(words, command, "refused", message_of(error), detail=detail_of(error))
        except HistoryError as error:
            return reply(words, command, "failed", message("history_unreachable"), detail=str(error))
        except Exception:
            _LOGGER.exception("the command %s failed", command.action.value)
            return reply(words, command, "failed", message("internal_error"))

    def allowed_actions(self, station: Station) -> tuple[str, ...]:
        """Return the names of those `EXAMPLES` that would not be refused now."""
        names = [name for name, (action, args) in EXAMPLES.items() if self._refusal(station, action, args) is None]
        return tuple(name for name in names if name != "answer_all" or may_answer_all(station))

    def _refusal(self, station: Station, action: Action, args: Args) -> NotAllowedError | None:
        """Return why a valid command is refused now; `None` where it is carried out."""
        if self._closing and action not in ALWAYS:
            return NotAllowedError(message("shutting_down"))
        if self._winding_down.is_set() and action is Action.START:
            return NotAllowedError(message("new_settings"))
        if not self._remote_raise and raises(station, action, args):
            return NotAllowedError(message("no_remote_raise"))
        if action in self._not_here:
            return NotAllowedError(self._not_here[action])
        return refusal(station, action, args)

    async def _carry_out(self, station: Station, command: Command, args: Args) -> Reply:  # noqa: PLR0911 - a table
        words = station.words
        match command.action, args:
            case ((Action.STOP | Action.PAIN), _):
                return await self._stop(station, command)
            case Action.START, StartArgs():
                session = station.start(args.routine, args.side, no_symptoms=args.no_symptoms)
                await station.flush()  # what is accepted survives a crash
                return reply(words, command, "accepted", session_id=session.id)
            case Action.ANSWER, AnswerArgs():
                return await self._answer(station, command, args)
            case Action.SET_START_DEFAULTS, StartDefaultsArgs():
                limit = station.set_start_defaults(args.routine, args.side, args.comfort_vacuum_mmhg)
                await station.flush()
                return limit_reply(words, command, limit)
            case Action.LOG_VOLUME, LogVolumeArgs():
                return await log_volume(station, self._history, command, args)
            case Action.EDIT_SESSION, SessionEdit() if self._history is not None:
                return await edit_session(station, self._history, command, args)
            case Action.RESOLVE_UPLOAD, ResolveUploadArgs() if self._uploads is not None:
                return await self._resolve(station, self._uploads, command, args)
            case ((Action.PARTS_CLEAN | Action.COMFORT | Action.STASH), _):
                await self._note(station.name, args)
                return reply(words, command, "accepted")
            case Action.ACKNOWLEDGE, _:
                return await self._acknowledge(station, command)
            case _ if station.session is not None:
                return await self._during_session(station, station.session, command, args)
        raise AssertionError("a command for a session is refused where there is none")

    async def _during_session(self, station: Station, session: Session, command: Command, args: Args) -> Reply:
        words = station.words
        match command.action:
            case Action.PAUSE | Action.RESUME | Action.SKIP | Action.NOT_YET | Action.START_SUCTION:
                session.signal(Signal(command.action.value))
                return reply(words, command, "accepted")
            case Action.LET_DOWN:
                session.context.measurements.record_let_down("tap")
                return reply(words, command, "accepted")
            case _ if isinstance(args, SetVacuumArgs):
                return limit_reply(words, command, await session.context.set_vacuum(args.mmhg))
            case _ if isinstance(args, SetWarmthArgs):
                return limit_reply(words, command, await session.context.set_warmth(args.celsius))
            case _:
                limit = await session.context.step_vacuum(up=command.action is Action.VACUUM_UP)
                return limit_reply(words, command, limit)

    async def _stop(self, station: Station, command: Command) -> Reply:
        """Stop everything. `failed` if a device did not confirm, or, after pain, was not reached."""
        results = dict(await station.stop(EndReason(command.action.value)))
        unconfirmed = {name: result for name, result in results.items() if result != "stopped"}
        why = [message(f"not_stopped_{result}", device=name) for name, result in unconfirmed.items()]
        pain = command.action is Action.PAIN
        failed = any(result == "uncertain" for result in unconfirmed.values()) or (pain and bool(unconfirmed))
        if pain and unconfirmed:
            station.reporter.show_not_reached(list(unconfirmed))
        return reply(station.words, command, "failed" if failed else "accepted", *why, devices=results)

    async def _acknowledge(self, station: Station, command: Command) -> Reply:
        still_on = station.body.acknowledge()
        await station.flush()
        if still_on:
            return reply(station.words, command, "failed", message("still_runs", devices=", ".join(still_on)))
        return reply(station.words, command, "accepted")

    async def _resolve(self, station: Station, uploads: Uploads, command: Command, args: ResolveUploadArgs) -> Reply:
        found = await uploads.resolve(args.session_id, args.how, station.name)
        if not found and args.session_id != "all":
            return reply(station.words, command, "refused", message("no_such_upload"))
        return reply(station.words, command, "accepted")

    async def _note(self, station: str, args: Args) -> None:
        """Pass on what is recorded elsewhere. Raise `NotAllowedError` where it does not fit, else `HistoryError`."""
        match args:
            case ComfortArgs() if self._comfort is not None:
                await self._comfort.decide(station, args.what)
            case StashArgs() if self._stash is not None:
                await self._stash.move(station, args)
            case _ if self._parts_clean is not None:
                await self._parts_clean(station)

    async def _answer(self, station: Station, command: Command, args: AnswerArgs) -> Reply:
        problem = station.body.answer(args.question, args.value)
        if problem is not None:
            return reply(station.words, command, "refused", problem)
        session = station.body.active_session
        if args.value and session is not None and session.state not in (SessionState.IDLE, SessionState.CHECKING):
            await station.stop(EndReason.SYMPTOM)
        await station.flush()
        return reply(station.words, command, "accepted")

    async def _stop_everything(self) -> None:
        """Stop all stations concurrently, and wait for their sessions to end, at most `_END_SECONDS`."""

        async def end(station: Station) -> None:
            await station.stop(EndReason.SHUT_DOWN)
            await station.finished()

        tasks = [asyncio.create_task(end(station)) for station in self.stations.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
            if late:
                _LOGGER.error("not every device confirmed that it stopped: switch them off at their buttons")
            for task in late:
                task.cancel()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
