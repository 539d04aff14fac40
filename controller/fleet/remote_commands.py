"""Passes commands of the page of a fleet on to the controllers, over MQTT."""

from __future__ import annotations

from controller.contract.commands import Args, Command, Reply
from controller.contract.replies import reply
from controller.contract.words import Words
from controller.mqtt.fleet_client import FleetClient, NotSentError
from controller.safety.message import message


class RemoteCommands:
    """Commands to any station. `handle` never raises."""

    def __init__(self, client: FleetClient, words: Words) -> None:
        self._client = client
        self._words = words

    async def handle(self, station: str, command: Command, _args: Args, _retained: bool) -> Reply:
        """Pass a command on, and return the answer; or that it was not sent, or not answered."""
        try:
            answer = await self._client.send(station, command)
        except NotSentError:
            return reply(self._words, command, "failed", message("not_sent"))
        return answer or reply(self._words, command, "failed", message("unanswered"))
