"""A Satisfyer runs in its start mode only, rests on zeros, and differs from those with more motors by its number."""

from __future__ import annotations

import asyncio
import math

import pytest
from bleak.backends.device import BLEDevice

from devices.bluetooth.advertisement import Advertisement
from devices.profiles.catalog import fit
from devices.profiles.profile_device import ProfileDevice
from devices.support.clock import ScaledClock
from devices.virtual.satisfyer import SatisfyerBody
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.shipped_profiles import catalog, described, device_for
from tests.helpers.twins import driven

CONTROL = "51361501-c5e7-47c7-8a6e-47ebc99d80e8"
SPEED = "51361502-c5e7-47c7-8a6e-47ebc99d80e8"

# Some of each kind, from buttplug's device configuration: products with two motors or three.
SEVERAL_MOTORS = {10006: "Heated Affair", 10024: "Love Triangle", 10065: "Double Flex", 10140: "Men Vibration+"}
ONE_MOTOR = {10005: "Hot Spot", 10032: "Double Wand-er", 10077: "Royal One", 10168: "Pleasure Wand+"}


def body_of(twin: Twin) -> SatisfyerBody:
    assert isinstance(twin.body, SatisfyerBody)
    return twin.body


async def write(driver: ProfileDevice, characteristic: str, data: str, *, response: bool = False) -> None:
    client = driver.link._client
    assert client is not None
    await client.write_gatt_char(characteristic, bytes.fromhex(data), response=response)
    await driver.clock.sleep(0.1)


def fits(name: str | None, data: bytes | None) -> bool:
    profile = catalog().get("satisfyer")
    assert profile is not None
    address = "C0:00:00:00:00:01"
    makers = {} if data is None else {93: data}
    seen = Advertisement(address, name, frozenset(), makers, {}, -60, None, 0.0, BLEDevice(address, name, None))
    return fit(profile, seen).fits


class TestStartMode:
    async def test_zeros_alone_stop_it_as_buttplug_does(self) -> None:
        async with driven("satisfyer") as (driver, twin, _):
            await write(driver, CONTROL, "01", response=True)
            await write(driver, SPEED, "1e1e1e1e")
            assert body_of(twin).intensity == pytest.approx(0.3)
            await write(driver, SPEED, "00000000")
            assert body_of(twin).intensity == 0
            assert not twin.body.run.on

    @pytest.mark.parametrize(("seconds", "moves"), [(0.5, True), (10, False)])
    async def test_some_seconds_of_zeros_leave_it(self, seconds: float, moves: bool) -> None:
        async with driven("satisfyer") as (driver, twin, clock):
            await write(driver, CONTROL, "01", response=True)
            await write(driver, SPEED, "1e1e1e1e")
            await write(driver, SPEED, "00000000")
            await clock.sleep(seconds)
            await write(driver, SPEED, "1e1e1e1e")
            assert twin.body.run.on is moves

    @pytest.mark.parametrize("halt", ["03", "07"])
    async def test_a_pause_and_a_halt_leave_it_at_once(self, halt: str) -> None:
        async with driven("satisfyer") as (driver, twin, _):
            await write(driver, CONTROL, "01", response=True)
            await write(driver, SPEED, "1e1e1e1e")
            await write(driver, CONTROL, halt, response=True)
            assert not twin.body.run.on
            await write(driver, SPEED, "1e1e1e1e")
            assert not twin.body.run.on

    async def test_a_speed_with_a_byte_for_each_motor_of_another_model_does_nothing(self) -> None:
        async with driven("satisfyer") as (driver, twin, _):
            await write(driver, CONTROL, "01", response=True)
            for wrong in ("1e", "1e1e1e1e1e1e1e1e", "65656565"):
                await write(driver, SPEED, wrong)
                assert not twin.body.run.on
            await write(driver, SPEED, "0000001e")  # as the documentation writes it
            assert body_of(twin).intensity == pytest.approx(0.3)

    async def test_each_run_of_ours_begins_with_a_start_so_it_moves_after_any_rest(self) -> None:
        async with driven("satisfyer") as (driver, twin, clock):
            for _ in range(2):
                await driver.command("run", {"intensity": 0.25}, undone_by="stop")
                await clock.sleep(0.1)
                assert body_of(twin).intensity == pytest.approx(0.25)
                await driver.stop("stop")
                await clock.sleep(60)
                assert not twin.body.run.on
                assert not body_of(twin).started


class TestModels:
    @pytest.mark.parametrize("number", ONE_MOTOR)
    def test_one_motor_is_known_by_its_number_with_a_name_or_without(self, number: int) -> None:
        data = number.to_bytes(4, "big")
        assert fits(None, data)
        assert fits(f"SF {ONE_MOTOR[number]}", data)
        assert fits(f"SF {ONE_MOTOR[number]}", None)
        assert not fits("Lamp", data)

    @pytest.mark.parametrize("number", SEVERAL_MOTORS)
    def test_several_motors_are_another_model_with_a_name_or_without(self, number: int) -> None:
        data = number.to_bytes(4, "big")
        assert not fits(None, data)
        assert not fits(f"SF {SEVERAL_MOTORS[number]}", data)
        assert not fits(f"SF {SEVERAL_MOTORS[number]}", None)
        assert not fits("SF Royal One", data)  # whatever it is called

    @pytest.mark.parametrize("data", [None, b"", b"\0\0", bytes.fromhex("00002799"), bytes.fromhex("01002715")])
    def test_the_chip_maker_alone_does_not_match(self, data: bytes | None) -> None:
        assert not fits(None, data)

    def test_every_number_of_the_advertisement_is_one_of_the_model_and_no_other_is(self) -> None:
        profile = catalog().get("satisfyer")
        assert profile is not None
        assert profile.match.manufacturer is not None
        assert profile.beginnings("model") == profile.match.manufacturer.data
        numbers = [int.from_bytes(bytes.fromhex(each), "big") for each in profile.match.manufacturer.data]
        assert set(ONE_MOTOR) <= set(numbers)
        assert not set(SEVERAL_MOTORS) & set(numbers)

    async def test_one_with_several_motors_that_is_named_in_the_settings_is_not_controlled(self) -> None:
        profile = catalog().get("satisfyer")
        assert profile is not None
        clock, air, each = ScaledClock(math.inf), Air(), described(profile)
        home = Home(clock, catalog(), [each], seed=1)
        twin = home.twins[each.key]
        body_of(twin).product = (10065).to_bytes(4, "big")
        async with home.on_air(air), radio_on_air(clock, air) as radio:
            driver = device_for(radio, clock, each)
            task = asyncio.create_task(driver.run())
            await clock.sleep(20)
            assert not driver.link.connected
            assert driver.link.problem == "device is no Satisfyer massager with one motor: its model is 00 00 27 51"
            assert twin.written == []
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
