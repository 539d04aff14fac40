"""The vendor's app on a phone: connects over bleak, greets, polls, answers the pump, sends what its buttons send."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from bleak import BleakClient
from bleak.backends.client import BaseBleakClient

from devices.capture.labels import LabeledAction
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.profiles.codec import Codec
from devices.profiles.connection_tasks import clock_values
from devices.profiles.profile_parts import Periodic
from devices.support.clock import Clock
from tests.helpers.invented_vendors.invented_vendor import Button, InventedVendor

_ANSWER_SECONDS = (0.02, 0.08)  # how long the app takes to answer, and between two writes
_GREETING_SECONDS = 0.15


class VendorApp:
    """One app, used for one recording. `began`: when the clock stood at 0. `backend`: `None` is bleak's own."""

    def __init__(
        self, vendor: InventedVendor, backend: type[BaseBleakClient] | None, clock: Clock, began: datetime, seed: int
    ) -> None:
        self._vendor = vendor
        self._profile = vendor.profile
        self._codec = Codec(vendor.profile)
        self._backend = backend
        self._clock = clock
        self._began = began
        self._random = random.Random(f"app {vendor.profile.id} {seed}")
        self._client: BleakClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._counter = 0
        self._set: dict[str, Value] = {}
        self._levels: dict[Value, Value] = {"stimulation": 1, "expression": 2}  # of each phase, the last

    async def connect(self, address: str) -> None:
        """Connect, subscribe, read, greet, set the clock, and begin to poll."""
        client = self._client = BleakClient(address, backend=self._backend)
        await client.connect()
        self._counter = 0
        for name, channel in self._profile.channels.items():
            if channel.notify or channel.indicate:
                await client.start_notify(self._handle(name), self._listener(name))
        for name in self._vendor.app.reads:
            await client.read_gatt_char(self._handle(name))
        spec = self._profile.connection
        for command in (*(step.command for step in spec.handshake), *self._vendor.app.greets_with):
            await self._send(command)
            await self._clock.sleep(_GREETING_SECONDS)
        if spec.clock is not None:
            await self._send(spec.clock)
        for each in (spec.keepalive, *spec.poll):
            if each is not None:
                self._begin(self._repeat(each))

    async def disconnect(self) -> None:
        """End what it does by itself, and the connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.disconnect()

    async def press(self, action: LabeledAction) -> None:
        """Do what a press of a button does."""
        changed = dict(action.values)
        if self._vendor.app.remembers_levels and changed.keys() == {"phase"}:
            changed["level"] = self._levels[changed["phase"]]
        switched = changed.get("phase") not in (None, self._set.get("phase"))
        self._set |= changed
        self._levels[self._set.get("phase")] = self._set.get("level")
        own = self._vendor.app.buttons
        button: Button
        if action.do == "adjust":
            button = "phase" if switched else "level"
            commands = own.get(button, ("adjust",))
        else:
            commands = own.get(action.do, (action.do,))  # type: ignore[call-overload]
        for command in commands:
            await self._send(command)

    async def _send(self, name: str, values: Mapping[str, Value] | None = None) -> None:
        now = self._began + timedelta(seconds=self._clock.now())
        known = {**clock_values(now), "duration_minutes": 30, **self._set, **(values or {})}
        for part, part_values, wait_seconds in self._codec.packets(name, known):
            channel, data = self._encode(part, part_values)
            await self._write(channel, data)
            await self._clock.sleep(wait_seconds or self._random.uniform(*_ANSWER_SECONDS))

    def _encode(self, name: str, values: Mapping[str, Value]) -> tuple[str, bytes]:
        self._counter = (self._counter + 1) & 0xFF
        packet = self._codec.encode_command(name, values, self._counter)
        return packet.channel, packet.data

    async def _write(self, channel: str, data: bytes) -> None:
        assert self._client is not None
        size = self._profile.link.chunk_bytes or len(data)
        response = self._profile.channels[channel].write != "without-response"
        for at in range(0, len(data), size):
            await self._client.write_gatt_char(self._handle(channel), data[at : at + size], response=response)

    async def _repeat(self, each: Periodic) -> None:
        while True:
            await self._clock.sleep(each.every_seconds)
            if each.command is not None:
                await self._send(each.command)
            elif each.channel is not None and self._client is not None:
                await self._client.read_gatt_char(self._handle(each.channel))

    def _listener(self, channel: str) -> Callable[[object, bytearray], None]:
        joiner = self._codec.joiner(channel)

        def listen(_: object, data: bytearray) -> None:
            packets: Iterable[bytes] = [bytes(data)] if joiner is None else joiner.feed(bytes(data))
            for packet in packets:
                self._on_packet(channel, packet)

        return listen

    def _on_packet(self, channel: str, packet: bytes) -> None:
        with contextlib.suppress(ProtocolError):
            message = self._codec.decode_report(channel, packet)
            report = self._profile.reports.get(message.name)
            if report is not None and report.acknowledge is not None:
                self._begin(self._acknowledge(report.acknowledge.command, message.values))

    async def _acknowledge(self, command: str, values: Mapping[str, Value]) -> None:
        await self._clock.sleep(self._random.uniform(*_ANSWER_SECONDS))
        await self._send(command, values)

    def _begin(self, work: asyncio._CoroutineLike[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(partial(_forget, self._tasks))

    def _handle(self, name: str) -> str:
        uuid = self._profile.channels[name].characteristic
        assert uuid is not None
        return uuid


def _forget(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.discard(task)
