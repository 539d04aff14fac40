"""An Ooler heats to its last target whenever it is switched on: the tests check the pad's temperature."""

from __future__ import annotations

import contextlib

import pytest
from bleak import BleakClient

from devices.errors import DeviceError, ProtocolError, RefusedError, UncertainError
from devices.profiles.codec import Codec
from devices.profiles.profile_device import ProfileDevice
from devices.support.clock import ScaledClock
from devices.virtual.ooler import OolerBody, snapped
from devices.virtual.twin import Twin
from tests.helpers.sampling import sampled
from tests.helpers.shipped_profiles import catalog
from tests.helpers.twins import driven

SCHEDULE_TIMES = "8cb4ec90-cd94-4f69-b963-5473fbd94ea9"
SCHEDULE_TEMPERATURES = "fa242bc0-bf85-41f7-8dbb-53ba2e8b0895"


def body_of(twin: Twin) -> OolerBody:
    assert isinstance(twin.body, OolerBody)
    return twin.body


def client_of(driver: ProfileDevice) -> BleakClient:
    """Return the connection itself, to write what our driver never would."""
    client = driver.link._client
    assert client is not None
    return client


def uuid(channel: str) -> str:
    profile = catalog().get("ooler")
    assert profile is not None
    return profile.channels[channel].characteristic or ""


async def write(driver: ProfileDevice, channel: str, number: int) -> None:
    await client_of(driver).write_gatt_char(uuid(channel), bytes([number]), response=True)


async def hottest_in(seconds: float, clock: ScaledClock, body: OolerBody) -> float:
    """Return the highest temperature of the pad."""
    hottest = body.pad.surface_celsius
    for _ in range(int(seconds / 5)):
        await clock.sleep(5)
        hottest = max(hottest, body.pad.surface_celsius)
    return hottest


class TestPowerAlone:
    @pytest.mark.system
    @pytest.mark.parametrize(
        ("last", "celsius"), sampled([(115, 46.1), (120, 48.9), (106, 41.1)], keep=lambda each: each == (106, 41.1))
    )
    async def test_it_is_not_started_where_its_last_target_is_above_what_is_asked(
        self, last: int, celsius: float
    ) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            body.last_fahrenheit = last
            with pytest.raises(RefusedError, match=f"would begin at {celsius}.*set it lower at the device first"):
                await driver.command("set_target", {"celsius": 41}, undone_by="off")
            assert await hottest_in(600, clock, body) < 25
            assert not body.run.on
            assert ("power", b"\1") not in twin.written

    async def test_it_is_not_started_where_its_last_target_cannot_be_read(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            read = driver.link.read

            async def read_all_but_the_target(place):  # type: ignore[no-untyped-def]
                if place.characteristic == uuid("target"):
                    raise ProtocolError("no answer")
                return await read(place)

            driver.link.read = read_all_but_the_target  # type: ignore[method-assign]
            with pytest.raises(RefusedError, match="what it begins at was not read: no answer"):
                await driver.command("set_target", {"celsius": 41}, undone_by="off")
            await clock.sleep(60)
            assert not body.run.on

    async def test_a_link_lost_before_the_target_leaves_it_at_a_mild_one_and_is_ended_when_it_is_back(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            assert twin.server is not None
            drop_link, sleep = twin.server.drop_link, driver.clock.sleep

            async def lose_link_in_the_pause(seconds: float) -> None:
                if seconds == 0.5 and body.run.on:  # between the two writes
                    await drop_link()
                await sleep(seconds)

            driver.clock.sleep = lose_link_in_the_pause  # type: ignore[method-assign]
            with pytest.raises(DeviceError):
                await driver.command("set_target", {"celsius": 41}, undone_by="off")
            driver.clock.sleep = sleep  # type: ignore[method-assign]
            assert body.run.on  # it goes on without the link
            assert ("target", b"\x69") not in twin.written
            assert body.pad.target_celsius == pytest.approx(20)  # its last target, 68 °F
            assert await hottest_in(60, clock, body) < 25
            assert driver.link.connected
            assert not body.run.on
            assert twin.written[-4:] == [("target", b"\x4b"), ("power", b"\0")] * 2

    async def test_a_refused_target_leaves_it_at_a_mild_one(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            body.ignores = {"target"}
            await driver.command("set_target", {"celsius": 41}, undone_by="off")
            assert body.pad.target_celsius == pytest.approx(20)
            assert await hottest_in(30, clock, body) < 25
            assert driver.values["target_celsius"] == pytest.approx(20)  # and that is what is shown

    async def test_each_stop_leaves_it_at_a_mild_target_so_that_it_can_be_started_again(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            body = body_of(twin)
            await driver.command("set_target", {"celsius": 42}, undone_by="off")
            await driver.stop("off")
            assert (body.run.on, body.last_fahrenheit) == (False, 75)
            await driver.command("set_target", {"celsius": 38}, undone_by="off")
            assert body.pad.target_celsius == pytest.approx((100 - 32) / 1.8)
            await write(driver, "power", 0)
            await write(driver, "power", 1)  # whoever switches it on next
            assert body.pad.target_celsius == pytest.approx((100 - 32) / 1.8)
            await driver.stop("off")
            await write(driver, "power", 1)
            assert body.pad.target_celsius == pytest.approx((75 - 32) / 1.8)

    async def test_it_is_switched_off_though_the_mild_target_is_never_acknowledged(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            await driver.command("set_target", {"celsius": 42}, undone_by="off")
            write_now = driver.link.write

            async def lose_acknowledgements_of_targets(place, data, *, response):  # type: ignore[no-untyped-def]
                if data == b"\x4b":
                    await clock.sleep(30)
                await write_now(place, data, response=response)

            driver.link.write = lose_acknowledgements_of_targets  # type: ignore[method-assign]
            began_seconds = clock.now()
            with contextlib.suppress(UncertainError):
                await driver.stop("off")
            assert not body.run.on
            assert clock.now() - began_seconds < 2.5

    async def test_it_is_switched_off_though_the_mild_target_is_refused(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            body = body_of(twin)
            await driver.command("set_target", {"celsius": 42}, undone_by="off")
            write_now = driver.link.write

            async def turn_down_targets(place, data, *, response):  # type: ignore[no-untyped-def]
                if data == b"\x4b":
                    raise RefusedError("turned down")
                await write_now(place, data, response=response)

            driver.link.write = turn_down_targets  # type: ignore[method-assign]
            await driver.stop("off")  # what it reads decides
            assert not body.run.on

    async def test_one_that_runs_too_hot_is_lowered_whatever_its_last_target(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            body = body_of(twin)
            body.press_on(46.1)
            assert body.pad.target_celsius == pytest.approx(46.1, abs=0.05)
            await driver.command("set_target", {"celsius": 40}, undone_by="off")
            assert body.pad.target_celsius == pytest.approx(40)


class TestTargets:
    def test_it_takes_45_and_55_to_115_and_120_and_snaps_the_rest(self) -> None:
        taken = {number: snapped(number) for number in range(256)}
        assert all(taken[number] == 45 for number in range(45, 55))
        assert all(taken[number] == number for number in range(55, 116))
        assert all(taken[number] == 120 for number in range(116, 121))
        assert all(taken[number] is None for number in (*range(45), *range(121, 256)))

    async def test_the_pad_snaps_the_targets_of_any_client(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            body = body_of(twin)
            await write(driver, "power", 1)
            for written, taken in [(54, 45), (46, 45), (55, 55), (115, 115), (116, 120), (119, 120), (45, 45)]:
                await write(driver, "target", written)
                assert body.pad.target_celsius == pytest.approx((taken - 32) / 1.8)
                assert await client_of(driver).read_gatt_char(uuid("target")) == bytes([taken])

    def test_no_target_that_we_send_is_snapped_or_above_the_request(self) -> None:
        profile = catalog().get("ooler")
        assert profile is not None
        codec = Codec(profile)
        for hundredths in range(1000, 5000):
            celsius = hundredths / 100
            try:
                sent = codec.encode_command("target", {"celsius": celsius}).data[0]
            except RefusedError:
                assert celsius < 12.78 or celsius > 42
                continue
            assert snapped(sent) == sent
            assert 55 <= sent <= 115
            assert (sent - 32) / 1.8 <= celsius + 0.005

    async def test_writes_while_it_is_off_are_ignored(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            body = body_of(twin)
            for channel, number in [("target", 104), ("mode", 2), ("unit", 1), ("clean", 1)]:
                await write(driver, channel, number)
            assert (body.last_fahrenheit, body.mode, body.unit, body.cleaning) == (68, 1, 0, False)
            await write(driver, "power", 1)
            for channel, number in [("target", 104), ("mode", 2), ("unit", 1)]:
                await write(driver, channel, number)
            assert (body.last_fahrenheit, body.mode, body.unit) == (104, 2, 1)

    async def test_a_cleaning_has_a_target_of_its_own_and_ends_with_the_power(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            await write(driver, "power", 1)
            await write(driver, "target", 104)
            await write(driver, "clean", 1)
            assert body.pad.target_celsius == pytest.approx((75 - 32) / 1.8)
            await clock.sleep(2)
            assert driver.values["cleaning"] is True
            await write(driver, "power", 0)
            assert not body.cleaning


class TestUnits:
    @pytest.mark.system
    @pytest.mark.parametrize("unit", [0, 1])
    async def test_the_measured_temperature_is_read_in_the_unit_that_it_is_in(self, unit: int) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            await driver.command("set_target", {"celsius": 40}, undone_by="off")
            await clock.sleep(400)
            body.unit = unit  # at the pad
            wrong = []

            def look() -> None:
                measured = driver.values.get("surface_celsius")
                if isinstance(measured, int | float) and abs(measured - body.pad.surface_celsius) > 2:
                    wrong.append(measured)

            driver.state.on_change(look)
            for _ in range(60):
                body.unit = 1 - body.unit
                await clock.sleep(2.9)
            assert wrong == []
            assert driver.values["surface_celsius"] == pytest.approx(40, abs=1.5)
            assert driver.dropped_packets == 0

    @pytest.mark.system
    async def test_another_client_changes_it_in_the_middle_of_a_reading(self) -> None:
        async with driven("ooler") as (driver, twin, clock):
            body = body_of(twin)
            await driver.command("set_target", {"celsius": 40}, undone_by="off")
            await clock.sleep(400)
            assert driver.values["surface_celsius"] == pytest.approx(40, abs=1.5)
            before = driver.values["surface_celsius"]
            says = body.read_channel

            def says_and_is_changed(channel: str) -> bytes | None:
                said = says(channel)
                if channel == "actual":
                    body.unit = 1 - body.unit
                return said

            body.read_channel = says_and_is_changed  # type: ignore[method-assign]
            await driver.connection.read("actual")
            assert driver.values["surface_celsius"] == before  # that reading said nothing


class TestBesides:
    async def test_its_schedule_is_stored_as_by_the_firmware_with_the_bytes_of_each_number_swapped(self) -> None:
        async with driven("ooler") as (driver, twin, _):
            client = client_of(driver)
            times = bytes.fromhex("05 28 07 08") + bytes(136)  # 1320 and 1800, Monday 22:00 and Tuesday 6:00
            await client.write_gatt_char(SCHEDULE_TIMES, times, response=True)
            assert await client.read_gatt_char(SCHEDULE_TIMES) == bytes.fromhex("28 05 08 07") + bytes(136)
            temperatures = bytes([68, 0]) + b"\xff" * 68
            await client.write_gatt_char(SCHEDULE_TEMPERATURES, temperatures, response=True)
            assert await client.read_gatt_char(SCHEDULE_TEMPERATURES) == temperatures
            assert not body_of(twin).run.on
