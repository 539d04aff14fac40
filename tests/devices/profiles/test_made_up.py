"""A product with a protocol of its own needs one YAML file and no Python.

The file is `milky-way.yaml`. Here is the product: it is written by hand from its makers' document, so to speak, and
knows nothing of profiles. The real driver talks to it over the virtual radio.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import itertools
import math
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from devices.bluetooth.advertisement import Advertisement
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DevicePump, DeviceWarmer, roles_of
from devices.errors import RefusedError, UncertainError
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.profile_examples import check_examples
from devices.profiles.schema import Profile
from devices.roles import Capability, Phase, PumpSetting, RunState, Side
from devices.support.clock import ScaledClock
from devices.support.yaml_file import load_yaml
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.gatt_server import GattCharacteristic, GattServer, GattService
from devices.virtual.transports import Air
from devices.virtual.virtual_radio import radio_on_air

SERVICE, COMMAND, REPORT = (f"0000ff5{number}-0000-1000-8000-00805f9b34fb" for number in range(3))
FINE, TOO_MUCH = 0, 1
PROFILE = load_yaml(Path(__file__).parents[2] / "helpers" / "milky-way.yaml", Profile)


class MilkyWay:
    """The product. It wants a hello within a second and a ping every twelve, or hangs up."""

    def __init__(self, clock: ScaledClock) -> None:
        self.clock = clock
        self.on = False
        self.level: int | None = None
        self.target_fahrenheit: int | None = None
        self.timer_seconds = 0
        self.told_time: tuple[int, ...] | None = None
        self.model = b"MW-7"
        self.answers_hello = True
        self.deaf_to: set[int] = set()
        self.hung_up = 0
        self.heard: list[tuple[float, int]] = []  # when, and which opcode
        self.chunks: list[tuple[float, bytes]] = []
        self.counters: list[int] = []
        self.confirmed: list[int] = []
        self.server: GattServer
        self._buffer = b""
        self._greeted = False
        self._said = itertools.count()
        self._last_sign_seconds = 0.0

    async def put_on(self, air: Air) -> None:
        services = [
            GattService(
                SERVICE,
                [
                    GattCharacteristic(COMMAND, {"write", "write-without-response"}, write=self._hear),
                    GattCharacteristic(REPORT, {"notify"}),
                ],
            ),
            GattService("180f", [GattCharacteristic("2a19", {"read"}, read=lambda: b"\x5a")]),
        ]
        advertisement = AdvertisingPacket(
            name="MW-7", service_uuids=["ff50"], manufacturer_data={0x0FFF: b"\x4d\x99\x07\x01"}
        )
        self.server = GattServer(await air.add_peripheral("MW-7"), services, advertisement)
        self.server.on_connection = self._on_connection
        await self.server.start()

    async def live(self) -> None:
        """Watch over the connection."""
        while True:
            await self.clock.sleep(0.5)
            silent_seconds = self.clock.now() - self._last_sign_seconds
            if self.server.connected and silent_seconds > (12 if self._greeted else 1):
                self.hung_up += 1
                await self.server.drop_link()

    def _on_connection(self) -> None:
        self._buffer, self._greeted = b"", False
        self._last_sign_seconds = self.clock.now()

    async def _hear(self, chunk: bytes) -> None:
        self.chunks.append((self.clock.now(), chunk))
        self._buffer += chunk
        while len(self._buffer) >= 4 and len(self._buffer) >= 4 + int.from_bytes(self._buffer[2:4], "big"):
            size = 4 + int.from_bytes(self._buffer[2:4], "big")
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            assert frame[:2] == b"MW"
            opcode, counter, payload = frame[4:6], frame[6:8], frame[8:-2]
            assert binascii.crc_hqx(opcode + counter + payload, 0) == int.from_bytes(frame[-2:], "big")
            self.heard.append((self.clock.now(), int.from_bytes(opcode, "big")))
            self.counters.append(int.from_bytes(counter, "big"))
            self._obey(int.from_bytes(opcode, "big"), counter, payload)

    def _obey(self, opcode: int, counter: bytes, payload: bytes) -> None:
        if opcode in self.deaf_to:
            return
        if opcode < 0x0100 and opcode != 0x0002:
            self._chat(opcode, payload)
        else:
            verdict = self._carry_out(opcode, payload)
            self.say(0x8002, opcode.to_bytes(2, "big") + counter + bytes([verdict]))

    def _chat(self, opcode: int, payload: bytes) -> None:
        match opcode:
            case 0x0001:
                assert payload == b"LD\x03"
                self._greeted = self.answers_hello
                self._last_sign_seconds = self.clock.now()
                if self.answers_hello:
                    self.say(0x8001, self.model)
            case 0x0003:
                self._last_sign_seconds = self.clock.now()
            case 0x0004:
                self.status()
            case 0x0005:
                self.confirmed.append(payload[0])
            case _:
                raise AssertionError(f"no such command: {opcode:#06x}")

    def _carry_out(self, opcode: int, payload: bytes) -> int:
        match opcode:
            case 0x0002:
                self.told_time = (int.from_bytes(payload[:2], "big"), *payload[2:])
            case 0x0100:
                self.on = bool(payload[0])
            case 0x0101:
                assert payload[0] ^ payload[1] == 0xFF
                if payload[0] > 4:
                    return TOO_MUCH
                self.level = payload[0]
            case 0x0102:
                self.timer_seconds = int.from_bytes(payload, "big")
            case 0x0200:
                self.target_fahrenheit = payload[0]
            case 0x0201:
                self.target_fahrenheit = None
            case _:
                raise AssertionError(f"no such command: {opcode:#06x}")
        return FINE

    def status(self) -> None:
        heated = self.target_fahrenheit or 72
        level = 0xFF if self.level is None else self.level
        running = 0x5A if self.on or self.target_fahrenheit else 0
        self.say(0x9000, bytes([running, level, 1]) + (heated * 10).to_bytes(2, "big") + b"for service")

    def say(self, opcode: int, payload: bytes) -> None:
        """Send a frame, seven bytes a notification, with a stray byte before every third one."""
        number = next(self._said)
        body = opcode.to_bytes(2, "big") + number.to_bytes(2, "big") + payload
        frame = body + binascii.crc_hqx(body, 0).to_bytes(2, "big")
        frame = b"\x4d" * (number % 3 == 0) + b"MW" + len(frame).to_bytes(2, "big") + frame
        for at in range(0, len(frame), 7):
            self.server.notify(REPORT, frame[at : at + 7])


class House:
    """The product, and the driver that talks to it."""

    def __init__(self, clock: ScaledClock, product: MilkyWay, device: ProfileDevice) -> None:
        self.clock = clock
        self.product = product
        self.device = device
        pump, warmer = roles_of(device)
        assert isinstance(pump, DevicePump)
        assert isinstance(warmer, DeviceWarmer)
        self.pump, self.warmer = pump, warmer

    async def until_connected(self) -> None:
        async with asyncio.timeout(5):
            while not self.device.link.connected:
                await self.clock.sleep(0.01)

    def times(self, opcode: int, since_seconds: float = 0.0) -> list[float]:
        return [round(at, 2) for at, heard in self.product.heard if heard == opcode and at >= since_seconds]


@contextlib.asynccontextmanager
async def house(*, answers_hello: bool = True) -> AsyncIterator[House]:
    catalog = Catalog([PROFILE])
    clock, air = ScaledClock(math.inf), Air()
    product = MilkyWay(clock)
    product.answers_hello = answers_hello
    await product.put_on(air)

    def fits(advertisement: Advertisement) -> bool:
        return [each.profile.id for each in catalog.fitting(advertisement)] == ["milky-way"]

    async with radio_on_air(clock, air) as radio:
        device = ProfileDevice(radio, clock, PROFILE, DeviceOptions("pump", Side.LEFT, fits))
        tasks = [asyncio.create_task(device.run()), asyncio.create_task(product.live())]
        try:
            yield House(clock, product, device)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await product.server.stop()


SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=125)


def test_its_file_proves_itself() -> None:
    assert [finding for finding in check_examples(PROFILE) if finding.state == "fails"] == []


async def test_it_gets_its_handshake_and_the_time_and_is_read() -> None:
    async with house() as home:
        before = datetime.now().astimezone()
        await home.until_connected()
        assert [opcode for _, opcode in home.product.heard][:2] == [0x0001, 0x0002]
        assert home.product.told_time is not None
        told = datetime(*home.product.told_time).astimezone()  # type: ignore[arg-type]
        assert 0 <= (told - before.replace(microsecond=0)).total_seconds() <= 60
        assert home.pump.reading.battery_percent == 90
        assert home.device.values["model"] == "MW-7"
        assert home.device.dropped_packets == 0


async def test_it_starts_adjusts_and_stops() -> None:
    async with house() as home:
        await home.until_connected()
        await home.pump.start(SETTING, 900, 10)
        assert (home.product.on, home.product.level, home.product.timer_seconds) == (True, 3, 900)
        await home.pump.adjust(SETTING.model_copy(update={"vacuum_mmhg": 160}), 900)
        assert home.product.level == 4
        await home.clock.sleep(3)
        assert home.pump.reading.run_state is RunState.RUNNING
        assert home.pump.reading.level == 4
        began_seconds = home.clock.now()
        await home.pump.stop()
        assert not home.product.on
        assert home.pump.reading.run_state is RunState.STOPPED
        assert home.times(0x0100, began_seconds)[0] == round(began_seconds, 2)  # it waited for no gap
        assert home.clock.now() - began_seconds < 1


async def test_it_warms_in_its_own_unit_and_never_more_than_was_asked() -> None:
    async with house() as home:
        await home.until_connected()
        await home.warmer.set_target(38.5, 900, 10)
        assert home.product.target_fahrenheit == 101  # 38.33 °C
        await home.clock.sleep(3)
        assert home.warmer.reading.surface_celsius == pytest.approx(38.33, abs=0.01)
        await home.warmer.stop()
        assert home.product.target_fahrenheit is None


async def test_what_it_turns_down_is_refused() -> None:
    async with house() as home:
        await home.until_connected()
        with pytest.raises(RefusedError, match="pump answered level with too much"):
            await home.pump.start(SETTING.model_copy(update={"vacuum_mmhg": 200}), 900, 10)
        assert not home.product.on
        with pytest.raises(RefusedError, match="celsius is from 30 to 42, not 43"):
            await home.warmer.set_target(43, 900, 10)
        assert home.product.target_fahrenheit is None


async def test_a_connection_is_kept_alive_polled_and_counted() -> None:
    async with house() as home:
        await home.until_connected()
        await home.clock.sleep(60)
        assert home.product.hung_up == 0
        assert len(home.times(0x0003)) == pytest.approx(12, abs=1)
        assert len(home.times(0x0004)) == pytest.approx(27, abs=3)
        first, *others = home.product.counters
        assert others == [first + number for number in range(1, len(others) + 1)]


async def test_what_it_asks_is_answered() -> None:
    async with house() as home:
        await home.until_connected()
        home.product.say(0x9001, b"\x2a")
        await home.clock.sleep(1)
        assert home.product.confirmed == [42]


async def test_commands_go_out_in_chunks_with_a_gap_between_them() -> None:
    async with house() as home:
        await home.until_connected()
        await home.pump.start(SETTING, 900, 10)
        assert all(len(chunk) <= 8 for _, chunk in home.product.chunks)
        times = [at for at, _ in home.product.chunks]
        assert all(later - earlier >= 0.049 for earlier, later in itertools.pairwise(times))


async def test_without_an_answer_to_the_handshake_the_connection_is_retried() -> None:
    async with house(answers_hello=False) as home:
        await home.clock.sleep(6)
        assert not home.device.link.connected
        assert len(home.times(0x0001)) >= 2
        home.product.answers_hello = True
        await home.clock.sleep(10)
        assert home.device.link.connected


async def test_a_stop_that_does_not_arrive_is_uncertain_and_repeated_on_reconnect() -> None:
    async with house() as home:
        await home.until_connected()
        await home.pump.start(SETTING, 900, 10)
        home.product.deaf_to = {0x0100}
        with pytest.raises(UncertainError, match="pump did not confirm that it stopped"):
            await home.pump.stop()
        home.product.deaf_to = set()
        await home.product.server.drop_link()
        await home.clock.sleep(5)
        assert home.device.link.connected
        assert not home.product.on


def test_what_it_can_is_worked_out_from_its_file() -> None:
    device = ProfileDevice(object(), None, PROFILE, DeviceOptions("a", Side.LEFT, lambda _: True))  # type: ignore[arg-type]
    pump, warmer = roles_of(device)
    can = {Capability.START, Capability.REPORTS_STATE, Capability.REPORTS_BATTERY, Capability.STOPS_ON_LINK_LOSS}
    assert can | {Capability.LEVELS, Capability.VACUUM_MMHG, Capability.OWN_TIMER} <= pump.capabilities
    assert can | {Capability.TARGET_CELSIUS, Capability.REPORTS_TEMPERATURE} <= warmer.capabilities
