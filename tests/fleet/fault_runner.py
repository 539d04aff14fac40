"""Carries out a plan of faults on processes and on the network between them, and records when each began and ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from tests.fleet.controller_process import ControllerProcess
from tests.fleet.fault_plan import Fault
from tests.fleet.nats_cluster import NatsCluster
from tests.fleet.network import Network
from tests.helpers.postgres import PostgresServer

Write = Callable[..., None]


class FaultRunner:
    """What can be broken. `write` takes a line of the record: what, and more."""

    def __init__(
        self,
        controllers: Mapping[str, ControllerProcess],
        cluster: NatsCluster,
        network: Network,
        database: PostgresServer,
        write: Write,
    ) -> None:
        self._controllers = controllers
        self._cluster = cluster
        self._network = network
        self._database = database
        self._write = write
        self.done = 0

    async def run(self, plan: Sequence[Fault]) -> None:
        """Carry out all of it; return when the last fault is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in plan:
                await asyncio.sleep(began + fault.at_seconds - time.monotonic())
                group.create_task(self._carry_out(fault))

    async def _carry_out(self, fault: Fault) -> None:
        how = {
            "controller": fault.target if fault.target in self._controllers else None,
            "node": fault.target if fault.target in self._cluster.nodes else None,
            "nodes": fault.nodes,
            "direction": fault.direction,
            "jump_seconds": fault.jump_seconds,
            "seconds": fault.seconds,
        }
        self._write(fault.kind, **{name: value for name, value in how.items() if value})
        await getattr(self, f"_{fault.kind}")(fault)
        self._write(f"end_of_{fault.kind}", **{name: value for name, value in how.items() if value})
        self.done += 1

    async def _kill(self, fault: Fault) -> None:
        controller = self._controllers[fault.target]
        controller.kill()
        await asyncio.sleep(fault.seconds)
        controller.start()

    async def _freeze(self, fault: Fault) -> None:
        controller = self._controllers[fault.target]
        controller.freeze()
        await asyncio.sleep(fault.seconds)
        controller.thaw()

    async def _cut(self, fault: Fault) -> None:
        ways = []
        for node in fault.nodes:
            if fault.direction in ("both", "out"):
                ways.append((fault.target, node))
            if fault.direction in ("both", "in"):
                ways.append((node, fault.target))
        for way in ways:
            self._network.cut(*way)
        await asyncio.sleep(fault.seconds)
        for way in ways:
            self._network.join(*way)

    async def _clock(self, fault: Fault) -> None:
        self._controllers[fault.target].clock.jump(fault.jump_seconds)

    async def _kill_node(self, fault: Fault) -> None:
        node = self._cluster.nodes[fault.target]
        node.kill()
        await asyncio.sleep(fault.seconds)
        node.start()

    async def _freeze_node(self, fault: Fault) -> None:
        node = self._cluster.nodes[fault.target]
        node.freeze()
        await asyncio.sleep(fault.seconds)
        node.thaw()

    async def _kill_all_nodes(self, fault: Fault) -> None:
        self._cluster.kill()
        await asyncio.sleep(fault.seconds)
        self._cluster.start()

    async def _freeze_all_nodes(self, fault: Fault) -> None:
        for node in self._cluster.nodes.values():
            node.freeze()
        await asyncio.sleep(fault.seconds)
        for node in self._cluster.nodes.values():
            node.thaw()

    async def _kill_database(self, fault: Fault) -> None:
        await asyncio.to_thread(self._database.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._database.start)
