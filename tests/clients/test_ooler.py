"""ooler-ble-client against the virtual Ooler: everything it can do, seen at the pad itself."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.body_for import embody
from devices.virtual.breast import Mother
from devices.virtual.ooler import OolerBody
from devices.virtual.twin import Twin
from tests.clients.client import Client, ClientError, Devices, client, on_air
from tests.clients.proof import OOLER, Proof
from tests.helpers.service_process import wait

pytestmark = pytest.mark.system

SCHEDULE_HEADER = "8cb4ec90-cd94-4f69-b963-5473fbd94ec8"
SCHEDULE_TIMES = "8cb4ec90-cd94-4f69-b963-5473fbd94ea9"
SCHEDULE_TEMPERATURES = "fa242bc0-bf85-41f7-8dbb-53ba2e8b0895"
CURRENT_TIME = "00002a2b-0000-1000-8000-00805f9b34fb"
LOCAL_TIME = "00002a0f-0000-1000-8000-00805f9b34fb"
MODES = ("Silent", "Regular", "Boost")


class Bed:
    """The pad as it is, the client that acts on it, and what was shown so far."""

    def __init__(self, twin: Twin, devices: Devices, app: Client) -> None:
        assert isinstance(twin.body, OolerBody)
        self.twin = twin
        self.pad = twin.body
        self.devices = devices
        self.app = app
        self.proof = Proof()

    async def state(self) -> dict[str, Any]:
        """Return what the client shows, after it has read everything anew."""
        await self.app.call("async_poll")
        state: dict[str, Any] = await self.app.call("state")
        return state

    @property
    def target_fahrenheit(self) -> float | None:
        """What the pad heats or cools to now."""
        celsius = self.pad.pad.target_celsius
        return None if celsius is None else celsius * 9 / 5 + 32

    def stored(self, uuid: str) -> bytes:
        """Return what stands in one of its other characteristics."""
        return self.pad.stored[uuid]


async def test_the_client_can_do_everything_it_offers() -> None:
    profile = Catalog.load().get(OOLER.profile)
    assert profile is not None
    clock = RealClock()
    twin = Twin(profile, embody(profile, Side.BOTH, Mother(1), 1), "OOLER", clock.now)
    async with on_air(twin) as devices, client("use_ooler.py", devices.transport) as app:
        bed = Bed(twin, devices, app)
        await connects_and_reads(bed)
        await switches_on_at_what_was_chosen(bed)
        await sets_targets(bed)
        await sets_the_mode(bed)
        await sets_the_unit(bed)
        await cleans(bed)
        await is_told_what_somebody_does_at_the_pad(bed)
        await keeps_a_schedule(bed)
        await sets_the_clock(bed)
        await loses_the_link(bed)
        await switches_off(bed)
        assert app.used >= set(await app.call("operations"))
        bed.proof.holds(OOLER, heard=[message.name for message in twin.commands])


async def connects_and_reads(bed: Bed) -> None:
    app, pad = bed.app, bed.pad
    await app.call("set_ble_device", "OOLER")
    assert await app.call("address") == bed.devices.address(bed.twin)
    await app.call("register_callback")
    await app.call("register_connection_event_callback")
    await app.call("connect")
    assert await app.call("is_connected")
    pad.pad.frozen_sensor = True  # so that what it measures is still what it was when it was read
    pad.water_percent = 50
    state = await bed.state()
    bed.proof.report("power", state["power"], pad.run.on)
    bed.proof.report("mode", state["mode"], MODES[pad.mode])
    bed.proof.report("target", state["set_temperature"], pad.last_fahrenheit)
    bed.proof.report("actual", state["actual_temperature"], round(pad.pad.sampled_celsius * 9 / 5 + 32))
    bed.proof.report("water", state["water_level"], 50)
    bed.proof.report("clean", state["clean"], pad.cleaning)
    bed.proof.report("unit", state["temperature_unit"], "FC"[pad.unit])


async def switches_on_at_what_was_chosen(bed: Bed) -> None:
    # The virtual pad notifies all that it has once, soon after a connection; the client would take that for news.
    await wait(lambda: bed.twin._sent.keys() >= {"power", "mode", "target", "actual"})
    await bed.state()
    await bed.app.call("set_temperature", 104)  # it is off: the client sends it when it switches it on
    await bed.app.call("set_mode", "Boost")
    await bed.app.call("set_temperature_unit", "C")  # the client knows that it would be dropped, and leaves it
    assert (bed.pad.run.on, bed.pad.last_fahrenheit, bed.pad.mode, bed.pad.unit) == (False, 68, 1, 0)
    await bed.app.call("set_power", True)
    assert bed.twin.written == [("power", b"\1"), ("mode", b"\2"), ("target", b"\x68")]
    bed.proof.command("switch_on", carried_out=bed.pad.run.on)
    bed.proof.command("target", "set_target", carried_out=bed.target_fahrenheit == pytest.approx(104))
    assert MODES[bed.pad.mode] == "Boost"
    assert (await bed.state())["power"] is True


async def sets_targets(bed: Bed) -> None:
    # What it takes: 45 for as cold as it can, 55 to 115, 120 for as hot as it can. 54 and 116 snap.
    for asked, taken in [(54, 45), (55, 55), (115, 115), (116, 120), (45, 45), (120, 120), (72, 72)]:
        await bed.app.call("set_temperature", asked)
        assert bed.target_fahrenheit == pytest.approx(taken)
        bed.proof.report("target", (await bed.state())["set_temperature"], taken)
    for refused in (44, 53, 117, 121):
        with pytest.raises(ClientError, match="out of range"):
            await bed.app.call("set_temperature", refused)
    assert bed.target_fahrenheit == pytest.approx(72)


async def sets_the_mode(bed: Bed) -> None:
    for mode in MODES:
        await bed.app.call("set_mode", mode)
        assert MODES[bed.pad.mode] == mode
        bed.proof.report("mode", (await bed.state())["mode"], mode)


async def sets_the_unit(bed: Bed) -> None:
    """The display shows °C, and so does what is measured; the target stays °F on the wire."""
    await bed.app.call("set_temperature_unit", "C")
    assert bed.pad.unit == 1
    await bed.app.call("set_temperature", 40)
    assert bed.target_fahrenheit == pytest.approx(104)
    state = await bed.state()
    bed.proof.report("target", state["set_temperature"], 40)
    bed.proof.report("actual", state["actual_temperature"], round(bed.pad.pad.sampled_celsius))
    await bed.app.call("stop")
    await bed.app.call("connect")  # the unit is read once on each connection
    bed.proof.report("unit", (await bed.app.call("state"))["temperature_unit"], "C")
    await bed.app.call("set_temperature_unit", "F")
    assert bed.pad.unit == 0
    assert (await bed.state())["actual_temperature"] == round(bed.pad.pad.sampled_celsius * 9 / 5 + 32)


async def cleans(bed: Bed) -> None:
    """Cleaning has a target of its own. The client switches it on for that."""
    await bed.app.call("set_power", False)
    assert not bed.pad.run.on
    await bed.app.call("set_clean", True)
    assert (bed.pad.run.on, bed.pad.cleaning) == (True, True)
    assert bed.target_fahrenheit == pytest.approx(75)
    state = await bed.state()
    bed.proof.report("clean", state["clean"], True)
    bed.proof.report("target", state["set_temperature"], 75)
    await bed.app.call("set_clean", False)
    assert not bed.pad.cleaning
    assert (await bed.state())["clean"] is False


async def is_told_what_somebody_does_at_the_pad(bed: Bed) -> None:
    """By notifications alone: nothing is read here."""

    async def told(**expected: Any) -> None:
        await bed.app.until("state", lambda state: expected.items() <= state.items())

    await bed.app.call("set_clean", True)
    bed.pad.press_off()
    await told(power=False, clean=False)
    bed.pad.press_on(30)
    await told(power=True, set_temperature=86)
    told_powers = [power for power, _ in groupby(each["power"] for each in await bed.app.call("states"))]
    assert told_powers[-2:] == [False, True]


async def keeps_a_schedule(bed: Bed) -> None:
    """Minutes of the week from Monday on, by hand; the firmware swaps the bytes of each number that is written."""
    await bed.app.call("set_sleep_schedule")
    night = [(1320, 68), (1560, 62), (1800, 116), (1801, 0xFE), (1830, 0)]  # of Monday
    sunday = [(120, 62), (360, 116), (361, 0xFE), (390, 0), (9960, 68)]  # its morning is the week's first
    events = sorted([*night, *sunday])
    times = b"".join(minute.to_bytes(2, "little") for minute, _ in events)
    assert bed.stored(SCHEDULE_TIMES) == times.ljust(140, b"\0")
    assert bed.stored(SCHEDULE_TEMPERATURES) == bytes(value for _, value in events).ljust(70, b"\xff")
    assert bed.stored(SCHEDULE_HEADER) == b"\1\0"
    read = await bed.app.call("read_sleep_schedule")
    assert (read["seq"], [each["day"] for each in read["nights"]]) == (1, [0, 6])
    assert read == await bed.app.call("sleep_schedule")
    assert [tuple(each.values()) for each in await bed.app.call("sleep_schedule_events")] == events
    await bed.app.call("set_sleep_schedule_events", (60, 70), (120, 0))
    assert bed.stored(SCHEDULE_TIMES)[:6] == bytes.fromhex("3c00 7800 0000")
    assert bed.stored(SCHEDULE_TEMPERATURES)[:3] == bytes.fromhex("46 00 ff")
    await bed.app.call("clear_sleep_schedule")
    assert bed.stored(SCHEDULE_TEMPERATURES) == b"\xff" * 70
    assert (await bed.app.call("read_sleep_schedule"))["nights"] == []


async def sets_the_clock(bed: Bed) -> None:
    """By hand, from the Bluetooth specification: 2026 is 07ea, a Monday is 1, and two hours are eight quarters."""
    await bed.app.call("sync_clock", "2026-11-23T21:30:15+02:00")
    assert bed.stored(CURRENT_TIME) == bytes.fromhex("ea07 0b 17 15 1e 0f 01 00 01")
    assert bed.stored(LOCAL_TIME) == bytes.fromhex("08 ff")


async def loses_the_link(bed: Bed) -> None:
    """It goes on, as it is made to; and the client finds it again."""
    bed.devices.lose_link(bed.twin)
    assert bed.twin.server is not None
    await wait(lambda: not bed.twin.server.connected)
    assert bed.pad.run.on
    await bed.app.until("is_connected", lambda connected: not connected)
    await bed.app.call("connect")
    assert (await bed.state())["power"] is True
    # It also tells of notifications that it missed: it takes what it wrote for the target, also where that snapped.
    events = [each for each in await bed.app.call("events") if "connected" in each]
    assert events == ["connected", "connected", "disconnected", "connected"]


async def switches_off(bed: Bed) -> None:
    await bed.app.call("set_temperature", 75)
    await bed.app.call("set_power", False)
    assert bed.twin.written[-2:] == [("target", b"\x4b"), ("power", b"\0")]
    bed.proof.command("switch_off", "off", carried_out=not bed.pad.run.on and bed.pad.last_fahrenheit == 75)
    bed.proof.report("power", (await bed.state())["power"], False)
    await bed.app.call("stop")
    assert not await bed.app.call("is_connected")
    assert bed.twin.server is not None
    await wait(lambda: not bed.twin.server.connected)
