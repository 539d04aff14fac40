"""Has commands carried out, each in a task of its own: no client that goes away ends one, and no stop waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from controller.contract.commands import STARTING, Action, Args, Command, NoArgs, Reply
from controller.contract.commands_under_way import CommandsUnderWay
from controller.contract.handle import Handle
from controller.contract.impersonal import impersonal_action
from controller.contract.replies import reply
from controller.contract.words import Words
from controller.safety.message import KeyedMessage, message
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)


class StationCommands:
    """`handle(station, command, args, retained)` carries a command out and returns the reply.

    `start_refusal(station)`: why nothing may start at a station, or `None`.
    """

    def __init__(
        self, handle: Handle, words: Words, start_refusal: Callable[[str], KeyedMessage | None] = lambda _: None
    ) -> None:
        self._handle = handle
        self._words = words
        self._start_refusal = start_refusal
        self.under_way = CommandsUnderWay[Reply]()

    async def stop(self, station: str, action: Action, id_: str | None = None) -> Reply:
        """Carry out `stop` or `pain`."""
        return await self.carry_out(station, Command(id=id_, action=action), NoArgs())

    async def carry_out(self, station: str, command: Command, args: Args) -> Reply:
        """Carry out a command, also if the client goes away meanwhile. Raise `TooManyCommandsError`."""
        return await asyncio.shield(self.under_way.start(command.action, self._run(station, command, args)))

    def start_refusal(self, station: str) -> KeyedMessage | None:
        """Return why nothing may start at a station, whatever it is; `None` where the service decides."""
        return self._start_refusal(station)

    def cancel(self) -> None:
        """Cancel what is under way; stop and pain are carried out to their end."""
        self.under_way.cancel()

    async def _run(self, station: str, command: Command, args: Args) -> Reply:
        try:
            action = impersonal_action(command.action)
            with span("receive command", begins=True, interface="http", station=station, action=action):
                if command.action in STARTING and (reason := self._start_refusal(station)) is not None:
                    return reply(self._words, command, "refused", reason)
                return await self._handle(station, command, args, False)  # nothing is retained over HTTP
        except Exception:
            _LOGGER.exception("%s at %s failed", command.action, station)
            return reply(self._words, command, "failed", message("internal_error"))
