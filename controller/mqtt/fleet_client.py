"""A client of all stations of a fleet: reads what their controllers publish, and passes commands on.

A retained message says what was; only one that is not retained shows that its publisher is there. A message that finds
the queue full ends the connection: with the next one, the broker sends all that it retains.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import UTC, datetime
from typing import Protocol

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from controller.contract.commands import ALWAYS, Command, Reply
from controller.contract.events import Snapshot
from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.client_loop import ClientLoop
from controller.mqtt.instance import Instance, read_instance
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.station_client import read_item
from controller.mqtt.topics import Topics

ANSWER_SECONDS = 6.0  # for the answer to a command; a device has 2 s to confirm that it stopped
_AGAIN_SECONDS = 1.0  # a stop without an answer is sent again
_MOST_MESSAGES = 20_000
_REFUSED_GRANT = 128  # and above, in the answer to a subscription


class NotSentError(Exception):
    """A command was not sent: there is no connection to a broker."""


class FleetListener(Protocol):
    """Receives what the controllers of a fleet publish. `live`: it was published now, and not retained before."""

    def on_state(self, snapshot: Snapshot, *, live: bool) -> None:
        """Take the state of a station."""

    def on_device(self, station: str, device: str, *, online: bool, live: bool) -> None:
        """Take whether a device answers."""

    def on_status(self, node: str, *, online: bool) -> None:
        """Take whether a controller, or one of the parts that it has for each body, is connected."""

    def on_instance(self, node: str, instance: Instance | None) -> None:
        """Take what a controller, or such a part, announces; `None`: it ended in order."""

    def on_contact(self, in_contact: bool) -> None:
        """Take whether there is a connection to a broker."""


class _FleetInbox(asyncio.Queue[aiomqtt.Message]):
    """Messages that wait to be read. aiomqtt fills it."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize or _MOST_MESSAGES)
        self.is_incomplete = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Add a message, or note that one is missing."""
        if self.full():
            self.is_incomplete = True
        else:
            super().put_nowait(item)


async def _subscribe(client: aiomqtt.Client, filters: list[str]) -> None:
    """Subscribe, or raise: a page that misses a part of the stations must not look as if there were no more."""
    codes = await client.subscribe([(each, 1) for each in filters])
    granted = [code.value if isinstance(code, ReasonCode) else code for code in codes]
    if refused := [each for each, code in zip(filters, granted, strict=False) if code >= _REFUSED_GRANT]:
        remedy = "log in as a user that may read all stations, such as view or operate"
        raise CredentialsError(f"does not let us subscribe to {', '.join(refused)}", remedy)


class FleetClient:
    """Follows all stations while `run` runs, and reconnects for ever. `problem`: why no broker can be used now."""

    def __init__(self, settings: MqttSettings, listener: FleetListener) -> None:
        self._topics = Topics(settings.base_topic)
        self._listener = listener
        self._loop = ClientLoop(settings, f"letdown-page-{uuid.uuid4().hex[:8]}", _FleetInbox)
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._broken = asyncio.Event()
        self._replies: dict[tuple[str, str], set[asyncio.Future[Reply]]] = {}

    @property
    def problem(self) -> str | None:
        """Why no broker can be used now; `None`: one can."""
        return self._loop.problem

    async def run(self) -> None:
        """Connect, and follow the stations, until cancelled."""
        await self._loop.run(self._serve)

    async def send(self, station: str, command: Command) -> Reply | None:
        """Publish a command at QoS 1, and return the reply; `None` if none came within `ANSWER_SECONDS`.

        A stop or pain is published again every second until then. One that a broker does not take within a second ends
        that connection, so that it goes to the next one. Raise `NotSentError` where there is no connection.
        """
        if self._client is None:
            raise NotSentError
        id_ = command.id or uuid.uuid4().hex
        command = command.model_copy(update={"id": id_})
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting = self._replies.setdefault((station, id_), set())
        waiting.add(reply)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answered(station, command, reply)
        except TimeoutError:
            return None
        finally:
            waiting.discard(reply)
            if not waiting:
                self._replies.pop((station, id_), None)

    async def _answered(self, station: str, command: Command, reply: asyncio.Future[Reply]) -> Reply:
        if command.action not in ALWAYS:
            sent = command.model_copy(update={"sent": command.sent or datetime.now(UTC)})  # a late one starts nothing
            await self._publish(station, sent)
            return await reply
        while True:
            await self._publish(station, command)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_SECONDS):
                    return await asyncio.shield(reply)
            await self._connected.wait()

    async def _publish(self, station: str, command: Command) -> None:
        client = self._client
        if client is None:
            return
        payload = command.model_dump_json(exclude_none=True)
        try:
            await client.publish(self._topics.command(station), payload, qos=1, timeout=_AGAIN_SECONDS)
        except (aiomqtt.MqttError, TimeoutError):
            if client is self._client:
                self._broken.set()

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _serve(self, client: aiomqtt.Client) -> None:
        topics = self._topics
        filters = [f"{topics.base}/+/{leaf}" for leaf in ("state", "reply", "device/+/availability")]
        filters += [topics.of_all_controllers(leaf) for leaf in ("status", "instance")]
        self._broken.clear()
        self._listener.on_contact(True)
        receiving = asyncio.create_task(self._receive(client), name="messages of the fleet")
        breaking = asyncio.create_task(self._broken.wait())
        try:
            await _subscribe(client, filters)
            self._client = client
            self._connected.set()
            await asyncio.wait({receiving, breaking}, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                receiving.result()
        finally:
            self._client = None
            self._connected.clear()
            for task in (receiving, breaking):
                task.cancel()
            await asyncio.gather(receiving, breaking, return_exceptions=True)
            self._listener.on_contact(False)

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Read messages until the connection ends, or one is missing."""
        waiting = client._queue
        async for message in client.messages:
            levels = message.topic.value.removeprefix(f"{self._topics.base}/").split("/")
            self._on_message(levels, bytes(message.payload), live=not message.retain)
            if isinstance(waiting, _FleetInbox) and waiting.is_incomplete:
                return

    def _on_message(self, levels: list[str], payload: bytes, *, live: bool) -> None:
        listener = self._listener
        match levels:
            case ["controller", node, "status"]:
                listener.on_status(node, online=payload == b"online")
            case ["controller", node, "instance"]:
                listener.on_instance(node, read_instance(payload))
            case [station, "state"]:
                snapshot = read_item(Snapshot, payload)
                if isinstance(snapshot, Snapshot) and snapshot.station == station:
                    listener.on_state(snapshot, live=live)
            case [station, "device", device, "availability"]:
                listener.on_device(station, device, online=payload == b"online", live=live)
            case [station, "reply"]:
                self._on_reply(station, payload)

    def _on_reply(self, station: str, payload: bytes) -> None:
        reply = read_item(Reply, payload)
        if isinstance(reply, Reply) and reply.id is not None:
            for waiting in self._replies.get((station, reply.id), ()):
                if not waiting.done():
                    waiting.set_result(reply)
