"""A fleet with all that it stands on, in a network of its own: what `python -m tests.fleet` runs and breaks.

A NATS cluster of three nodes, PostgreSQL, the air with the devices, controllers, parents who keep every station busy,
and listeners. What happens is in records in one folder; `verdict` judges them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fleet import ownership_record
from tests.fleet.controller_process import ControllerProcess
from tests.fleet.fault_plan import Fault
from tests.fleet.fault_runner import FaultRunner
from tests.fleet.fleet_settings import OWNERS, FleetLayout, layout, settings, shared_document
from tests.fleet.listener import EventListener, OwnershipListener
from tests.fleet.moved_clock import build
from tests.fleet.nats_cluster import NatsCluster, NodeAddress, nats_cluster
from tests.fleet.network import HUB, Network, network
from tests.fleet.parents import Parents
from tests.helpers.command_line import LETDOWN, ROOT, environment
from tests.helpers.postgres import PostgresServer, postgres_server

_READY_SECONDS = 90.0
_SETTLE_SECONDS = 100.0  # a session takes a minute
_QUIET_SECONDS = 2.0  # for what is still on its way
_AGAIN_SECONDS = 0.5  # a controller that ended by itself is started again, as a supervisor would
_HUNG = 70  # the exit code of a controller whose watchdog ended it
NODES = ("n1", "n2", "n3")


class RecordFile:
    """Lines of JSON, each with the seconds of the monotonic clock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, what: str, **more: Any) -> None:
        """Write one line now."""
        self._file.write(json.dumps({"at": time.monotonic(), "what": what, **more}) + "\n")
        self._file.flush()


class RecordReader:
    """Reads a record that another process writes: each line once, however often it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._lines: list[dict[str, Any]] = []

    def lines(self) -> list[dict[str, Any]]:
        """Return all lines that are complete."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                complete, end, _ = file.read().rpartition(b"\n")
            self._read_bytes += len(complete) + len(end)
            self._lines += [json.loads(text) for text in complete.splitlines()]
        return self._lines


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a record."""
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


@dataclass
class Bed:
    """All parts of a running fleet."""

    folder: Path
    made: FleetLayout
    network: Network
    cluster: NatsCluster
    database: PostgresServer
    database_name: str
    controllers: dict[str, ControllerProcess]
    parents: Parents
    events: EventListener
    ownership: OwnershipListener
    faults: RecordFile
    air_record: RecordReader
    crashes: list[str] = field(default_factory=list)
    stalls: list[str] = field(default_factory=list)
    supervisor: asyncio.Task[None] | None = None

    def air(self) -> list[dict[str, Any]]:
        """Return what happened at the devices so far."""
        return self.air_record.lines()

    def on(self) -> set[str]:
        """Return the devices that run."""
        latest = {line["device"]: line["what"] for line in self.air() if line["what"] in ("on", "off")}
        return {device for device, what in latest.items() if what == "on"}

    def ran(self) -> set[str]:
        """Return the stations of which a device has run."""
        return {line["device"].partition("/")[0] for line in self.air() if line["what"] == "on"}

    async def break_it(self, plan: Iterable[Fault]) -> None:
        """Carry out a plan of faults; afterwards everything runs and is joined."""
        faults = list(plan)
        runner = FaultRunner(self.controllers, self.cluster, self.network, self.database, self.faults.write)
        progress = asyncio.create_task(_say_progress(runner, len(faults)))
        try:
            await runner.run(faults)
        finally:
            progress.cancel()

    async def settle(self) -> None:
        """Let every session end, then every controller, and what waits be published."""
        self.parents.resting = True
        await self.cluster.healthy()
        with contextlib.suppress(TimeoutError):  # the verdict says what did not end
            await until(self._at_rest, _SETTLE_SECONDS, "all sessions end")
        await asyncio.sleep(_QUIET_SECONDS)
        if self.supervisor is not None:
            self.supervisor.cancel()
        codes = await asyncio.gather(*(each.end() for each in self.controllers.values()))
        for name, code in zip(self.controllers, codes, strict=True):
            if code not in (0, -signal.SIGTERM):  # the latter: it has just been started again
                self.crashes.append(f"{name} ended with {code} when it was asked to end")
        await asyncio.sleep(_QUIET_SECONDS)

    def _at_rest(self) -> bool:
        """Return whether nothing runs, and every controller is there to publish what waits."""
        return self.controllers.keys() <= self.parents.online and not self.parents.running and not self.on()

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows of the fleet's database."""
        return await asyncio.to_thread(self.database.run, sql, self.database_name)

    def waiting_events(self) -> list[str]:
        """Return the ids of the events in the controllers' journals that no broker has acknowledged."""
        found = []
        for controller in self.controllers.values():
            file = controller.folder / "letdown.db"
            if file.exists():
                with contextlib.closing(sqlite3.connect(file)) as connection, contextlib.suppress(sqlite3.Error):
                    found += [str(row[0]) for row in connection.execute("SELECT id FROM outbox")]
        return found


async def until(done: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for something; raise `TimeoutError` with `what`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds:g} s: {what}")
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def bed(folder: Path, controllers: int, stations: int, *, alone: bool) -> AsyncIterator[Bed]:
    """Run a fleet for the block, once every station has had a device that ran. `alone`: controllers without a fleet."""
    names = [f"c{number + 1}" for number in range(controllers)]
    made = layout(names, stations, alone=alone)
    async with contextlib.AsyncExitStack() as stack:
        net = stack.enter_context(network())
        nodes = {name: net.add(name) for name in NODES}
        places = {name: net.add(name) for name in names}
        addresses = {name: NodeAddress(place.address, within=place.within) for name, place in nodes.items()}
        (folder / "nats").mkdir()
        cluster = await stack.enter_async_context(nats_cluster(folder / "nats", addresses))
        database = stack.enter_context(postgres_server(HUB))
        name = database.create_database()
        database.run(f"ALTER DATABASE {name} SET search_path = letdown")
        ports = await stack.enter_async_context(_air(folder, made))
        processes, library = {}, build(folder)
        for at, each in enumerate(names):
            turned = [list(cluster.nodes.values())[(at + more) % len(NODES)] for more in range(len(NODES))]
            text = settings(
                made,
                each,
                alone=alone,
                transport=f"tcp-client:{HUB}:{ports[each]}",
                nodes=turned,
                database=database.url(name),
                folder=folder / each,
            )
            processes[each] = ControllerProcess(each, folder / each, text, library, places[each].within)
        messages, faults = RecordFile(folder / "messages.jsonl"), RecordFile(folder / "faults.jsonl")
        all_nodes = list(cluster.nodes.values())
        made_bed = Bed(
            folder,
            made,
            net,
            cluster,
            database,
            name,
            processes,
            Parents(all_nodes, made.parents(), messages.write),
            EventListener(all_nodes, messages.write),
            OwnershipListener(all_nodes, RecordFile(folder / "ownership.jsonl").write, OWNERS),
            faults,
            RecordReader(folder / "air.jsonl"),
        )
        for part in (made_bed.events, made_bed.parents, *([] if alone else [made_bed.ownership])):
            task = asyncio.create_task(part.run())
            stack.callback(task.cancel)
        await until(lambda: made_bed.events.connected, _READY_SECONDS, "the observer is connected")
        if not alone:
            await _share_stations(folder, made, processes[names[0]])
            await ownership_record.begin(cluster.urls, OWNERS)
        for process in processes.values():
            process.start()
            stack.callback(process.kill)
        made_bed.supervisor = asyncio.create_task(_supervise(made_bed))
        stack.callback(made_bed.supervisor.cancel)
        await until(lambda: made_bed.ran() == set(made.stations), _READY_SECONDS, "a device of every station runs")
        yield made_bed


async def _share_stations(folder: Path, made: FleetLayout, controller: ControllerProcess) -> None:
    """Put the document of all stations into the cluster, as whoever runs a fleet does."""
    document = folder / "stations.yaml"
    document.write_text(shared_document(made), encoding="utf-8")
    command = (*LETDOWN, "fleet", "config", "apply", "--yes", str(document), "--config", str(controller.settings))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the document of the stations could not be applied: {said.decode()}")


async def _supervise(made: Bed) -> None:
    """Start a controller again that ended by itself, and note that."""
    starts: dict[str, int] = {}
    while True:
        await asyncio.sleep(_AGAIN_SECONDS)
        for name, each in made.controllers.items():
            code = each.exit_code
            if code is not None and code >= 0 and starts.get(name) != each.starts:  # below 0: a fault killed it
                starts[name] = each.starts
                # The watchdog ends a process that hung, as on a machine that is too busy, or just after it was frozen.
                kind = made.stalls if code == _HUNG else made.crashes
                kind.append(f"{name} ended by itself with {code}: {each.log[-600:]}")
                made.faults.write("ended_by_itself", controller=name, code=code)
                each.start()


async def _say_progress(runner: FaultRunner, count: int) -> None:
    while True:
        await asyncio.sleep(20)
        say(f"{runner.done} of {count} faults")


@contextlib.asynccontextmanager
async def _air(folder: Path, made: FleetLayout) -> AsyncIterator[dict[str, int]]:
    """Run the air for the block; yield the port of each controller's radio."""
    plan = folder / "air.json"
    made.air(HUB).dump(plan)
    with (folder / "air.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fleet.air_process", str(plan), str(folder / "air.jsonl")),
            cwd=ROOT,
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        first = await process.stdout.readline()
        assert first, (folder / "air.log").read_text()
        ports: dict[str, int] = json.loads(first)["ports"]
        yield ports
    finally:
        process.kill()
        await process.wait()


def say(words: str) -> None:
    """Say something to whoever started this, now."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def seed_of(text: str | None) -> int:
    """Return the seed that was given, or a random one."""
    return random.SystemRandom().randrange(1_000_000) if text is None else int(text)
