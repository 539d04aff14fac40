"""Whether Bluetooth hears anything, as it is told, and what is done about a receiver that is deaf."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import pytest

from controller.events import Hearing, Stream
from controller.hearing import DEAF_SECONDS, Ears
from devices.backend import Backend
from devices.clock import ScaledClock
from devices.errors import NotFoundError
from devices.radio import Radio
from tests.devices.test_radio import Scanner


class Silent:
    """A station, of which only this is asked."""

    hears = False
    running = False


class Deaf:
    """An adapter: how often it was told to scan, and whether it can be, and was, switched off and on."""

    def __init__(self) -> None:
        self.scans = 0
        self.cycles = 0
        self.refuses = False

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[Backend]:
        deaf = self

        class Counting(Scanner):
            async def start(self) -> None:
                deaf.scans += 1

        async def power_cycle() -> None:
            deaf.cycles += 1
            if deaf.refuses:
                raise NotFoundError("bluetoothd refuses")

        yield Backend(Counting, power_cycle=power_cycle, name="hci0")


class Room:
    """Ears on an adapter of which the test says when it hears."""

    def __init__(self, *, power_cycle: bool = False) -> None:
        self.clock, self.stream, self.station, self.adapter = ScaledClock(math.inf), Stream(), Silent(), Deaf()
        self.told: list[bool] = []
        self.radio = Radio(self.clock, self.adapter)
        self.power_cycle = power_cycle
        self.stream.subscribe(lambda item: self.told.append(item.online) if isinstance(item, Hearing) else None)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        ears = Ears(self.clock, self.radio, [self.station], self.stream, power_cycle=self.power_cycle)
        async with self.radio:
            task = asyncio.create_task(ears.run())
            yield
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def hear(self) -> None:
        Scanner.latest.hear("C0:00:00:00:00:01", "Pump")


async def test_a_radio_that_hears_nothing_is_offline_until_it_hears_something() -> None:
    room = Room()
    async with room.listening():
        await room.clock.sleep(DEAF_SECONDS - 10)
        assert room.told == [True]
        await room.clock.sleep(20)
        assert room.told == [True, False]
        room.hear()
        await room.clock.sleep(10)
        assert room.told == [True, False, True]
        await room.clock.sleep(DEAF_SECONDS + 10)
        assert room.told == [True, False, True, False]
        room.station.hears = True  # who is connected need not advertise
        await room.clock.sleep(10)
        assert room.told[-1]


async def test_what_hears_nothing_scans_anew_once_for_each_silence(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    async with room.listening():
        await room.clock.sleep(DEAF_SECONDS * 10)
        assert (room.adapter.scans, room.adapter.cycles) == (2, 0)
        assert "the Bluetooth adapter hci0 has heard nothing for 60 s: it scans anew" in caplog.text
        room.hear()
        await room.clock.sleep(DEAF_SECONDS + 10)
        assert room.adapter.scans == 3


async def test_what_hears_something_is_left_alone() -> None:
    room = Room(power_cycle=True)
    async with room.listening():
        for _ in range(20):
            await room.clock.sleep(DEAF_SECONDS / 2)
            room.hear()
        assert (room.adapter.scans, room.adapter.cycles) == (1, 0)


async def test_where_the_owner_lets_it_an_adapter_that_stays_deaf_is_switched_off_and_on_once() -> None:
    room = Room(power_cycle=True)
    async with room.listening():
        await room.clock.sleep(DEAF_SECONDS + 10)
        assert (room.adapter.scans, room.adapter.cycles) == (2, 0)
        await room.clock.sleep(DEAF_SECONDS)
        assert room.adapter.cycles == 1
        await room.clock.sleep(DEAF_SECONDS * 10)
        assert room.adapter.cycles == 1


@pytest.mark.parametrize("what", ["hears", "running"])
async def test_never_while_a_device_is_connected_or_a_session_runs(what: str) -> None:
    room = Room(power_cycle=True)
    setattr(room.station, what, True)
    async with room.listening():
        await room.clock.sleep(DEAF_SECONDS * 10)
        assert room.adapter.cycles == 0
        setattr(room.station, what, False)
        await room.clock.sleep(10)
        assert room.adapter.cycles == 1


async def test_an_adapter_that_cannot_be_switched_harms_nothing() -> None:
    room = Room(power_cycle=True)
    room.adapter.refuses = True
    async with room.listening():
        await room.clock.sleep(DEAF_SECONDS * 3)
        assert room.told == [True, False]
        room.hear()
        await room.clock.sleep(10)
        assert room.told[-1]
