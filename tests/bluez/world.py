"""The guest's world: a kernel's adapter on the virtual air, bluetoothd, virtual devices, and a broker."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from bumble import gatt
from bumble.device import Device

from devices.profiles.catalog import Catalog
from devices.support.clock import RealClock
from devices.virtual.body_for import Embody, embody
from devices.virtual.transports import Air, serve_controller
from devices.virtual.virtual_home import DEVICES, DescribedDevice, Home
from tests.helpers.mosquitto import Mosquitto, find, mosquitto
from tests.helpers.patience import patient

DAEMON = next(
    (each for each in ("/usr/libexec/bluetooth/bluetoothd", "/usr/lib/bluetooth/bluetoothd") if Path(each).exists()),
    "bluetoothd",
)
KEPT = Path("/var/lib/bluetooth")
_ADVERTISING_INTERVAL_MS = 500.0


class GuestAir(Air):
    """An air that knows its peripherals by name. They advertise seldom, for a guest that is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.peripherals: dict[str, Device] = {}

    async def add_peripheral(self, name: str, address: str | None = None) -> Device:
        """Remember it."""
        device = await super().add_peripheral(name, address)
        device.advertising_interval_min = device.advertising_interval_max = _ADVERTISING_INTERVAL_MS
        self.peripherals[name] = device
        return device


class Daemon:
    """bluetoothd, and what it says."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it is there."""
        with self.log.open("ab") as file:
            self._process = await asyncio.create_subprocess_exec(DAEMON, "-n", stdout=file, stderr=file)
        await until_ok("busctl", "introspect", "org.bluez", "/org/bluez")

    async def stop(self) -> None:
        """Kill it, as a crash would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            code = await self._process.wait()
            self._process = None
            with self.log.open("a") as file:
                file.write(f"bluetoothd ended with {code}\n")


async def run(*command: str, seconds: float = 20.0) -> tuple[int, str]:
    """Run a command; return its code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        find(command[0]),
        *command[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(patient(seconds)):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise TimeoutError(f"`{' '.join(command)}` has not ended in {patient(seconds):g} s") from None
    return process.returncode or 0, said.decode()


async def typed(program: str, *lines: str, until: str) -> str:
    """Type lines into a program, two a second, and return what it said when it has said the awaited words."""
    process = await asyncio.create_subprocess_exec(
        find(program), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for line in lines:
        await asyncio.sleep(0.5)
        process.stdin.write(line.encode() + b"\n")
    said = b""
    with contextlib.suppress(TimeoutError):  # what it said instead shows where it hung
        async with asyncio.timeout(patient(20)):
            while until.encode() not in said and (piece := await process.stdout.read(4096)):
                said += piece
    more, _ = await process.communicate(b"quit\n")
    return (said + more).decode()


async def until_ok(*command: str, seconds: float = 20.0) -> str:
    """Run a command until it succeeds."""
    code, said = await run(*command)
    end_seconds = time.monotonic() + patient(seconds)
    while code != 0:
        if time.monotonic() > end_seconds:
            raise TimeoutError(f"`{' '.join(command)}` still ends with {code} after {patient(seconds):g} s: {said}")
        await asyncio.sleep(0.1)
        code, said = await run(*command)
    return said


class World:
    """All of it. `home`: the virtual devices, by their keys."""

    def __init__(self, air: GuestAir, home: Home, daemon: Daemon, broker: Mosquitto, folder: Path) -> None:
        self.air = air
        self.home = home
        self.daemon = daemon
        self.broker = broker
        self.folder = folder

    async def power(self, adapter: str, *, on: bool) -> None:
        """Switch an adapter on or off, as `bluetoothctl power` does."""
        words = ("org.bluez", f"/org/bluez/{adapter}", "org.bluez.Adapter1", "Powered", "b", "true" if on else "false")
        await until_ok("busctl", "set-property", *words)

    async def replace(self, key: str, with_first: gatt.Service) -> None:
        """Give a device another table, as an update of its software might: one more service before all others."""
        twin, device = self.home.twins[key], self.air.peripherals[self.home.twins[key].name]
        assert twin.server is not None
        await twin.server.stop()
        self.air.remove(device)
        new = await self.air.add_peripheral(twin.name, str(device.random_address))
        new.add_service(with_first)
        await twin.serve(new)

    def address(self, key: str) -> str:
        """Return where a device is."""
        return str(self.air.peripherals[self.home.twins[key].name].random_address).partition("/")[0]

    def lose_link(self, key: str) -> None:
        """End a device's connection the way a lost radio does."""
        self.air.lose_link(self.air.peripherals[self.home.twins[key].name])


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    devices: Sequence[DescribedDevice] = DEVICES,
    catalog: Catalog | None = None,
    prepare: Callable[[Home], None] = lambda _: None,
    adapters: int = 1,
    embody: Embody = embody,
) -> AsyncIterator[World]:
    """Bring it up for the block; BlueZ remembers nothing of the one before. `embody`: what gives bodies."""
    clock, air = RealClock(), GuestAir()
    home = Home(clock, catalog or Catalog.load(), devices, 2, embody)
    prepare(home)
    shutil.rmtree(KEPT, ignore_errors=True)
    daemon = Daemon(folder / "bluetoothd.log")
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(mosquitto())
        await stack.enter_async_context(home.on_air(air))
        for _ in range(adapters):
            await stack.enter_async_context(serve_controller(air, "vhci:/dev/vhci"))
        await daemon.start()
        try:
            it = World(air, home, daemon, broker, folder)
            for number in range(adapters):
                await it.power(f"hci{number}", on=True)
            yield it
        finally:
            await daemon.stop()
            print(daemon.log.read_text())  # noqa: T201 - pytest shows it when the test fails
