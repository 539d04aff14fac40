"""Nodes of a fleet in one process: virtual devices on the air, a real nats-server, and a network that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from controller.cluster.cluster_connection import Cluster, KeyValue, connected
from controller.contract.events import Event
from controller.fleet.announcing import Announcing
from controller.fleet.node import Node
from controller.fleet.served_unit import NodeParts
from controller.mqtt.backlog import Backlog
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import DeviceSettings, Settings, StationSettings
from devices.driver.vocabulary import Value
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DEVICES, VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.bad_network import BadNetwork, bad_network
from tests.helpers.controlled import write_routine
from tests.helpers.faulty_state import FaultyState
from tests.helpers.home import COMFORTABLE, catalog
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.nats_server import NatsServer, nats_server
from tests.helpers.patience import until

PUMPS = tuple(
    DeviceSettings(name=each.key, profile=each.profile, side=each.side, advertised_name=each.advertised_name)
    for each in DEVICES
    if each.profile == "open-pump"
)
HOME = {"home": StationSettings(devices=PUMPS)}
BAD = StationSettings(devices=(DeviceSettings(name="pump", profile="unknown", side=Side.LEFT, advertised_name="X"),))


class NoJournal:
    """Keeps nothing on the disk."""

    def watch(self, event: Event) -> None:
        pass

    def end_cut_off(self, station: str) -> None:
        pass


class RunningNode:
    """One node. `network`: what lies between it and the cluster. `state`: the states of stations as it has them."""

    def __init__(
        self, node: Node, cluster: Cluster, state: FaultyState, network: BadNetwork, task: asyncio.Task[None]
    ) -> None:
        self.node = node
        self.cluster = cluster
        self.state = state
        self.network = network
        self.task = task

    def serves(self, unit: str = "home") -> bool:
        """Whether it serves a unit: it has its state, and its devices are looked for."""
        served = self.node.served.get(unit)
        return served is not None and served.app is not None

    @property
    def connected(self) -> bool:
        """Whether every device of the home is connected here, and the broker."""
        served = self.node.served.get("home")
        app = None if served is None else served.app
        if app is None:
            return False
        return app.bridge.connected and all(role.connected for role in app.stations["home"].roles)

    def epoch(self, unit: str = "home") -> int:
        """Return the epoch with which it serves a unit."""
        return self.node.served[unit].lease.epoch

    async def end(self) -> None:
        """End it as SIGTERM does."""
        self.task.cancel()
        await asyncio.wait({self.task})


class FleetAtHome:
    """A home with virtual devices, and nodes around it. `other`: what is published on the broker.

    `starts`: the devices that began to run, each with whether a node knew at that time that the cluster has its start.
    """

    def __init__(self, folder: Path, server: NatsServer, home: VirtualHome, air: Air, other: Ear) -> None:
        self.folder = folder
        self.server = server
        self.home = home
        self.air = air
        self.other = other
        self.stack = contextlib.AsyncExitStack()
        self.ttl_seconds = 6.0  # the least that an owner may set
        self.starts: list[tuple[str, bool]] = []
        self._nodes: list[RunningNode] = []
        for key, twin in home.twins.items():
            twin.body.run.begin = partial(self._begin, key, twin.body.run.begin)

    def _begin(self, key: str, begin: Callable[[Mapping[str, Value]], None], values: Mapping[str, Value]) -> None:
        if key not in self.on:
            self.starts.append((key, any(each.state.says_running(key) for each in self._nodes)))
        begin(values)

    @property
    def on(self) -> set[str]:
        """Which virtual devices are on, in truth."""
        return {key for key, twin in self.home.twins.items() if twin.body.run.on}

    async def node(
        self,
        name: str,
        stations: dict[str, StationSettings] = HOME,
        *,
        air: Air | None = None,
    ) -> RunningNode:
        """Start a node. `air`: what it receives, if not the devices of this home."""
        clock = RealClock()
        network = await self.stack.enter_async_context(bad_network(self.server.port))
        radio = await self.stack.enter_async_context(radio_on_air(clock, air or self.air))
        settings = Settings(
            stations=stations,
            mqtt=MqttSettings(brokers=(self.server.broker,), node=name),
            routines=(self.folder / "routines",),
            limits=COMFORTABLE,
            fleet=self.server.settings(ttl_seconds=15.0),
        )
        fleet = self.server.settings(port=network.port, ttl_seconds=self.ttl_seconds)
        cluster = await self.stack.enter_async_context(connected(fleet, name))
        state = FaultyState(cluster.state)
        cluster = dataclasses.replace(cluster, state=cast("KeyValue", state))
        kept = {"journal": NoJournal(), "backlog": Backlog()}
        parts = NodeParts(settings, catalog(), clock, radio, cluster, None, deliver=lambda _: None, **kept)
        node = Node(name, parts, clock)
        task = asyncio.create_task(node.run(), name=f"node {name}")
        announcing = asyncio.create_task(Announcing(node, cluster).run(), name=f"announcing {name}")
        found = RunningNode(node, cluster, state, network, task)
        self._nodes.append(found)

        async def end() -> None:
            network.open.set()
            announcing.cancel()
            await asyncio.wait({announcing})
            await found.end()

        self.stack.push_async_callback(end)
        return found

    async def ask(self, action: str, **args: Any) -> dict[str, Any]:
        """Send a command, and return the reply to it."""
        before = len(self.other.replies())
        await self.other.command({"action": action, "args": args})
        await until(lambda: any(each["action"] == action for each in self.other.replies()[before:]), 30)
        return next(each for each in self.other.replies()[before:] if each["action"] == action)

    async def pumping(self, node: RunningNode) -> str:
        """Start a session, and return its id when both pumps are on."""
        await until(lambda: node.connected, 40)
        reply = await self.ask("start", routine="express", side="both", no_symptoms=True)
        assert reply["outcome"] == "accepted", reply
        assert reply["epoch"] == node.epoch()
        await until(lambda: self.on == {"left-pump", "right-pump"}, 40)
        return str(reply["session_id"])

    def finished(self, session: str) -> list[dict[str, Any]]:
        """Return the published ends of a session."""
        events = self.other.values("letdown/home/event")
        return [each for each in events if each["type"] == "session_finished" and each["session_id"] == session]


@contextlib.asynccontextmanager
async def fleet_at_home(folder: Path, nats_lines: Sequence[str] = ()) -> AsyncIterator[FleetAtHome]:
    """Put a home on the air, beside a nats-server, without nodes yet."""
    write_routine(folder / "routines", "express", "express: {minutes: 10, vacuum_mmhg: comfort}")
    home, air = VirtualHome(RealClock(), catalog(), 2), Air()
    async with nats_server(nats_lines) as server, home.on_air(air), ear(server.broker) as other:
        fleet = FleetAtHome(folder, server, home, air, other)
        async with fleet.stack:
            yield fleet
