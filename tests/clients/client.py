"""Somebody else's client in a process of its own, and virtual devices for it in this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from bumble.device import Device

from devices.virtual.gatt_server import GattServer
from devices.virtual.transports import Air, serve_controller
from tests.helpers import installed
from tests.helpers.command_line import ROOT, environment

_PROGRAMS = ROOT / "tests/clients/programs"
_ANSWER_SECONDS = 30.0
_TICK_SECONDS = 0.1
_LOOK_SECONDS = 0.05
_TURNS_OF_LATE_REQUESTS = 20  # as in `devices.virtual.virtual_home`


class ClientError(Exception):
    """What the client raised: the name of its class, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Client:
    """The client's process. `used`: the names of the operations that were called so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.used: set[str] = set()
        self._process = process

    async def call(self, name: str, *args: Any) -> Any:
        """Use an operation of the client; return what it returns, or raise what it raises as `ClientError`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.used.add(name)
        self._process.stdin.write(json.dumps({"call": name, "args": args}).encode() + b"\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            line = await self._process.stdout.readline()
        assert line, f"the client's process ended during {name}"
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"], answer["text"])
        return answer["result"]

    async def until(self, name: str, wanted: Callable[[Any], bool], within_seconds: float = 20.0) -> Any:
        """Ask again and again until the client returns something wanted, and return that."""
        end = time.monotonic() + within_seconds
        while not wanted(result := await self.call(name)):
            assert time.monotonic() < end, f"{name} is still {result}"
            await asyncio.sleep(_LOOK_SECONDS)
        return result


class OnAir(Protocol):
    """A twin of any kind."""

    name: str
    server: GattServer | None

    async def serve(self, device: Device) -> None:
        """Become reachable."""

    def tick(self) -> None:
        """Let time pass."""


class Devices:
    """The virtual devices, where another process reaches them."""

    def __init__(self, air: Air, transport: str) -> None:
        self.transport = transport
        self._air = air
        self._peripherals: dict[str, Device] = {}

    async def add(self, twin: OnAir) -> None:
        """Put a twin on the air."""
        self._peripherals[twin.name] = await self._air.add_peripheral(twin.name)
        await twin.serve(self._peripherals[twin.name])

    def address(self, twin: OnAir) -> str:
        """Return where it is."""
        return str(self._peripherals[twin.name].random_address.to_string(with_type_qualifier=False))

    def lose_link(self, twin: OnAir) -> None:
        """End its connection the way a lost radio does."""
        self._air.lose_link(self._peripherals[twin.name])


@contextlib.asynccontextmanager
async def on_air(*twins: OnAir) -> AsyncIterator[Devices]:
    """Have twins on a virtual radio for the block, and let their time pass."""
    air = Air()

    async def tick() -> None:
        while True:
            for twin in twins:
                twin.tick()
            await asyncio.sleep(_TICK_SECONDS)

    async with serve_controller(air, "tcp-server:127.0.0.1:0") as transport:
        devices = Devices(air, transport)
        for twin in twins:
            await devices.add(twin)
        ticking = asyncio.create_task(tick())
        try:
            yield devices
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            for twin in twins:
                if twin.server is not None:
                    await twin.server.stop()
            for _ in range(_TURNS_OF_LATE_REQUESTS):
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def client(program: str, transport: str) -> AsyncIterator[Client]:
    """Run one of the programs beside this file for the block."""
    process = await asyncio.create_subprocess_exec(
        *(_python(), str(_PROGRAMS / program), transport),
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Client(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(_ANSWER_SECONDS):
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def output_of(program: str, *arguments: str) -> str:
    """Return what one of the programs beside this file prints until it ends."""
    process = await asyncio.create_subprocess_exec(
        *(_python(), str(_PROGRAMS / program), *arguments),
        env=environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, output.decode()
    return output.decode()


def _python() -> str:
    """Return the Python that has the clients, or skip."""
    return str(installed.program("clients", "tests/clients/requirements.txt", "python"))
