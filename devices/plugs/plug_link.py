"""The connection to one plug, through the broker: opened, lost, opened again. Carries messages, not their meaning."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.lane import Lane
from devices.errors import DeviceError, LinkLostError
from devices.plugs.broker_connection import BrokerConnection, OpenBroker, ReceivedMessage
from devices.plugs.plug_protocol import PlugMessage
from devices.roles import LinkState
from devices.support.clock import Clock
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 30.0


class PlugLink:
    """`DeviceConnection` to a plug. A lost broker is a lost link, and so is a plug that went offline.

    `on_connected` is awaited once the topics are subscribed to, and before commands are accepted; if it raises, the
    connection is given up, and opened again later. `on_message` gets every message of the topics.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        open_broker: OpenBroker,
        topics: Sequence[str],
        on_message: Callable[[ReceivedMessage], None],
        on_connected: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.state = LinkState.SEARCHING
        self.problem: str | None = None
        self.lane = Lane()
        self.advertisement: Advertisement | None = None
        self._clock = clock
        self._open_broker = open_broker
        self._topics = topics
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_change = on_change
        self._client: BrokerConnection | None = None
        self._lost = asyncio.Event()
        self._why = ""

    @property
    def connected(self) -> bool:
        """Whether commands are accepted now."""
        return self.state is LinkState.CONNECTED

    @property
    def has_link(self) -> bool:
        """Whether there is a connection to the broker, even if the plug has not answered yet."""
        return self._client is not None and not self._lost.is_set()

    def drop(self, why: str = "the link was lost") -> None:
        """End the connection as if it were lost; `run` opens another."""
        self._why = self._why or why
        self._lost.set()
        if self.connected:
            self._set(LinkState.LOST)

    async def run(self) -> None:
        """Keep the plug connected, until cancelled. Try again after 1 s, and later after up to 30 s."""
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        try:
            while True:
                self._set(LinkState.CONNECTING)
                self._lost, self._why = asyncio.Event(), ""
                try:
                    async with self._open_broker() as client:
                        await self._hold(client)
                    backoff_seconds = _FIRST_BACKOFF_SECONDS
                except DeviceError as error:
                    self.problem = self._why or str(error)
                _LOGGER.info("%s: %s; connecting again in %g s", self.name, self.problem, backoff_seconds)
                self._set(LinkState.LOST)
                await self._clock.sleep(backoff_seconds)
                backoff_seconds = min(backoff_seconds * 2, _LONGEST_BACKOFF_SECONDS)
        finally:
            self._set(LinkState.CLOSED)

    async def publish(self, publications: Sequence[PlugMessage], *, qos: int) -> None:
        """Publish, and with QoS 1 wait until the broker has it. Raise `LinkLostError` or `UncertainError`."""
        with span("write", device=self.name, acknowledged=str(bool(qos)).lower()):
            for each in publications:
                await self._open_client().publish(each, qos=qos)

    def publish_now(self, publications: Sequence[PlugMessage]) -> None:
        """Publish with QoS 1 at once, and wait for nothing. Raise `LinkLostError`."""
        with span("write", device=self.name, acknowledged="false"):
            for each in publications:
                self._open_client().publish_now(each)

    def _open_client(self) -> BrokerConnection:
        if self._client is None or self._lost.is_set():
            raise LinkLostError(f"{self.name} is not connected")
        return self._client

    async def _hold(self, client: BrokerConnection) -> None:
        """Use one connection until it is lost. Raise `DeviceError` where the plug does not answer, or is refused."""
        self._client, lost = client, self._lost
        reader = asyncio.create_task(self._read(client, lost), name=f"messages of {self.name}")
        try:
            await client.subscribe(self._topics)
            await self._on_connected()
            if lost.is_set():
                raise LinkLostError(self._why)
            self.problem = None
            _LOGGER.info("%s is connected", self.name)
            self._set(LinkState.CONNECTED)
            await lost.wait()
            self.problem = self._why
        finally:
            lost.set()
            self._client = None
            self._set(LinkState.LOST)  # before the connection is closed, which may take a moment
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader

    async def _read(self, client: BrokerConnection, lost: asyncio.Event) -> None:
        async for message in client.messages():
            if lost.is_set():  # nothing counts that arrives after the connection was given up
                return
            self._on_message(message)
        if lost is self._lost:
            self.drop("the connection to the broker was lost")

    def _set(self, state: LinkState) -> None:
        if state is not self.state:
            self.state = state
            self._on_change()
