"""A made-up device on a made-up radio, for the driver to talk to. It does as the test says, and records all writes."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DeviceRole, roles_of
from devices.driver.vocabulary import Value
from devices.profiles.codec import Codec
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from tests.helpers.profile_snippets import profile

ADDRESS = "C0:00:00:00:00:01"


@dataclass(frozen=True)
class Written:
    """A write as it came in."""

    at_seconds: float
    channel: str
    data: bytes
    response: bool


class Peer(Radio):
    """Device and radio in one. `on_write` is called with each write; `readable` has the values that can be read.

    It has just the characteristics of its profile, at handles 2, 4, …, or at those that the profile names.
    """

    def __init__(self, described: Profile, clock: ScaledClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.codec = Codec(described)
        self.written: list[Written] = []
        self.reads: list[tuple[float, str]] = []
        self.readable: dict[str, bytes] = {}
        self.on_write: Callable[[str, bytes], object] = lambda _channel, _data: None
        self.connections = 0
        self.properties = {name: channel.needs for name, channel in described.channels.items()}
        self.missing: set[str] = set()
        self.reachable = True
        self._profile = described.with_member(described.member)
        self._names: dict[int, str] = {}
        self._callbacks: dict[str, Callable[[bytearray], None]] = {}
        self._on_lost: Callable[[], None] = lambda: None
        self.services = BleakGATTServiceCollection()

    # What the test does with it

    @property
    def received(self) -> list[bytes]:
        """All bytes that were written, in order."""
        return [each.data for each in self.written]

    def commands(self, *names: str) -> list[str]:
        """Return the commands that it understood, in order."""
        found = [self.codec.decode_command(each.channel, each.data).name for each in self.written]
        return [name for name in found if not names or name in names]

    def times(self, data: bytes) -> list[float]:
        """Return when some bytes were written."""
        return [round(each.at_seconds, 3) for each in self.written if each.data == data]

    def report(self, report: str, counter: int = 0, **values: Value) -> None:
        """Send a report."""
        packet = self.codec.encode_report(report, values, counter)
        self.notify(packet.channel, packet.data)

    def notify(self, channel: str, data: bytes) -> None:
        """Send bytes."""
        self._callbacks[channel](bytearray(data))

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something after simulated seconds."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            do()

        self._task = asyncio.create_task(wait())

    def lose_link(self) -> None:
        """End the connection, the way a device out of reach does."""
        self._callbacks.clear()
        self._on_lost()

    # What a radio does

    async def find(self, wanted: Callable[[Advertisement], bool], newer_than_seconds: float) -> Advertisement:
        while not self.reachable:
            await self.clock.sleep(1)
        device = BLEDevice(ADDRESS, "Made up", None)
        return Advertisement(ADDRESS, "Made up", frozenset(), {}, {}, -60, None, self.clock.now(), device)

    async def connect(self, advertisement: Advertisement, name: str, on_lost: Callable[[], None]) -> Any:
        self.connections += 1
        self._on_lost = on_lost
        self._offer()
        return self

    def _offer(self) -> None:
        self.services, self._names = BleakGATTServiceCollection(), {}
        services: dict[str, BleakGATTService] = {}
        for number, (name, channel) in enumerate(self._profile.channels.items(), 1):
            if name in self.missing:
                continue
            uuid = channel.service or "0000ffff-0000-1000-8000-00805f9b34fb"
            if uuid not in services:
                services[uuid] = BleakGATTService(None, 100 + number, uuid)
                self.services.add_service(services[uuid])
            handle = channel.handle or 2 * number
            self._names[handle] = name
            characteristic = channel.characteristic or f"{handle:08x}-0000-1000-8000-00805f9b34fb"
            properties = cast("Any", sorted(self.properties[name]))
            self.services.add_characteristic(
                BleakGATTCharacteristic(None, handle, characteristic, properties, lambda: 20, services[uuid])
            )

    # What a connection of bleak does

    async def write_gatt_char(self, target: BleakGATTCharacteristic, data: bytes, *, response: bool) -> None:
        channel = self._names[target.handle]
        self.written.append(Written(self.clock.now(), channel, data, response))
        self.on_write(channel, data)

    async def read_gatt_char(self, target: BleakGATTCharacteristic) -> bytearray:
        channel = self._names[target.handle]
        self.reads.append((round(self.clock.now(), 3), channel))
        if channel not in self.readable:
            raise BleakError("nothing to read")
        return bytearray(self.readable[channel])

    async def start_notify(self, target: BleakGATTCharacteristic, callback: Any, **_options: Any) -> None:
        self._callbacks[self._names[target.handle]] = lambda data: callback(target, data)

    async def disconnect(self) -> None:
        self._callbacks.clear()


class Talk:
    """A device of the driver, and its peer."""

    def __init__(self, device: ProfileDevice, peer: Peer) -> None:
        self.device = device
        self.peer = peer
        self.clock = peer.clock
        self.role: DeviceRole = roles_of(device)[0]

    async def until_connected(self, within_seconds: float = 10.0) -> None:
        """Wait for a connection that is set up: without any time passing, or else in simulated time."""
        for _ in range(200):
            if self.device.link.connected:
                return
            await asyncio.sleep(0)
        began_seconds = self.clock.now()
        while not self.device.link.connected:
            assert self.clock.now() - began_seconds < within_seconds, self.device.link.problem
            await self.clock.sleep(0.001)


@contextlib.asynccontextmanager
async def talking(
    snippet: str,
    role: str = "pump",
    *,
    prepare: Callable[[Peer], object] = lambda _peer: None,
    connected: bool = True,
    **options: Any,
) -> AsyncIterator[Talk]:
    """Yield a driver and a peer that a snippet of a profile describes; `prepare` tells the peer what to do."""
    described = profile(snippet, role)
    clock = ScaledClock(math.inf)
    peer = Peer(described, clock)
    prepare(peer)
    device = ProfileDevice(
        peer, clock, described, DeviceOptions("left pump", Side.LEFT, lambda _advertisement: True, **options)
    )
    talk = Talk(device, peer)
    task = asyncio.create_task(device.run())
    try:
        async with asyncio.timeout(10):
            if connected:
                await talk.until_connected()
            yield talk
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
