"""The parents of a fleet: one for each station, who start a session whenever none runs, with plain MQTT messages."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import aiomqtt

from tests.fleet.nats_cluster import OBSERVER, OBSERVER_PASSWORD, NatsNode

Write = Callable[..., None]

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.3
_PATIENCE_SECONDS = 3.0
_LOOKED_SECONDS = 5.0  # after so long, a person has looked at a device that is uncertain or tripped
_KEEPALIVE_SECONDS = 3


class Parents:
    """They keep every station busy until `resting`. `states`: the latest state of each station, as it was published.

    `stations`: the side of each, and its devices. A session starts when all of them are available: else a step would
    guide a person through it by hand.
    """

    def __init__(
        self, nodes: Sequence[NatsNode], stations: Mapping[str, tuple[str, frozenset[str]]], write: Write
    ) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.replies: list[dict[str, Any]] = []
        self.online: set[str] = set()  # controllers
        self.resting = False
        self._stations = stations
        self._available: dict[str, set[str]] = {name: set() for name in stations}
        self._nodes = nodes
        self._write = write
        self._numbers = itertools.count(1)
        self._problem_since: dict[str, float] = {}
        self._waits: dict[str, bool] = {}

    @property
    def running(self) -> set[str]:
        """The stations that say that a session runs."""
        return {name for name, state in self.states.items() if state.get("running")}

    async def run(self) -> None:
        """Look after all stations until cancelled, at whichever node answers."""
        for number in itertools.count():
            node = self._nodes[number % len(self._nodes)]
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                await self._serve(node)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _serve(self, node: NatsNode) -> None:
        client = aiomqtt.Client(
            node.address.host,
            node.address.mqtt,
            username=OBSERVER,
            password=OBSERVER_PASSWORD,
            protocol=aiomqtt.ProtocolVersion.V311,
            keepalive=_KEEPALIVE_SECONDS,
            timeout=_PATIENCE_SECONDS,
        )
        async with client:
            for topic in ("state", "guide", "reply", "device/+/availability"):
                await client.subscribe(f"letdown/+/{topic}", 1)
            await client.subscribe("letdown/controller/+/status", 1)
            acting = asyncio.create_task(self._act(client))
            try:
                async for message in client.messages:
                    self._take(str(message.topic), bytes(message.payload))
            finally:
                acting.cancel()
                await asyncio.gather(acting, return_exceptions=True)

    def _take(self, topic: str, payload: bytes) -> None:
        station, leaf, *rest = topic.split("/")[1:]
        if station == "controller":
            (self.online.add if payload == b"online" else self.online.discard)(leaf)
            return
        if leaf == "device":
            change = self._available[station].add if payload == b"online" else self._available[station].discard
            change(rest[0])
            return
        value = json.loads(payload) if payload else {}
        if leaf == "state":
            if value.get("state") != self.states.get(station, {}).get("state"):
                self._write("state", station=station, state=value.get("state"), reason=value.get("reason"))
            self.states[station] = value
        elif leaf == "guide":
            self._waits[station] = value.get("waits_for") == "flange"
        else:
            self.replies.append(value)
            self._write("reply", station=station, reply=value)

    async def _act(self, client: aiomqtt.Client) -> None:
        while True:
            for station, (side, devices) in self._stations.items():
                if not self.resting:
                    await self._look_after(client, station, side, devices <= self._available[station])
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look_after(self, client: aiomqtt.Client, station: str, side: str, available: bool) -> None:
        state = self.states.get(station)
        if state is None:
            return
        if state.get("running"):
            if self._waits.get(station):
                await self._command(client, station, "start_suction")
            return
        if state.get("problem"):
            since = self._problem_since.setdefault(station, time.monotonic())
            if time.monotonic() - since > _LOOKED_SECONDS:
                await self._command(client, station, "acknowledge")
                del self._problem_since[station]
            return
        self._problem_since.pop(station, None)
        if available:
            await self._command(client, station, "start", routine="fleet", side=side, no_symptoms=True)

    async def _command(self, client: aiomqtt.Client, station: str, action: str, **args: Any) -> None:
        number = next(self._numbers)
        command: dict[str, Any] = {"id": f"parent-{number}", "action": action, "args": args}
        if number % 2:  # a controller whose clock jumped refuses what says when it was sent
            command["sent"] = datetime.now(UTC).isoformat()
        self._write("command", station=station, command=command)
        await client.publish(f"letdown/{station}/command", json.dumps(command), 1)
