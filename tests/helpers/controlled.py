"""The service in one process, on the devices of a witness in another: what the tests of crashes are made of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from controller.contract.events import Event
from controller.contract.session_record import SessionRecord
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from tests.helpers.command_line import ROOT, environment, fork_server
from tests.helpers.forked import ForkedProcess
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.mqtt_listener import TOPICS, Ear, ear
from tests.helpers.service_process import DEVICES, EVENT, NUMBERS, STATE, STATUS, Program, ask, wait

COMFORT_MMHG = 150

Line = dict[str, Any]

CONFIG = """
radio: {{kind: bumble, transport: "{transport}"}}
mqtt: {{brokers: ["{broker}"]}}
store: {{path: "{store}"}}
limits: {{comfort_vacuum_mmhg: {comfort}, vibration: true}}
routines: {routines}
stations:
  home:
    devices:
      - {{name: left-pump, profile: {pump}, side: left, advertised_name: Letdown Pump L}}
      - {{name: right-pump, profile: open-pump, side: right, advertised_name: Letdown Pump R}}
      - {{name: warm-pad, profile: open-warm-pad, advertised_name: Letdown Pad}}
      - {{name: massager, profile: open-massager, advertised_name: Letdown Massager}}
"""

# By their first step: one routine for each kind of energy, as short as a routine can be.
ROUTINES = {
    "warm": "warm: {minutes: 2, celsius: 40}",
    "massage": "massage: {techniques: [stroke-with-massager], seconds_each: 10, vibration: 0.2}",
    "stimulate": "stimulate: {at_most_seconds: 30, vacuum_mmhg: 70}",
    "express": "express: {minutes: 1, vacuum_mmhg: comfort}",
}


def write_routine(folder: Path, id_: str, step: str) -> None:
    """Write a routine of the owner's own."""
    folder.mkdir(exist_ok=True)
    words = f"{{en: {id_}, de: {id_}}}"
    text = f"id: {id_}\nname: {words}\nsummary: {words}\nsteps:\n  - check\n  - {step}\n"
    (folder / f"{id_}.yaml").write_text(text, encoding="utf-8")


class Witness:
    """The witness's process. `lines`: its record so far."""

    def __init__(self, faults: IO[bytes]) -> None:
        """`faults`: its standard input."""
        self.lines: list[Line] = []
        self.transport = ""
        self._faults = faults

    def of(self, *what: str, since: float = 0.0, until: float = math.inf) -> list[Line]:
        """Return the lines of some kinds, from one time to another."""
        return [line for line in self.lines if line["what"] in what and since <= line["at"] < until]

    @property
    def on(self) -> set[str]:
        """The devices that are on now."""
        return self._latest("on", "off")

    @property
    def connected(self) -> set[str]:
        """The devices that a controller is connected to now."""
        return self._latest("connected", "disconnected")

    def _latest(self, yes: str, no: str) -> set[str]:
        latest = {line["device"]: line["what"] for line in self.of(yes, no)}
        return {device for device, what in latest.items() if what == yes}

    def highest(self, device: str) -> float:
        """Return the highest vacuum or temperature so far."""
        return max((line["value"] for line in self.of("highest") if line["device"] == device), default=0.0)

    def target(self, device: str) -> float | None:
        """Return what a device aims at now."""
        return next((line["value"] for line in reversed(self.of("target")) if line["device"] == device), None)

    def fail(self, device: str) -> None:
        """Let a device find out that its sensor is broken."""
        self._faults.write(f"fault {device}\n".encode())

    async def read(self, record: asyncio.StreamReader) -> None:
        """Take in the record, until it ends."""
        async for text in record:
            line = json.loads(text)
            if "transport" in line:
                self.transport = line["transport"]
            else:
                self.lines.append(line)


@contextlib.asynccontextmanager
async def witness(*, endless: bool = False, speed: float = 1) -> AsyncIterator[Witness]:
    """Let a witness run for the block.

    `endless`: its devices know no lease, and go on when the link is lost. `speed`: of their clock.
    """
    with contextlib.ExitStack() as stack:
        (stdin, faults), (record, stdout) = (_pipe(stack) for _ in range(2))
        process = await asyncio.to_thread(
            fork_server().begin,
            *(str(speed), *(["--endless"] if endless else [])),
            main="tests.system.witness",
            cwd=ROOT,
            env=environment(),
            stdin=stdin,
            stdout=stdout,
        )
        stdin.close()
        stdout.close()
        seen = Witness(faults)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, record)
        reading = asyncio.create_task(seen.read(reader))
        try:
            await wait(lambda: bool(seen.transport) or process.returncode is not None)
            assert seen.transport
            yield seen
        finally:
            process.kill()
            await process.wait()
            await reading


def _pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Return the ends of a pipe, for reading and for writing; `stack` closes them."""
    reader, writer = os.pipe()
    return stack.enter_context(os.fdopen(reader, "rb", 0)), stack.enter_context(os.fdopen(writer, "wb", 0))


class Service:
    """The service as an owner runs it: started again and again, with the same settings, devices and store."""

    def __init__(self, folder: Path, broker: Mosquitto, seen: Witness, other: Ear, speed: float = 1) -> None:
        """`speed`: of its clock and of the devices'."""
        self.folder = folder
        self.speed = speed
        self.seen = seen
        self.other = other
        self.store = folder / "letdown.db"
        self.config = folder / "letdown.yaml"
        self.routines = folder / "routines"
        self._broker = broker
        self._began = datetime.now(UTC)
        folder.mkdir(exist_ok=True)
        for name, step in ROUTINES.items():
            write_routine(self.routines, name, step)
        self.configure()

    def configure(
        self,
        *,
        comfort: int = COMFORT_MMHG,
        pump: str = "open-pump",
        routines: Sequence[Path] = (),
        web_port: int | None = None,
    ) -> None:
        """Write the settings. `routines`: more folders of them. `web_port`: that of the page, else a free one."""
        text = CONFIG.format(
            transport=self.seen.transport,
            broker=self._broker.url,
            store=self.store,
            comfort=comfort,
            pump=pump,
            routines=json.dumps([str(each) for each in (self.routines, *routines)]),
        )
        if web_port is not None:
            text += f"web: {{port: {web_port}}}\n"
        self.config.write_text(text, encoding="utf-8")

    @contextlib.asynccontextmanager
    async def running(self, command: Sequence[str] = (), *, complains: bool = False) -> AsyncIterator[Program]:
        """Run it for the block. Messages are recorded anew.

        `command`: what to run instead of `letdown`. `complains`: it may log errors.
        """
        self.other.heard.clear()
        self._began = datetime.now(UTC)
        log = self.folder / f"log-{next(NUMBERS)}"
        with log.open("wb") as file:
            process = await self._begun(command, file)
        running = Program(process, log)
        try:
            yield running
        finally:
            if process.returncode is None:
                await running.kill()
            print(running.log)  # noqa: T201 - pytest shows it when the test fails
        if not complains:
            assert "Traceback" not in running.log
            assert " ERROR " not in running.log

    async def _begun(self, command: Sequence[str], log: IO[bytes]) -> asyncio.subprocess.Process | ForkedProcess:
        arguments = ("run", "--config", str(self.config), "--reload-on-hangup", "--speed", str(self.speed))
        env = environment(LETDOWN_MQTT__NODE=TOPICS.node)
        if command:
            return await asyncio.create_subprocess_exec(
                *(*command, *arguments),
                cwd=self.folder,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return await asyncio.to_thread(
            fork_server().begin, *arguments, cwd=self.folder, env=env, stdout=log, stderr=log
        )

    async def kill(self, process: Program) -> float:
        """Kill it, wait until everybody has noticed, and return when it was."""
        at = time.monotonic()
        await process.kill()
        await wait(lambda: not self.seen.connected)
        if "online" in self.other.payloads(STATUS):
            await wait(lambda: self.other.payloads(STATUS)[-1] == "offline")
        return at

    async def ready(self, process: Program, rounds: int = 1) -> None:
        """Wait until it accepts commands, and has all its devices: anew, when it has taken over new settings."""

        def ready() -> bool:
            *before, latest = process.log.split("serving home")
            return (
                len(before) >= rounds
                and "connected to the broker" in latest
                and latest.count(" is connected (") == len(DEVICES)
            )

        await wait(ready)

    async def start(self, routine: str) -> dict[str, Any]:
        """Ask for a session, and return the reply."""
        return await ask(self.other, "start", routine=routine, side="both", no_symptoms=True)

    async def start_and_run(self, routine: str) -> str:
        """Start a session, wait until a device is on, and return its id."""
        reply = await self.start(routine)
        assert reply["outcome"] == "accepted", reply
        await wait(lambda: bool(self.seen.on))
        return str(reply["session_id"])

    async def history(self) -> dict[str, SessionRecord]:
        """Return what the store knows of sessions, by their ids."""
        async with HistoryStore.opened(self.store.with_name("letdown-history.db")) as store:
            records = await SessionRecords(store).sessions()
        return {record.id: record for record in records}

    @property
    def uncertain(self) -> list[set[str]]:
        """What it said of uncertain devices, from its first word on."""
        return [set(each["uncertain"]) for each in self.other.values(STATE)]

    @property
    def settled(self) -> set[str]:
        """The devices that it said are off after all."""
        return {each["data"]["device"] for each in self.events("stop_confirmed")}

    def events(self, kind: str) -> list[Line]:
        """Return what happened since it was started, of one kind; what waited since an earlier time is left out."""
        happened = [Event.model_validate(each) for each in self.other.values(EVENT)]
        return [each.model_dump(mode="json") for each in happened if each.type == kind and each.time >= self._began]


@contextlib.asynccontextmanager
async def service_under_test(folder: Path, *, endless: bool = False, speed: float = 1) -> AsyncIterator[Service]:
    """Have a witness, a broker, and a service that can be started."""
    async with mosquitto() as broker, witness(endless=endless, speed=speed) as seen, ear(broker.url) as other:
        yield Service(folder, broker, seen, other, speed)
