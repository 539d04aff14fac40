"""A fleet on this machine, to be measured: a cluster, a database, and groups of controllers with devices around them.

Each group has its devices in a process of its own. Unlike in `fleet_bed`, the network is that of this machine, and
nothing is broken here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fleet.controller_process import ControllerProcess
from tests.fleet.fleet_bed import RecordReader, until
from tests.fleet.fleet_settings import FleetLayout, settings, shared_document
from tests.fleet.moved_clock import build
from tests.fleet.nats_cluster import NatsCluster, here, nats_cluster
from tests.fleet.network import MARK, isolated, may_isolate
from tests.helpers.command_line import LETDOWN, ROOT, environment
from tests.helpers.killable_process import KillableProcess
from tests.helpers.postgres import PostgresServer, postgres_server

_NODES = ("n1", "n2", "n3")
_READY_SECONDS = 120.0
_CONNECTIONS = 100  # of the database: two for each controller
_LOOK_SECONDS = 0.2
# Each controller has the locks of Bluetooth addresses of a machine of its own. Needs root.
_OWN_LOCKS = ("unshare", "--mount", "--", "sh", "-c", 'mount -t tmpfs tmpfs /run/lock && exec "$@"', "sh")


@dataclass(frozen=True)
class Group:
    """Controllers, and the devices that they receive. `fleet`: its name; each fleet has a document of its own."""

    layout: FleetLayout
    routine: str
    fleet: str = "letdown"
    ttl_seconds: float = 20.0


class AirProcess(KillableProcess):
    """The devices of one group. `running`, `linked`, `stopped_at`: of each device, when `look` was called last."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self.running: set[str] = set()
        self.linked: set[str] = set()
        self.stopped_at: dict[str, float] = {}
        self._folder = folder
        self._name = name
        self._looked_at = 0
        self._record = RecordReader(folder / f"{name}.jsonl")

    def lines(self) -> list[dict[str, Any]]:
        """Return what happened at the devices so far."""
        return self._record.lines()

    def look(self) -> None:
        """Take notice of what has happened since the last time: reading everything again would take the processor."""
        lines = self._record.lines()
        for line in lines[self._looked_at :]:
            device = line["device"]
            match line["what"]:
                case "on":
                    self.running.add(device)
                case "off":
                    self.running.discard(device)
                    self.stopped_at[device] = line["at"]
                case "link_up":
                    self.linked.add(device)
                case "link_down":
                    self.linked.discard(device)
        self._looked_at = len(lines)

    async def start(self, layout: FleetLayout) -> dict[str, int]:
        """Start it; return the port of each controller's radio."""
        plan, said = self._folder / f"{self._name}.json", self._folder / f"{self._name}.out"
        layout.air("127.0.0.1").dump(plan)
        command = (sys.executable, "-m", "tests.fleet.air_process", str(plan), str(plan.with_suffix(".jsonl")))
        with said.open("wb") as out, said.with_suffix(".log").open("wb") as log:
            self.launch(command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=out, stderr=log)
        await until(lambda: said.read_text().endswith("\n") or not self.runs, _READY_SECONDS, "the air is there")
        if not self.runs:
            raise RuntimeError(said.with_suffix(".log").read_text())
        ports: dict[str, int] = json.loads(said.read_text())["ports"]
        return ports


@dataclass
class Ward:
    """All parts of a running fleet, or of several that share one cluster."""

    folder: Path
    groups: Sequence[Group]
    cluster: NatsCluster
    database: PostgresServer
    database_name: str
    controllers: dict[str, ControllerProcess] = field(default_factory=dict)
    airs: list[AirProcess] = field(default_factory=list)
    restarts: int = 0  # of controllers that ended by themselves, such as one whose event loop hung
    shared: set[str] = field(default_factory=set)  # the fleets whose document is in the cluster

    @property
    def stations(self) -> dict[str, tuple[tuple[str, str, str, str], ...]]:
        """The devices of all stations, by station."""
        return {name: devices for group in self.groups for name, devices in group.layout.stations.items()}

    def parents(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Return what `Parents` look after."""
        return {name: each for group in self.groups for name, each in group.layout.parents().items()}

    def air(self) -> list[dict[str, Any]]:
        """Return what happened at all devices so far, in the order of time."""
        return sorted((line for each in self.airs for line in each.lines()), key=lambda line: line["at"])

    def running(self) -> set[str]:
        """Return the devices that run now."""
        return set().union(*(each.running for each in self._looked()))

    def linked(self) -> set[str]:
        """Return the devices that have a link now."""
        return set().union(*(each.linked for each in self._looked()))

    def stopped_at(self) -> dict[str, float]:
        """Return when each device has stopped last, by the monotonic clock."""
        return {device: at for each in self._looked() for device, at in each.stopped_at.items()}

    def _looked(self) -> list[AirProcess]:
        for each in self.airs:
            each.look()
        return self.airs

    async def start(self, group: Group, online: Callable[[], set[str]], *, share: bool = False) -> None:
        """Start the devices of a group and its controllers, one after another until each is `online`.

        Many at once would hang on a small machine. One that has ended is started again, as a supervisor would.
        `share`: the document of the fleet, as soon as one controller runs: what is not connected, advertises.
        """
        air = AirProcess(self.folder, f"air-{len(self.airs) + 1}")
        self.airs.append(air)
        ports = await air.start(group.layout)
        started = []
        for name, port in ports.items():
            text = self._settings(group, name, port)
            each = ControllerProcess(name, self.folder / name, text, build(self.folder), _OWN_LOCKS)
            self.controllers[name] = each
            started.append(each)
        for each in started:
            deadline = time.monotonic() + _READY_SECONDS
            while each.name not in online():
                if not each.runs:
                    each.start()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{each.name} is not online: {each.log[-2000:]}")
                await asyncio.sleep(_LOOK_SECONDS)
            if share and group.fleet not in self.shared:
                await self.share_stations(group.fleet)

    async def supervise(self) -> None:
        """Start controllers again that have ended, until cancelled. `restarts` counts them."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for each in self.controllers.values():
                if each.starts and not each.runs:
                    self.restarts += 1
                    each.start()

    async def start_all(self, online: Callable[[], set[str]]) -> None:
        """Start all groups, one after another, and share the document of each fleet."""
        for group in self.groups:
            await self.start(group, online, share=True)

    def _settings(self, group: Group, controller: str, port: int) -> str:
        """Return the settings of a controller. Each tries another node of the cluster first."""
        nodes, folder, number = list(self.cluster.nodes.values()), self.folder / controller, len(self.controllers)
        text = settings(
            group.layout,
            controller,
            alone=False,
            transport=f"tcp-client:127.0.0.1:{port}",
            nodes=[nodes[(number + more) % len(nodes)] for more in range(len(nodes))],
            database=self.database.url(self.database_name),
            folder=folder,
        )
        (folder / "routines" / "fleet.yaml").write_text(group.routine, encoding="utf-8")
        content = json.loads(text)
        content["fleet"] |= {"name": group.fleet, "ttl_seconds": group.ttl_seconds}
        return json.dumps(content, indent=1)

    async def letdown(self, *arguments: str, controller: str | None = None) -> str:
        """Run a command with the settings of a controller, by default the first; return what it printed."""
        settings_file = self.controllers[controller or next(iter(self.controllers))].settings
        process = await asyncio.create_subprocess_exec(
            *(*LETDOWN, *arguments, "--config", str(settings_file)),
            cwd=ROOT,
            env=environment(COLUMNS="200"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"letdown {' '.join(arguments)} ended with {process.returncode}: {said.decode()}")
        return said.decode()

    async def share_stations(self, fleet: str) -> None:
        """Put the document of a fleet into the cluster: from then on its stations are served."""
        self.shared.add(fleet)
        of_fleet = [group.layout for group in self.groups if group.fleet == fleet]
        stations = {name: each for layout in of_fleet for name, each in layout.stations.items()}
        document = self.folder / f"{fleet}.yaml"
        document.write_text(shared_document(FleetLayout(stations, {})), encoding="utf-8")
        controller = next(name for layout in of_fleet for name in layout.in_range if name in self.controllers)
        await self.letdown("fleet", "config", "apply", "--yes", str(document), controller=controller)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of the database."""
        return await asyncio.to_thread(self.database.run, sql, self.database_name)


def isolate(module: str) -> None:
    """Go on as the same program in namespaces of its own, which end with it. Needs root; else end with 2."""
    if MARK in os.environ:
        subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
        return
    if not may_isolate():
        sys.stderr.write("it runs in a network of its own, which only root may make\n")
        raise SystemExit(2)
    command = isolated((sys.executable, "-m", module, *sys.argv[1:]))
    os.chdir(ROOT)
    os.execvp(command[0], command)  # whoever ends this process ends all of it


@contextlib.asynccontextmanager
async def ward(folder: Path, groups: Sequence[Group]) -> AsyncIterator[Ward]:
    """Run cluster and database for the block. The caller starts the groups; all processes end with the block."""
    async with contextlib.AsyncExitStack() as stack:
        (folder / "nats").mkdir()
        cluster = await stack.enter_async_context(nats_cluster(folder / "nats", {name: here() for name in _NODES}))
        database = stack.enter_context(postgres_server(connections=_CONNECTIONS))
        name = database.create_database()
        database.run(f"ALTER DATABASE {name} SET search_path = letdown")
        made = Ward(folder, groups, cluster, database, name)
        try:
            yield made
        finally:
            for each in (*made.controllers.values(), *made.airs):
                each.kill()
