"""A client of one station: reads what its controller publishes, knows how fresh that is, and sends commands.

A retained message may be old: only an answer of the controller to a ping, or a message that is not retained, is
contact.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

import aiomqtt
from pydantic import BaseModel, JsonValue, ValidationError

from controller.contract.commands import ALWAYS, STARTING, Action, Reply
from controller.contract.events import DeviceView, Event, Guide, Snapshot, StartDefaults, Telemetry
from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.client_loop import ClientLoop
from controller.mqtt.instance import read_instance
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.topics import Topics

FRESH_SECONDS = 5.0  # without any sign of the controller for this long, nothing is known any more
_PING_SECONDS = 1.5
_REPEAT_STOP_SECONDS = 1.0
_REPLY_SECONDS = 5.0
_DISCOVERY_SECONDS = 1.5  # for the broker to send retained states

_LEVELS = 3  # of a topic of a controller or a device, below the base topic or the station
# Why there is no contact: no connection to a broker, or no sign of the controller.
NoContact = Literal["broker", "controller"]
_LEAVES: dict[str, type[BaseModel]] = {
    "state": Snapshot,
    "guide": Guide,
    "event": Event,
    "start_defaults": StartDefaults,
}
_DEVICE_LEAVES: dict[str, type[BaseModel]] = {"state": DeviceView, "telemetry": Telemetry}


class SeveralStationsError(ValueError):
    """The broker has several stations. `str()` names them."""


class StationClient:
    """Follows one station while `run` runs, and reconnects for ever. `station`: by default the only one there is.

    `on_item(item, retained)`: called with each item. `on_contact(why)`: called with `None` when there is contact, and
    with why not when it is lost; what was known before is then old. `problem`: why no broker can be used now.
    """

    def __init__(
        self,
        settings: MqttSettings,
        station: str | None,
        on_item: Callable[[BaseModel, bool], None],
        on_contact: Callable[[NoContact | None], None],
    ) -> None:
        self.station = station
        self._on_item = on_item
        self._on_contact = on_contact
        self._name = f"letdown-watch-{uuid.uuid4().hex[:8]}"
        self._topics = Topics(settings.base_topic)
        self._loop = ClientLoop(settings, self._name)
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self._no_contact: NoContact | None = "broker"
        self._seen_seconds: float | None = None
        self._session: str | None = None
        self._nodes: dict[str, tuple[str, ...]] = {}  # the stations of each controller
        self._found: set[str] = set()
        self._replies: dict[str, asyncio.Future[Reply]] = {}

    @property
    def problem(self) -> str | None:
        """Why no broker can be used now; `None`: one can."""
        return self._loop.problem

    @property
    def in_contact(self) -> bool:
        """Whether what was received last is fresh."""
        return self._no_contact is None

    async def run(self) -> None:
        """Connect, and follow the station, until cancelled. Raise `SeveralStationsError` where one must be named."""
        await self._loop.run(self._serve)

    async def send(self, action: Action, args: Mapping[str, JsonValue]) -> Reply | None:
        """Send a command, and return the reply; `None` if none came in time.

        A stop or pain is repeated until a reply comes, also after a new connection. Without contact, anything else is
        refused here: it would be carried out late, which is not expected.
        """
        id_ = uuid.uuid4().hex
        if action not in ALWAYS and not self.in_contact:
            return None
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._replies[id_] = reply
        message: dict[str, JsonValue] = {"id": id_, "action": action.value}
        if action not in ALWAYS:
            message |= {"args": dict(args)}
            if self._session is not None and action is not Action.START:
                message["session"] = self._session
        if action in STARTING or action is Action.VACUUM_UP:
            message["sent"] = datetime.now(UTC).isoformat()  # a message that was held up on its way starts nothing
        try:
            if action in ALWAYS:
                return await self._send_until_reply(json.dumps(message), reply)
            await self._publish(json.dumps(message))
            async with asyncio.timeout(_REPLY_SECONDS):
                return await reply
        except TimeoutError:
            return None
        finally:
            self._replies.pop(id_, None)

    async def _send_until_reply(self, message: str, reply: asyncio.Future[Reply]) -> Reply:
        while True:
            if self.station is not None:
                await self._publish(message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REPEAT_STOP_SECONDS):
                    return await asyncio.shield(reply)
            if not self._connected.is_set():
                await self._connected.wait()

    async def _publish(self, message: str) -> None:
        """Publish a command, if there is a connection; whether it arrived shows in the reply."""
        client = self._client
        if client is not None and self.station is not None:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                await client.publish(self._topics.command(self.station), message, qos=1, timeout=_REPEAT_STOP_SECONDS)

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _serve(self, client: aiomqtt.Client) -> None:
        self._nodes.clear()
        self._found.clear()
        self._seen_seconds = None
        try:
            if self.station is None:
                await client.subscribe(f"{self._topics.base}/+/state", qos=1)
            else:
                await self._subscribe(client)
            self._client = client
            self._connected.set()
            self._set_contact("controller")
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch_contact(client))
                await self._receive(client)
                watching.cancel()
        except* (aiomqtt.MqttError, OSError, CredentialsError, SeveralStationsError) as errors:
            raise errors.exceptions[0] from errors.exceptions[0].__cause__
        finally:
            self._client = None
            self._connected.clear()
            self._set_contact("broker")

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe to everything of the station; the broker sends what it retains, again, too."""
        assert self.station is not None  # noqa: S101 - for the type checker
        topics, station = self._topics, self.station
        names = [f"{topics.base}/{station}/{leaf}" for leaf in (*_LEAVES, "reply")]
        names += [f"{topics.base}/{station}/device/+/{leaf}" for leaf in ("state", "availability", "telemetry")]
        names += [topics.of_all_controllers(leaf) for leaf in ("status", "instance", "pong")]
        await client.subscribe([(name, 1) for name in names])

    async def _watch_contact(self, client: aiomqtt.Client) -> None:
        """Ping the controller regularly, and notice when it does not answer."""
        loop = asyncio.get_running_loop()
        if self.station is None:
            await asyncio.sleep(_DISCOVERY_SECONDS)
            while not self._found:  # noqa: ASYNC110 - a controller may be started any time
                await asyncio.sleep(0.2)
            if len(self._found) > 1:
                names = ", ".join(sorted(self._found))
                raise SeveralStationsError(f"there are several stations: {names}; name one of them with --station")
            self.station = next(iter(self._found))
            await self._subscribe(client)
        while True:
            for node in self._serving() or ():
                await client.publish(self._topics.ping(node), self._name, qos=0)
            await asyncio.sleep(_PING_SECONDS)
            seen = self._seen_seconds
            if seen is not None and loop.time() - seen > FRESH_SECONDS:
                self._lose()

    def _serving(self) -> list[str]:
        """Return the controllers that announce this station, or else all of them."""
        mine = [node for node, stations in self._nodes.items() if self.station in stations]
        return mine or list(self._nodes)

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            levels = message.topic.value.removeprefix(f"{self._topics.base}/").split("/")
            payload, retained = bytes(message.payload), bool(message.retain)
            if levels[0] == "controller" and len(levels) == _LEVELS:
                await self._on_controller(client, levels[1], levels[2], payload, retained=retained)
            elif self.station is None:
                if payload:
                    self._found.add(levels[0])
            elif levels[0] == self.station:
                await self._on_station(client, levels[1:], payload, retained=retained)

    async def _on_controller(
        self, client: aiomqtt.Client, node: str, leaf: str, payload: bytes, *, retained: bool
    ) -> None:
        if leaf == "instance":
            instance = read_instance(payload)
            if instance is not None:
                self._nodes[node] = instance.stations
                await client.publish(self._topics.ping(node), self._name, qos=0)
            elif self.station in self._nodes.pop(node, ()):
                self._lose()
        elif leaf == "status" and payload == b"offline" and node in self._serving():
            self._lose()
        elif leaf == "pong" and not retained:
            instance = read_instance(payload)
            if instance is not None and self.station in instance.stations:
                await self._see(client)

    async def _on_station(self, client: aiomqtt.Client, levels: list[str], payload: bytes, *, retained: bool) -> None:
        if levels == ["reply"]:
            self._on_reply(payload)
            return
        kind = _LEAVES.get(levels[0]) if len(levels) == 1 else None
        if len(levels) == _LEVELS and levels[0] == "device":
            kind = _DEVICE_LEAVES.get(levels[2])
        if not retained:
            await self._see(client)
        item = None if kind is None else read_item(kind, payload)
        if item is None:
            return
        if isinstance(item, Snapshot):
            self._session = item.session_id if item.running else None
        self._on_item(item, retained)

    async def _see(self, client: aiomqtt.Client) -> None:
        """Note a sign of the controller. After silence, ask the broker for everything again."""
        was_silent = self._no_contact is not None
        self._seen_seconds = asyncio.get_running_loop().time()
        if was_silent:
            self._set_contact(None)
            await self._subscribe(client)

    def _lose(self) -> None:
        """Note that the controller has ended, or does not answer."""
        self._seen_seconds = None
        self._set_contact("controller")

    def _set_contact(self, why: NoContact | None) -> None:
        if why != self._no_contact or why == "broker":
            self._no_contact = why
            self._on_contact(why)

    def _on_reply(self, payload: bytes) -> None:
        reply = read_item(Reply, payload)
        if isinstance(reply, Reply) and reply.id is not None:
            waiting = self._replies.get(reply.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply)


def read_item(kind: type[BaseModel], payload: bytes) -> BaseModel | None:
    """Return the model in a payload; `None` if it does not fit. What a newer controller may add is left out."""
    try:
        data = json.loads(payload)
        if not isinstance(data, dict):
            return None
        return kind.model_validate_json(json.dumps({k: v for k, v in data.items() if k in kind.model_fields}))
    except (ValueError, ValidationError, RecursionError):
        return None
