"""Whether Bluetooth hears anything, as it is told, and what is done about an adapter that is silent."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import ScannerHealth
from controller.contract.stream import Stream
from controller.service.scanner_watchdog import SILENT_SECONDS, ScannerWatchdog
from devices.bluetooth.backend import Backend
from devices.bluetooth.radio import Radio
from devices.errors import AdapterUnavailableError
from devices.support.clock import ScaledClock
from tests.helpers.scripted_radio import Scanner, ScriptedBackend


class SilentAdapter:
    """An adapter: how often it was told to scan, and whether it can be, and was, switched off and on."""

    def __init__(self) -> None:
        self.scans = 0
        self.cycles = 0
        self.refuses = False

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[Backend]:
        silent = self

        class Counting(Scanner):
            async def start(self) -> None:
                silent.scans += 1

        class Cycled(ScriptedBackend):
            async def power_cycle(self) -> bool:
                silent.cycles += 1
                if silent.refuses:
                    raise AdapterUnavailableError("bluetoothd refuses")
                return True

        yield Cycled(Counting, "hci0")


class Room:
    """A watchdog on an adapter of which the test says when it receives anything."""

    def __init__(self, *, power_cycle: bool = False) -> None:
        self.clock, self.stream, self.adapter = ScaledClock(math.inf), Stream(), SilentAdapter()
        self.in_contact = self.session_running = self.all_connected = False
        self.recorded: list[bool] = []
        self.radio = Radio(self.clock, self.adapter)
        self.power_cycle = power_cycle
        self.stream.subscribe(
            lambda item: self.recorded.append(item.online) if isinstance(item, ScannerHealth) else None
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        watchdog = ScannerWatchdog(
            self.clock,
            self.radio,
            self.stream,
            in_contact=lambda: self.in_contact,
            session_running=lambda: self.session_running,
            all_connected=lambda: self.all_connected,
            power_cycle=self.power_cycle,
        )
        async with self.radio:
            task = asyncio.create_task(watchdog.run())
            yield
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def advertise_once(self) -> None:
        Scanner.latest.advertise_once("C0:00:00:00:00:01", "Pump")


async def test_a_radio_that_hears_nothing_is_offline_until_it_hears_something() -> None:
    room = Room()
    async with room.listening():
        await room.clock.sleep(SILENT_SECONDS - 10)
        assert room.recorded == [True]
        await room.clock.sleep(20)
        assert room.recorded == [True, False]
        room.advertise_once()
        await room.clock.sleep(10)
        assert room.recorded == [True, False, True]
        await room.clock.sleep(SILENT_SECONDS + 10)
        assert room.recorded == [True, False, True, False]
        room.in_contact = True  # who is connected need not advertise
        await room.clock.sleep(10)
        assert room.recorded[-1]


async def test_what_hears_nothing_scans_anew_once_for_each_silence(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    async with room.listening():
        await room.clock.sleep(SILENT_SECONDS * 10)
        assert (room.adapter.scans, room.adapter.cycles) == (2, 0)
        assert "the Bluetooth adapter hci0 has received no advertisements for 60 s: restarting its scan" in caplog.text
        room.advertise_once()
        await room.clock.sleep(SILENT_SECONDS + 10)
        assert room.adapter.scans == 3


async def test_what_hears_something_is_left_alone() -> None:
    room = Room(power_cycle=True)
    async with room.listening():
        for _ in range(20):
            await room.clock.sleep(SILENT_SECONDS / 2)
            room.advertise_once()
        assert (room.adapter.scans, room.adapter.cycles) == (1, 0)


async def test_where_the_owner_lets_it_an_adapter_that_stays_deaf_is_switched_off_and_on_once() -> None:
    room = Room(power_cycle=True)
    async with room.listening():
        await room.clock.sleep(SILENT_SECONDS + 10)
        assert (room.adapter.scans, room.adapter.cycles) == (2, 0)
        await room.clock.sleep(SILENT_SECONDS)
        assert room.adapter.cycles == 1
        await room.clock.sleep(SILENT_SECONDS * 10)
        assert room.adapter.cycles == 1


@pytest.mark.parametrize("what", ["in_contact", "session_running"])
async def test_never_while_a_device_is_connected_or_a_session_runs(what: str) -> None:
    room = Room(power_cycle=True)
    setattr(room, what, True)
    async with room.listening():
        await room.clock.sleep(SILENT_SECONDS * 10)
        assert room.adapter.cycles == 0
        setattr(room, what, False)
        await room.clock.sleep(10)
        assert room.adapter.cycles == 1


async def test_an_adapter_that_cannot_be_switched_harms_nothing() -> None:
    room = Room(power_cycle=True)
    room.adapter.refuses = True
    async with room.listening():
        await room.clock.sleep(SILENT_SECONDS * 3)
        assert room.recorded == [True, False]
        room.advertise_once()
        await room.clock.sleep(10)
        assert room.recorded[-1]


async def test_while_every_device_is_connected_silence_is_no_reason_to_do_or_say_anything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room(power_cycle=True)
    async with room.listening():
        room.in_contact = room.all_connected = True
        await room.clock.sleep(3 * SILENT_SECONDS)
        assert (room.adapter.scans, room.adapter.cycles) == (1, 0)
        assert "advertisements" not in caplog.text
        room.in_contact = room.all_connected = False  # one is lost: now it is searched for
        await room.clock.sleep(10)
        assert room.adapter.scans == 2
        assert "restarting its scan" in caplog.text
