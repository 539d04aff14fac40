"""A broker inside a test, for plugs: messages, what is retained, and what goes wrong with it. It takes no real time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from devices.errors import LinkLostError, UncertainError
from devices.plugs.broker_connection import ReceivedMessage
from devices.plugs.plug_protocol import PlugMessage
from tests.helpers.plug_simulators import SimulatedPlug


@dataclass
class MessageBus:
    """`published`: topic, payload and QoS of all that a link published. `up`: False refuses and ends connections.

    `passes`: False while messages get lost both ways, without any notice. `holds`: whether a message to the plug is
    kept until `deliver`.
    """

    plug: SimulatedPlug | None = None
    retained: dict[str, str] = field(default_factory=dict)
    published: list[tuple[str, str, int]] = field(default_factory=list)
    passes: bool = True
    holds: Callable[[str, str], bool] = lambda _topic, _payload: False
    held: list[tuple[str, str]] = field(default_factory=list)
    _up: bool = True
    _open: list[BusConnection] = field(default_factory=list)

    @property
    def up(self) -> bool:
        return self._up

    @up.setter
    def up(self, up: bool) -> None:
        self._up = up
        if not up:
            for each in self._open:
                each.queue.put_nowait(None)

    def send(self, topic: str, payload: str, retain: bool = False) -> None:
        """Publish, as a plug or anyone else does."""
        if retain:
            self.retained[topic] = payload
        if self.passes:
            for each in self._open:
                if any(_fits(pattern, topic) for pattern in each.topics):
                    each.queue.put_nowait(ReceivedMessage(topic, payload.encode()))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[BusConnection]:
        if not self.up:
            raise LinkLostError("the broker cannot be used")
        connection = BusConnection(self)
        self._open.append(connection)
        try:
            yield connection
        finally:
            self._open.remove(connection)

    def deliver(self) -> None:
        """Deliver what was held."""
        held, self.held = self.held, []
        for topic, payload in held:
            self._to_plug(topic, payload)

    def take(self, publication: PlugMessage, qos: int) -> None:
        self.published.append((publication.topic, publication.payload, qos))
        if not self.passes:
            return
        if self.holds(publication.topic, publication.payload):
            self.held.append((publication.topic, publication.payload))
            return
        self._to_plug(publication.topic, publication.payload)

    def _to_plug(self, topic: str, payload: str) -> None:
        plug = self.plug
        if plug is not None and any(_fits(each, topic) for each in plug.subscriptions):
            asyncio.get_running_loop().call_soon(plug.receive, topic, payload)


@dataclass
class BusConnection:
    """`devices.plugs.broker_connection.BrokerConnection`."""

    bus: MessageBus
    topics: set[str] = field(default_factory=set)
    queue: asyncio.Queue[ReceivedMessage | None] = field(default_factory=asyncio.Queue)

    async def subscribe(self, topics: Sequence[str]) -> None:
        self.topics |= set(topics)
        for topic, payload in self.bus.retained.items():
            if any(_fits(pattern, topic) for pattern in topics):
                self.queue.put_nowait(ReceivedMessage(topic, payload.encode(), retained=True))

    async def publish(self, publication: PlugMessage, *, qos: int) -> None:
        if not self.bus.up:
            raise UncertainError("the broker did not acknowledge a message")
        self.bus.take(publication, qos)

    def publish_now(self, publication: PlugMessage) -> None:
        if not self.bus.up:
            raise LinkLostError("there is no connection to the broker")
        self.bus.take(publication, 1)

    async def messages(self) -> AsyncIterator[ReceivedMessage]:
        while (message := await self.queue.get()) is not None:
            yield message


def _fits(pattern: str, topic: str) -> bool:
    wanted, given = pattern.split("/"), topic.split("/")
    return len(wanted) == len(given) and all(one in ("+", other) for one, other in zip(wanted, given, strict=True))
