"""A ward of made stations on a broker: what their controllers would publish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any

import aiomqtt

from controller.contract.events import Snapshot
from controller.contract.session_state import EndReason, SessionState
from controller.mqtt.instance import Instance
from controller.mqtt.mqtt_settings import BrokerUrl
from controller.mqtt.topics import Topics

BASE = "letdown"


class MadeWard:
    """Publishes for stations; each has a controller of its own name, on one of ten machines.

    `commands`: what was asked of them. `answers`: whether they answer.
    """

    def __init__(self, client: aiomqtt.Client, snapshots: Iterable[Snapshot]) -> None:
        self._client = client
        self.snapshots = {each.station: each for each in snapshots}
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.answers = True
        self.silent: set[str] = set()  # stations that publish nothing more

    async def announce(self) -> None:
        """Publish what is retained of all of them."""
        found = list(self.snapshots.values())
        served = (self.serve(each.station, f"node-{1 + number % 10}") for number, each in enumerate(found))
        await asyncio.gather(*served, *(self.put(each) for each in found))

    async def serve(self, station: str, host: str) -> None:
        """Let a controller on a machine serve a station."""
        topics = Topics(BASE, station)
        made = Instance(
            instance=f"i-{station}",
            node=station,
            stations=(station,),
            host=host,
            since=datetime(2026, 1, 1, tzinfo=UTC),
        )
        await self._retain(topics.instance(), made.model_dump_json())
        await self._retain(topics.status(), "online")
        for device in ("left-pump", "right-pump"):
            await self._retain(topics.device_availability(station, device), "online")

    async def put(self, snapshot: Snapshot) -> None:
        """Publish the state of a station."""
        self.snapshots[snapshot.station] = snapshot
        await self._retain(Topics(BASE).state(snapshot.station), snapshot.model_dump_json())

    async def device(self, station: str, device: str, words: str) -> None:
        """Publish whether a device answers."""
        await self._retain(Topics(BASE).device_availability(station, device), words)

    async def vanish(self, station: str) -> None:
        """Let the controller of a station be lost: the broker publishes its will."""
        self.silent.add(station)
        await self._retain(Topics(BASE, station).status(), "offline")

    async def release(self, station: str) -> None:
        """Let the controller of a station end in order."""
        self.silent.add(station)
        await self._retain(Topics(BASE, station).instance(), "")
        await self._retain(Topics(BASE, station).status(), "offline")

    async def tick(self, every_seconds: float = 1.0) -> None:
        """Publish the states of all sessions that run, again and again, as controllers do."""
        left = 1000.0
        while True:
            began, left = asyncio.get_running_loop().time(), left - every_seconds
            await asyncio.gather(*(self._repeat(station, left) for station in self.snapshots))
            await asyncio.sleep(max(0.0, began + every_seconds - asyncio.get_running_loop().time()))

    async def _repeat(self, station: str, left: float) -> None:
        latest = self.snapshots[station]
        if latest.state is SessionState.RUNNING and station not in self.silent:
            await self.put(latest.model_copy(update={"step_seconds_left": left}))

    async def answer(self) -> None:
        """Receive commands; a stop ends a session, and is confirmed."""
        topics = Topics(BASE)
        await self._client.subscribe(f"{BASE}/+/command", qos=1)
        async for message in self._client.messages:
            station, command = message.topic.value.split("/")[1], json.loads(bytes(message.payload))
            self.commands.append((station, command))
            if not self.answers:
                continue
            before = self.snapshots[station]
            if before.running and command["action"] in ("stop", "pain"):
                update = {"state": SessionState.STOPPED, "reason": EndReason(command["action"]), "ends_at": None}
                await self.put(before.model_copy(update=update))
            devices = dict.fromkeys(("left-pump", "right-pump"), "stopped")
            reply = {"id": command["id"], "action": command["action"], "outcome": "accepted", "devices": devices}
            await self._client.publish(topics.reply(station), json.dumps(reply), qos=1)

    async def _retain(self, topic: str, words: str) -> None:
        await self._client.publish(topic, words, qos=1, retain=True)


@contextlib.asynccontextmanager
async def made_ward(
    broker: BrokerUrl,
    snapshots: Iterable[Snapshot],
    *,
    every_seconds: float = 1.0,
    user: str | None = None,
    password: str | None = None,
) -> AsyncIterator[MadeWard]:
    """Have a ward on a broker for the block."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # else each message waits 40 ms for the one before
    async with aiomqtt.Client(
        broker.host, broker.port, username=user, password=password, timeout=20, socket_options=options
    ) as client:
        client.pending_calls_threshold = 10_000
        ward = MadeWard(client, snapshots)
        await ward.announce()
        tasks = [asyncio.create_task(ward.tick(every_seconds)), asyncio.create_task(ward.answer())]
        try:
            yield ward
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
