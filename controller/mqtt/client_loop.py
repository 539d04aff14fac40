"""Keeps a client connected: to the brokers of the settings in turn, for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiomqtt

from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.connection import STABLE_SECONDS, Inbox, connection, explain, may_need_mqtt_3
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.reconnect import Reconnect

_LOGGER = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 5.0


class ClientLoop:
    """Connects as `name` while `run` runs. `problem`: why no broker can be used now; `None`: one can.

    `queue_type`: where messages wait until they are read.
    """

    def __init__(
        self, settings: MqttSettings, name: str, queue_type: type[asyncio.Queue[aiomqtt.Message]] = Inbox
    ) -> None:
        self.problem: str | None = None
        self._settings = settings
        self._name = name
        self._queue_type = queue_type
        self._reconnect = Reconnect(len(settings.brokers), _FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS)
        self._protocols: dict[BrokerUrl, aiomqtt.ProtocolVersion] = {}

    async def run(self, serve: Callable[[aiomqtt.Client], Awaitable[None]]) -> None:
        """Connect, and `serve` each connection until it ends, until cancelled. An error of a connection is no end."""
        loop, brokers, turn = asyncio.get_running_loop(), self._settings.brokers, 0
        while True:
            broker, began = brokers[turn % len(brokers)], loop.time()
            try:
                await self._serve(broker, serve)
            except (aiomqtt.MqttError, OSError, CredentialsError) as error:
                first_try = broker not in self._protocols and may_need_mqtt_3(error)
                problem = str(explain(broker, error, username=broker.username or self._settings.username))
                if first_try:
                    self._protocols[broker] = aiomqtt.ProtocolVersion.V311
                    continue
                # A broker that is away for a day is one warning, not thousands.
                _LOGGER.log(logging.DEBUG if problem == self.problem else logging.WARNING, "%s", problem)
                self.problem = problem
            if loop.time() - began > STABLE_SECONDS:
                self._reconnect.reset()
            await self._reconnect.wait(0.0)
            turn += 1

    async def _serve(self, broker: BrokerUrl, serve: Callable[[aiomqtt.Client], Awaitable[None]]) -> None:
        protocol = self._protocols.get(broker, aiomqtt.ProtocolVersion.V5)
        async with connection(
            broker, self._settings, identifier=self._name, protocol=protocol, queue_type=self._queue_type
        ) as client:
            self._protocols[broker] = protocol
            self.problem = None
            await serve(client)
