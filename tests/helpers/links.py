"""A link on a scripted radio, and what the link announces."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.link import CharacteristicRef, Link
from devices.bluetooth.radio import Radio
from devices.driver.vocabulary import full_uuid
from devices.roles import LinkState
from devices.support.clock import ScaledClock

SERVICE, OTHER_SERVICE = full_uuid("ffb0"), full_uuid("ffc0")
COMMAND, REPORT = CharacteristicRef(SERVICE, full_uuid("ffb1")), CharacteristicRef(SERVICE, full_uuid("ffb2"))
SEARCHING, CONNECTING, CONNECTED, _HEARD, LOST, CLOSED = LinkState
TROUBLE = [  # the last two come from a D-Bus connection that ended
    *(BleakError("Not connected"), TimeoutError(), OSError("broken pipe"), EOFError()),
]


def services(*uuids: str) -> BleakGATTServiceCollection:
    found = BleakGATTServiceCollection()
    for at, uuid in enumerate(uuids):
        service = BleakGATTService(None, 16 * at + 1, uuid)
        found.add_service(service)
        for offset, (place, properties) in enumerate([(COMMAND, ["write"]), (REPORT, ["read", "notify"])]):
            found.add_characteristic(
                BleakGATTCharacteristic(
                    None, 16 * at + 2 + offset, str(place), cast("Any", properties), lambda: 20, service
                )
            )
    return found


class Client:
    """A connection as bleak shows it. `does` is awaited in place of every operation on the air."""

    def __init__(self, *uuids: str) -> None:
        self.discovered: BleakGATTServiceCollection | None = services(*(uuids or (SERVICE,)))
        self.written: list[tuple[str, bytes, bool]] = []
        self.notify: Callable[[bytearray], None] = lambda _: None
        self.notify_options: list[dict[str, Any]] = []
        self.disconnects = 0
        self.does: Callable[[], Awaitable[None]] = nothing
        self.on_disconnect: Callable[[], Awaitable[None]] = nothing

    @property
    def services(self) -> BleakGATTServiceCollection:
        if self.discovered is None:
            raise BleakError("Service Discovery has not been performed yet")  # as bleak does
        return self.discovered

    async def write_gatt_char(self, target: BleakGATTCharacteristic, data: bytes, *, response: bool) -> None:
        self.written.append((target.uuid, data, response))
        await self.does()

    async def read_gatt_char(self, target: BleakGATTCharacteristic) -> bytearray:
        await self.does()
        return bytearray(b"report")

    async def start_notify(
        self, target: BleakGATTCharacteristic, callback: Callable[..., None], **options: Any
    ) -> None:
        self.notify_options.append(options)
        await self.does()
        self.notify = lambda data: callback(target, data)

    async def disconnect(self) -> None:
        self.disconnects += 1
        await self.on_disconnect()


class FakeRadio(Radio):
    """Finds the device at once, unless it is switched off, and connects as `plan` says, one entry a time."""

    def __init__(self, clock: ScaledClock, *plan: Client | Exception) -> None:
        super().__init__(clock)
        self.clock = clock
        self.plan = list(plan)
        self.found_when = asyncio.Event()
        self.found_when.set()
        self.connects_when = asyncio.Event()
        self.connects_when.set()
        self.searched_from: list[float] = []
        self.connected_at: list[float] = []
        self.losers: list[Callable[[], None]] = []

    async def find(self, wanted: Callable[[Advertisement], bool], newer_than_seconds: float) -> Advertisement:
        self.searched_from.append(newer_than_seconds)
        await self.found_when.wait()
        address = "C0:00:00:00:00:01"
        return Advertisement(
            address, "Pump", frozenset(), {}, {}, -60, None, self.clock.now(), BLEDevice(address, "Pump", None)
        )

    async def connect(self, advertisement: Advertisement, name: str, on_lost: Callable[[], None]) -> Any:
        self.connected_at.append(self.clock.now())
        self.losers.append(on_lost)
        await self.connects_when.wait()
        if not self.plan:
            await asyncio.Event().wait()
        planned = self.plan.pop(0)
        if isinstance(planned, Exception):
            raise planned
        return planned


class Bench:
    """A link on a fake radio, and what it announced. `beside`: another bench, on whose radio it is."""

    def __init__(self, *plan: Client | Exception, name: str = "left pump", beside: Bench | None = None) -> None:
        self.clock = ScaledClock(math.inf) if beside is None else beside.clock
        self.radio = FakeRadio(self.clock, *plan) if beside is None else beside.radio
        self.states: list[LinkState] = []
        self.set_up: Callable[[], Awaitable[None]] = nothing
        self._changed = asyncio.Event()
        self.link = Link(self.radio, self.clock, name, lambda _: True, self._on_connected, self._on_change)

    async def _on_connected(self) -> None:
        await self.set_up()

    def _on_change(self) -> None:
        self.states.append(self.link.state)
        self._changed.set()

    async def announced(self, state: LinkState, times: int = 1) -> None:
        """Wait until `state` was announced so often."""
        async with asyncio.timeout(2):
            while self.states.count(state) < times:
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.link.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task}, timeout=2)
            assert task.done()
            assert task.cancelled() or task.exception() is not None

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncio.Task[None]]:
        async with self.running() as task:
            await self.announced(CONNECTED)
            yield task


async def nothing() -> None:
    """Answer at once."""


async def never() -> None:
    """Give no answer."""
    await asyncio.Event().wait()


def raises(error: Exception) -> Callable[[], Awaitable[None]]:
    async def does() -> None:
        raise error

    return does


async def ask(bench: Bench, what: str) -> None:
    """Ask the device for something, and make nothing of the answer."""
    if what == "read":
        await bench.link.read(REPORT)
    elif what == "subscribe":
        await bench.link.subscribe(REPORT, lambda _: None)
    else:
        await bench.link.write(COMMAND, b"x", response=True)


async def turns(count: int = 10) -> None:
    """Let everything that can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)
