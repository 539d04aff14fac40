"""The service: stations and the MQTT bridge together, commands carried out, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Protocol

from controller.commands import (
    ALWAYS,
    Action,
    AnswerArgs,
    Args,
    ChooseArgs,
    Command,
    CommandValidator,
    LogVolumeArgs,
    Outcome,
    Reply,
    SetVacuumArgs,
    StartArgs,
)
from controller.events import SessionState
from controller.safety import Limit
from controller.session import SHUT_DOWN, SYMPTOM, Session
from controller.stage import Signal
from controller.station import RefusedStartError, Station
from devices.errors import DeviceError, UncertainError

_LOGGER = logging.getLogger(__name__)

_NO_RAISE = "your settings refuse raising from the network (limits.remote_raise); lowering and stopping always work"
_MISSED = {
    "unconfirmed": "{device} cannot say whether it stopped: see for yourself",
    "uncertain": "{device} did not confirm that it stopped: take it off, and switch it off at its button",
    "uncontrolled": "{device} cannot be stopped from here: see for yourself that it is off",
    "unreachable": "{device} was not reached: see for yourself that it is off, or switch it off at its button",
}
_END_SECONDS = 2.2  # for stopping every device and confirming it; the whole service ends within 3 s


class Watcher(Protocol):
    """Something that tells others, such as the MQTT bridge."""

    async def run(self) -> None:
        """Run until cancelled; say goodbye then."""


class Service:
    """Runs stations and watchers. `handle` is where every command from outside comes in.

    `remote_raise`: whether such a command may raise a vacuum. It may start and lower in any case.
    """

    def __init__(self, stations: Sequence[Station], *, remote_raise: bool = True) -> None:
        self._remote_raise = remote_raise
        self.stations = {station.name: station for station in stations}
        self._closing = False
        self._winding_down = asyncio.Event()
        self._validators = {station.name: CommandValidator() for station in stations}

    async def run(self, watchers: Sequence[Watcher] = ()) -> None:
        """Run until cancelled or wound down.

        Then stop every device, let the watchers say goodbye, and close the links, in order.
        """
        stations = [asyncio.create_task(s.run(), name=f"station {s.name}") for s in self.stations.values()]
        watching = [asyncio.create_task(watcher.run(), name="watcher") for watcher in watchers]
        quiet = asyncio.create_task(self._quiet(), name="wind down")
        try:
            done, _ = await asyncio.wait([*stations, *watching, quiet], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # but for winding down, none of them ends by itself, but by an error
        finally:
            self._closing = True
            await self._stop_everything()
            await _cancel([*watching, quiet])
            await _cancel(stations)

    def wind_down(self) -> None:
        """Let no new session start, and end `run` when those that are under way have ended."""
        self._winding_down.set()

    async def _quiet(self) -> None:
        await self._winding_down.wait()
        for station in self.stations.values():
            await station.finished()

    async def handle(self, station_name: str, command: Command, args: Args, *, retained: bool = False) -> Reply:
        """Carry out a command, or say why not. Never raises."""
        station = self.stations.get(station_name)
        if station is None:
            return _reply(command, "refused", f"there is no station {station_name}")
        session_id = station.session.id if station.session is not None and station.running else None
        refusal = self._validators[station_name].refusal(command, retained=retained, session_id=session_id)
        if refusal is None and self._closing and command.action not in ALWAYS:
            refusal = "the controller is shutting down"
        if refusal is None and self._winding_down.is_set() and command.action is Action.START:
            refusal = "new settings are being taken over; try again in a moment"
        if refusal is None and not self._remote_raise and _raises(station, command, args):
            refusal = _NO_RAISE
        if refusal is not None:
            return _reply(command, "refused", refusal)
        try:
            return await self._do(station, command, args)
        except UncertainError as error:
            return _reply(command, "failed", str(error))
        except (RefusedStartError, DeviceError) as error:
            return _reply(command, "refused", str(error))
        except Exception:
            _LOGGER.exception("the command %s failed", command.action.value)
            return _reply(command, "failed", "an error in the controller; see its log")

    async def _do(self, station: Station, command: Command, args: Args) -> Reply:  # noqa: PLR0911 - a table
        match command.action, args:
            case ((Action.STOP | Action.PAIN), _):
                return await self._stop(station, command)
            case Action.START, StartArgs():
                session = station.start(args.routine, args.side, no_symptoms=args.no_symptoms)
                await station.kept()  # what is accepted is not forgotten, whatever comes next
                return _reply(command, "accepted").model_copy(update={"session_id": session.id})
            case Action.ANSWER, AnswerArgs():
                return await self._answer(station, command, args)
            case Action.CHOOSE, ChooseArgs():
                limit = await station.choose(args.routine, args.side, args.comfort_vacuum_mmhg)
                await station.kept()
                return _limited(command, limit)
            case Action.LOG_VOLUME, LogVolumeArgs():
                station.log_volume(args.left_ml, args.right_ml)
                return _reply(command, "accepted")
            case Action.ACKNOWLEDGE, _:
                return await self._acknowledge(station, command)
            case _:
                return await self._during_session(station, command, args)

    async def _during_session(self, station: Station, command: Command, args: Args) -> Reply:  # noqa: PLR0911 - a table
        session = station.session
        if session is None or not station.running:
            return _reply(command, "refused", "no session is running")
        match command.action:
            case Action.RESUME if session.state is not SessionState.PAUSED:
                return _reply(command, "refused", "the session is not paused")
            case Action.PAUSE | Action.RESUME | Action.SKIP:
                session.signal(Signal(command.action.value))
                return _reply(command, "accepted")
            case Action.NOT_YET | Action.START_SUCTION if not session.waits_for_flange:
                return _reply(command, "refused", "no pump is waiting for the flange now")
            case Action.NOT_YET | Action.START_SUCTION:
                session.signal(Signal(command.action.value))
                return _reply(command, "accepted")
            case Action.LET_DOWN:
                session.tap_let_down()
                return _reply(command, "accepted")
            case _:
                return await self._set_vacuum(session, command, args)

    async def _set_vacuum(self, session: Session, command: Command, args: Args) -> Reply:
        if isinstance(args, SetVacuumArgs):
            limit = await session.set_vacuum(args.mmhg)
        else:
            limit = await session.nudge(up=command.action is Action.VACUUM_UP)
        return _limited(command, limit)

    async def _stop(self, station: Station, command: Command) -> Reply:
        """Stop everything. A device that did not confirm, or after pain was not reached, makes it `failed`."""
        results = dict(await station.stop(command.action.value))
        missed = {name: result for name, result in results.items() if result != "stopped"}
        reasons = tuple(_MISSED[result].format(device=name) for name, result in missed.items())
        pain = command.action is Action.PAIN
        failed = any(result == "uncertain" for result in missed.values()) or (pain and bool(missed))
        if pain and missed:
            station.say_not_reached(list(missed))
        reply = _reply(command, "failed" if failed else "accepted", *reasons)
        return reply.model_copy(update={"devices": results})

    async def _acknowledge(self, station: Station, command: Command) -> Reply:
        there_was, still_on = station.acknowledge()
        await station.kept()
        if still_on:
            words = f"{', '.join(still_on)} says that it still runs: take it off, and switch it off at its button"
            return _reply(command, "failed", words)
        words_ = () if there_was else ("nothing has tripped, and nothing is uncertain",)
        return _reply(command, "accepted" if there_was else "refused", *words_)

    async def _answer(self, station: Station, command: Command, args: AnswerArgs) -> Reply:
        trouble = station.answer(args.question, args.value)
        if trouble is not None:
            return _reply(command, "refused", trouble)
        session = station.under_way
        if args.value and session is not None and session.state not in (SessionState.IDLE, SessionState.CHECKING):
            await station.stop(SYMPTOM)
        await station.kept()
        return _reply(command, "accepted")

    async def _stop_everything(self) -> None:
        """Stop all stations side by side, and wait for their sessions to end, for as long as there is time."""

        async def end(station: Station) -> None:
            await station.stop(SHUT_DOWN)
            await station.finished()

        tasks = [asyncio.create_task(end(station)) for station in self.stations.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
            if late:
                _LOGGER.error("not every device confirmed that it stopped: switch them off at their buttons")
            for task in late:
                task.cancel()


def _reply(command: Command, outcome: Outcome, *reasons: str) -> Reply:
    return Reply(id=command.id, action=command.action.value, outcome=outcome, reasons=reasons)


def _raises(station: Station, command: Command, args: Args) -> bool:
    """Say whether a command asks for more than there is now. What a routine does by itself is not asked for."""
    session = station.session
    asked_mmhg = session.asked_mmhg if session is not None and station.running else None
    match args:
        case SetVacuumArgs():
            return asked_mmhg is not None and args.mmhg > asked_mmhg
        case ChooseArgs():
            return args.comfort_vacuum_mmhg is not None and args.comfort_vacuum_mmhg > station.comfort_mmhg
        case _:
            return command.action is Action.VACUUM_UP


def _limited(command: Command, limit: Limit | None) -> Reply:
    if limit is None or not limit.limited:
        return _reply(command, "accepted")
    unit = "(level)" if limit.quantity == "level" else "mmHg"
    return _reply(command, "limited", *(f"{limit.allowed:g} {unit}: {reason.words}" for reason in limit.reasons))


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
