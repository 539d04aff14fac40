"""Simulated plugs on a real broker, each with a client of its own, and the service that heats with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt

from controller.mqtt.mqtt_settings import BrokerUrl
from devices.support.clock import RealClock
from tests.helpers.bad_network import BadNetwork
from tests.helpers.mosquitto import Mosquitto
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.patience import until
from tests.helpers.plug_simulators import KINDS, SimulatedPlug
from tests.helpers.service_process import NUMBERS, PATIENCE_SECONDS, Program, program, wait

STATIONS = {profile.removesuffix("-plug"): profile for profile in KINDS}


class PlugClient:
    """The connection of a simulated plug to a broker; it connects again whenever it is lost."""

    def __init__(self, plug_type: type[SimulatedPlug], broker: BrokerUrl) -> None:
        self.plug = plug_type(RealClock(), self._send)
        self._broker = broker
        self._client: aiomqtt.Client | None = None

    def _send(self, topic: str, payload: str, retain: bool) -> None:
        if self._client is not None:
            self._client._client.publish(topic, payload, 1, retain)

    async def run(self) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                await self._serve()
            self._client = None
            await asyncio.sleep(0.2)

    async def _serve(self) -> None:
        async with aiomqtt.Client(self._broker.host, self._broker.port, timeout=2) as client:
            self._client = client
            for topic in self.plug.subscriptions:
                await client.subscribe(topic, 1)
            self.plug.introduce()
            async for message in client.messages:
                assert not message.retain, "a command is never retained"
                self.plug.receive(message.topic.value, bytes(message.payload).decode())


@dataclass
class PlugHome:
    """A service with one plug of each kind, each at a station of its own. `plugs`: by station."""

    broker: Mosquitto
    network: BadNetwork
    config: Path
    plugs: dict[str, SimulatedPlug] = field(default_factory=dict)

    @property
    def on(self) -> set[str]:
        return {station for station, plug in self.plugs.items() if plug.on}

    def all_on(self) -> bool:
        return self.on == set(self.plugs)

    def off_times(self) -> dict[str, float]:
        """Return for each plug when it was switched off last, by the loop's clock of its own."""
        return {station: plug.times(False)[-1] for station, plug in self.plugs.items()}

    @contextlib.asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[tuple[Program, Ear]]:
        service = program(self.config.parent, "run", "--config", str(self.config), **options)
        async with service as process, ear(self.broker.url) as other:
            await wait(lambda: all(self.available(other, station) for station in self.plugs))
            yield process, other

    @staticmethod
    def available(other: Ear, station: str) -> bool:
        return (other.payloads(TOPICS.device_availability(station, "warm-plug")) or [""])[-1] == "online"

    async def ask(self, other: Ear, station: str, action: str, **args: Any) -> dict[str, Any]:
        id_ = f"plug-{next(NUMBERS)}"
        await other.client.publish(TOPICS.command(station), json.dumps({"id": id_, "action": action, "args": args}), 1)
        found: list[dict[str, Any]] = []

        def answered() -> bool:
            found[:] = [each for each in other.values(TOPICS.reply(station)) if each["id"] == id_]
            return bool(found)

        await until(answered, PATIENCE_SECONDS)
        return found[0]

    async def heat(self, other: Ear) -> None:
        """Start a session at each station, and wait until every plug is on."""
        for station in self.plugs:
            reply = await self.ask(other, station, "start", routine="warmth", no_symptoms=True)
            assert reply["outcome"] == "accepted", reply
        await wait(self.all_on)

    async def off_within(self, seconds: float, done: Callable[[], bool] | None = None) -> float:
        """Wait until all plugs are off; return how long that took."""
        began = time.monotonic()
        await until(done or (lambda: not self.on), seconds)
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def plug_home(folder: Path, broker: Mosquitto) -> AsyncIterator[PlugHome]:
    """Connect the plugs to a broker, and write the settings of a service that reaches it through a bad network."""
    network = BadNetwork(broker.port)
    server = await asyncio.start_server(network.join, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lines = ["limits: {heat_without_temperature: true}", f'mqtt: {{brokers: ["mqtt://127.0.0.1:{port}"]}}', "stations:"]
    clients = {station: PlugClient(KINDS[profile], broker.url) for station, profile in STATIONS.items()}
    for station, profile in STATIONS.items():
        lines += [f"  {station}:", "    devices:"]
        plug = f"{{topic: {clients[station].plug.topic}}}"
        lines += [f"      - {{name: warm-plug, profile: {profile}, plug: {plug}, allow_unverified: true}}"]
    config = folder / "letdown.yaml"
    config.write_text("\n".join([*lines, f"store: {{path: {folder / 'letdown.db'}}}", ""]), encoding="utf-8")
    tasks = [asyncio.create_task(client.run()) for client in clients.values()]
    try:
        yield PlugHome(broker, network, config, {station: client.plug for station, client in clients.items()})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients.values():
            client.plug.close()
        network.cut()
        server.close()
