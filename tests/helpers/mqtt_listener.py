"""The other side: a plain MQTT client that records what it receives, and things to publish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

from controller.contract.commands import Args, Command, Reply
from controller.contract.event_data import StepStartedData
from controller.contract.events import DeviceView, Event, Guide, SessionState, Snapshot, Telemetry
from controller.mqtt.bridge import Bridge
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics
from devices.roles import LinkState, PumpReading, Side
from tests.helpers.patience import until

TOPICS = Topics("letdown", "test")
STATION = "home"


def snapshot(state: SessionState = SessionState.RUNNING, step: str | None = None, **more: Any) -> Snapshot:
    return Snapshot(station=STATION, state=state, step=step, **more)


def event(number: int) -> Event:
    data = StepStartedData(step="warm", index=number)
    return Event(id=str(number), station=STATION, session_id="s1", type=data.type, data=data)


def guide(**more: Any) -> Guide:
    return Guide(station=STATION, **more)


def device(*, available: bool = True, **reading: Any) -> DeviceView:
    return DeviceView(
        station=STATION,
        device="pump",
        profile="open-pump",
        side=Side.LEFT,
        link=LinkState.CONNECTED,
        available=available,
        reading=PumpReading(**reading),
    )


def telemetry(vacuum: float, device_name: str = "pump") -> Telemetry:
    return Telemetry(station=STATION, device=device_name, values={"vacuum_mmhg": vacuum})


class Ear:
    """A client that is subscribed to everything."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[aiomqtt.Message] = []
        self.puts_flange_on = True  # as soon as the guide asks for it
        self._puts_it_on = False

    def payloads(self, topic: str) -> list[str]:
        return [bytes(m.payload).decode() for m in self.heard if m.topic.value == topic]

    def values(self, topic: str) -> list[Any]:
        return [json.loads(payload) for payload in self.payloads(topic)]

    def events(self) -> list[int]:
        return [each["data"]["index"] for each in self.values(TOPICS.event(STATION))]

    def replies(self) -> list[dict[str, Any]]:
        return self.values(TOPICS.reply(STATION))

    def steps(self) -> list[str]:
        return [each["step"] for each in self.values(TOPICS.state(STATION))]

    async def until(self, topic: str, payload: str) -> None:
        await until(lambda: payload in self.payloads(topic)[-1:])

    async def command(self, payload: str | dict[str, Any], *, retain: bool = False) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        await self.client.publish(TOPICS.command(STATION), text, 1, retain)

    async def listen(self) -> None:
        with contextlib.suppress(aiomqtt.MqttError):  # the broker went away; what was received is kept
            async for message in self.client.messages:
                self.heard.append(message)
                if self.puts_flange_on and message.topic.value == TOPICS.guide(STATION) and not message.retain:
                    await self._put_flange_on(b'"waits_for":"flange"' in bytes(message.payload))

    async def _put_flange_on(self, waits: bool) -> None:
        """Put the flange on at once, as somebody who has it in their hand, and say so."""
        if waits and not self._puts_it_on and self.puts_flange_on:
            await self.command({"action": "start_suction"})
        self._puts_it_on = waits


@contextlib.asynccontextmanager
async def ear(broker: BrokerUrl, **options: Any) -> AsyncIterator[Ear]:
    """Listen to everything on a broker."""
    async with contextlib.AsyncExitStack() as stack:
        options.setdefault("socket_options", [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])
        client = aiomqtt.Client(broker.host, broker.port, **options)
        await client.__aenter__()

        async def leave() -> None:
            client.timeout = 1
            with contextlib.suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)

        stack.push_async_callback(leave)
        listener = Ear(client)
        await client.subscribe("#", 1)
        task = asyncio.create_task(listener.listen())
        stack.callback(task.cancel)
        yield listener


class Desk:
    """A `handle` that records commands, and takes a given time for each."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Command, Args, bool]] = []
        self.let_go = asyncio.Event()
        self.slow = False
        self.error: Exception | None = None

    async def handle(self, station: str, command: Command, args: Args, retained: bool) -> Reply:
        self.asked.append((station, command, args, retained))
        if self.error is not None:
            raise self.error
        if self.slow and command.action not in ("stop", "pain"):
            await self.let_go.wait()
        return Reply(id=command.id, action=command.action, outcome="accepted")

    def actions(self) -> list[str]:
        return [str(command.action) for _, command, _, _ in self.asked]


def bridge_to(*brokers: BrokerUrl, desk: Desk | None = None, **options: Any) -> Bridge:
    # The embedded broker knows MQTT 3.1.1 alone.
    options = {"first_wait_seconds": 0.02, "longest_wait_seconds": 0.1, "mqtt_5": False, **options}
    settings = MqttSettings(brokers=brokers, node=TOPICS.node)
    return Bridge(settings, TOPICS, {STATION: (desk or Desk()).handle}, **options)


@contextlib.contextmanager
def task_of(bridge: Bridge) -> Iterator[asyncio.Task[None]]:
    """Run a bridge for the block without waiting for it to connect."""
    task = asyncio.create_task(bridge.run())
    try:
        yield task
    finally:
        task.cancel()


@contextlib.asynccontextmanager
async def running(bridge: Bridge) -> AsyncIterator[asyncio.Task[None]]:
    """Run a bridge for the block, connected; it ends cleanly."""
    with task_of(bridge) as task:
        try:
            await until(lambda: bridge.connected)
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def noted_subscriptions(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return what clients subscribe to from now on: the QoS by the filter."""
    asked: dict[str, int] = {}
    subscribe = aiomqtt.Client.subscribe

    async def note(client: aiomqtt.Client, topics: list[tuple[str, int | SubscribeOptions]]) -> object:
        asked.update({name: how.QoS if isinstance(how, SubscribeOptions) else how for name, how in topics})
        return await subscribe(client, topics)

    monkeypatch.setattr(aiomqtt.Client, "subscribe", note)
    return asked
