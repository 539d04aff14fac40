"""tikal, which drives Lovense toys, against the virtual one: everything that it can do with one motor."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.body_for import embody
from devices.virtual.breast import Mother
from devices.virtual.device_body import MASSAGER_HOURS, Battery
from devices.virtual.lovense import LovenseBody
from devices.virtual.simple_bodies import SimpleMassager
from devices.virtual.twin import Twin
from tests.clients.client import Client, ClientError, Devices, client, on_air
from tests.clients.proof import LOVENSE, Proof
from tests.helpers.service_process import wait

pytestmark = pytest.mark.system

NAME = "LVS-Z36D"


class Massager:
    """The massager as it is, the client that acts on it, and what was shown so far."""

    def __init__(self, twin: Twin, devices: Devices, app: Client) -> None:
        assert isinstance(twin.body, SimpleMassager)
        self.twin = twin
        self.body = twin.body
        self.devices = devices
        self.app = app
        self.proof = Proof()

    @property
    def level(self) -> float:
        """How strong it vibrates now, of 20."""
        return self.body.intensity * 20 if self.body.run.running else 0

    @property
    def said(self) -> list[bytes]:
        """What it was told."""
        return [data for _, data in self.twin.written]

    def is_connected(self) -> bool:
        """Whether anybody is connected to it."""
        return self.twin.server is not None and self.twin.server.connected

    async def press_power(self) -> None:
        """Switch it on at its button, after it switched itself off altogether."""
        assert isinstance(self.body, LovenseBody)
        assert self.twin.server is not None
        self.body.powered_off = False
        await self.twin.server.start()

    async def is_found(self, how: str, model: str = "") -> None:
        """Let the client look for toys until it finds this one; `model`: what it remembers of it."""
        await self.app.until(how, lambda toys: toys == [self.seen() | {"model_name": model}])

    def seen(self) -> dict[str, str]:
        """Return what a client can know of it before it is told the model."""
        address = self.devices.address(self.twin)
        return {"name": NAME, "toy_id": address, "model_name": "", "brand": "Lovense"}


@contextlib.asynccontextmanager
async def massager(program: str) -> AsyncIterator[Massager]:
    profile = Catalog.load().get(LOVENSE.profile)
    assert profile is not None
    twin = Twin(profile, embody(profile, Side.BOTH, Mother(1), 1), NAME, RealClock().now)
    async with on_air(twin) as devices, client(program, devices.transport) as app:
        yield Massager(twin, devices, app)


async def test_the_low_level_part_can_do_everything_it_offers() -> None:
    async with massager("use_tikal.py") as m:
        await finds_and_connects(m)
        await vibrates_and_stops(m)
        await reads_the_battery(m)
        await asks_what_it_is(m)
        await is_told_what_it_cannot_do(m)
        await loses_the_link(m)
        await powers_off(m)
        assert m.app.used >= set(await m.app.call("operations"))
        m.proof.holds(LOVENSE, heard=[message.name for message in m.twin.commands])


async def finds_and_connects(m: Massager) -> None:
    await m.is_found("discover_toys")
    await m.app.call("start_continuous")
    await m.app.until("retrieve_continuous", lambda toys: toys == [m.seen()])
    assert await m.app.call("updates") == [[], [m.seen()]]
    await m.app.call("stop_continuous")
    await m.app.call("create_toys", "Lush")
    assert m.said == [b"Vibrate:0;"]  # it tries whether the model fits
    known = {
        "is_connected": True,
        "toy_id": m.devices.address(m.twin),
        "name": NAME,
        "brand": "Lovense",
        "model_name": "Lush",
        "max_intensity": 20,
        "intensity_names": ["Vibration", None],
        "current_intensities": [0, 0],
        "change_rotation_direction_available": False,
        "recommended_min_interval": 200,
    }
    assert {name: await m.app.call(name) for name in known} == known
    await m.app.call("set_model_name", "Hush")
    assert await m.app.call("model_name") == "Hush"


async def vibrates_and_stops(m: Massager) -> None:
    for level, reached in [(1, 1), (10, 10), (20, 20), (25, 20), (0, 0)]:
        assert await m.app.call("intensity1", level) is True  # that is its OK;
        assert m.level == pytest.approx(reached)
        assert await m.app.call("current_intensities") == [reached, 0]
    assert await m.app.call("strict_intensity1", 7) is True
    m.proof.command("run", carried_out=m.level == pytest.approx(7))
    m.proof.report("done", await m.app.call("direct_command", "Vibrate:8"), "OK")
    assert m.level == pytest.approx(8)
    assert await m.app.call("stop") is True
    m.proof.command("stop", carried_out=not m.body.run.on)
    assert await m.app.call("intensity1", 12) is True
    assert await m.app.call("strict_stop") is True
    assert not m.body.run.on
    # It has one motor, and no direction: nothing is sent for another.
    before = len(m.said)
    assert await m.app.call("intensity2", 5) is True
    assert await m.app.call("strict_intensity2", 5) is False
    assert await m.app.call("change_rotation_direction") is True
    assert await m.app.call("strict_change_rotation_direction") is False
    assert len(m.said) == before
    # Commands that are given at once are carried out one after the other.
    assert await m.app.call("together", ["intensity1", 3], ["intensity1", 6], ["intensity1", 9]) == [True] * 3
    assert m.said[-3:] == [b"Vibrate:3;", b"Vibrate:6;", b"Vibrate:9;"]
    assert m.level == pytest.approx(9)


async def reads_the_battery(m: Massager) -> None:
    """While it runs, it says `s85;`, else `85;`."""
    m.body.battery = Battery(MASSAGER_HOURS, percent=85.9)
    assert m.body.run.running
    m.proof.report("battery", await m.app.call("get_battery_level"), 85)
    assert await m.app.call("direct_command", "Battery") == "s85"
    await m.app.call("stop")
    m.proof.command("ask_battery", carried_out=await m.app.call("direct_command", "Battery;") == "85")
    assert await m.app.call("strict_get_battery_level") == 85


async def asks_what_it_is(m: Massager) -> None:
    for strict in ("", "strict_"):
        about = await m.app.call(f"{strict}get_device_type")
        m.proof.report("type", about, "L:11:0000CAFE0000")  # model, firmware, and an address that is made up
        assert await m.app.call(f"{strict}get_status") == 2  # as usual
        assert await m.app.call(f"{strict}get_batch_number") == "190124"
    m.proof.command("ask_type", carried_out=m.said.count(b"DeviceType;") == 2)


async def is_told_what_it_cannot_do(m: Massager) -> None:
    m.proof.report("failed", await m.app.call("strict_direct_command", "Rotate:5"), "ERR")
    assert not m.body.run.on
    await m.app.call("intensity1", 4)
    with pytest.raises(ClientError, match="BadModelError"):
        await m.app.call("set_model_name", "Nora")  # it does not rotate
    assert await m.app.call("model_name") == "Hush"
    with pytest.raises(ClientError, match="InvalidModelError"):
        await m.app.call("set_model_name", "Kettle")
    assert m.level == pytest.approx(4)


async def loses_the_link(m: Massager) -> None:
    """Nobody told it to stop by itself, so it goes on."""
    m.devices.lose_link(m.twin)
    await m.app.until("is_connected", lambda connected: not connected)
    assert m.level == pytest.approx(4)
    assert await m.app.call("events") == [["disconnected", m.devices.address(m.twin)]]
    assert await m.app.call("reconnect") is True
    assert await m.app.call("strict_reconnect") is True
    await m.app.call("start_notifications")  # a new connection begins without any
    assert await m.app.call("stop") is True
    assert not m.body.run.on


async def powers_off(m: Massager) -> None:
    await m.app.call("intensity1", 6)
    await m.app.call("disconnect")  # which stops it
    await wait(lambda: not m.is_connected())
    assert not m.body.run.on
    await m.is_found("discover_toys")
    await m.app.call("create_toy", "Lush")
    await m.app.call("intensity1", 6)
    await m.app.call("strict_disconnect")
    await wait(lambda: not m.is_connected())
    assert not m.body.run.on
    for power_off in ("power_off", "strict_power_off"):
        await m.is_found("discover_toys")
        await m.app.call("create_toy", "Lush")
        await m.app.call("intensity1", 6)
        assert await m.app.call(power_off) is True
        assert m.said[-1] == b"PowerOff;"
        assert not m.body.run.on
        await m.app.until("is_connected", lambda connected: not connected)
        assert await m.app.call("discover_toys") == []
        await m.press_power()


async def test_the_hub_can_do_everything_it_offers() -> None:
    async with massager("use_tikal_hub.py") as m:
        listens_by = await m.app.call("listen")
        await the_hub_finds_and_connects(m)
        await is_driven_by_hand(m)
        await is_driven_by_a_pattern(m)
        await is_held_back(m)
        await tells_all_about_itself(m)
        await is_stopped_when_the_hub_has_it_back(m)
        await m.app.call("shutdown")
        await wait(lambda: not m.is_connected())
        assert m.app.used | set(listens_by) >= set(await m.app.call("operations"))


async def the_hub_finds_and_connects(m: Massager) -> None:
    await m.app.call("start_discovery")
    await m.app.until("updates", lambda updates: updates[-1:] == [[m.seen()]])
    await m.app.call("stop_discovery")
    await m.is_found("discover_toys_callback")
    await m.app.call("connect_toys_callback", "Lush")
    assert await m.app.call("disconnect_toys_callback") == [None]
    await m.is_found("discover_toys_blocking", model="Lush")  # it remembers that
    await m.app.call("connect_toys_blocking", "Lush")
    assert await m.app.call("disconnect_toys_blocking") == [None]
    await wait(lambda: not m.is_connected())
    await m.is_found("discover_toys_blocking", model="Lush")
    await m.app.call("connect_toys_blocking", "Lush")
    assert await m.app.call("update_model_name", "Hush") == "Hush"
    assert await m.app.call("set_model_name", "Lush") == "Lush"
    with pytest.raises(ClientError, match="BadModelError"):
        await m.app.call("update_model_name", "Nora")
    known = {
        "is_connected": True,
        "toy_id": m.devices.address(m.twin),
        "name": NAME,
        "brand": "Lovense",
        "model_name": "Lush",
        "max_intensity": 20,
        "intensity_names": ["Vibration", None],
        "intensity_limits": [20, 20],
        "change_rotation_direction_available": False,
    }
    assert {name: await m.app.call(name) for name in known} == known


async def is_driven_by_hand(m: Massager) -> None:
    assert await m.app.call("intensity1", 10) is True
    assert m.level == pytest.approx(10)
    assert await m.app.call("current_intensities") == [10, 0]
    assert await m.app.call("intensity2", 10) is not None
    assert await m.app.call("change_rotation_direction") is False
    assert await m.app.call("direct_command", "Vibrate:4") == "OK"
    assert m.level == pytest.approx(4)
    assert await m.app.call("stop") is True
    assert not m.body.run.on


async def is_driven_by_a_pattern(m: Massager) -> None:
    pattern = [[300, 6, 0], [300, 16, 0]]
    version = await m.app.call("pattern_version")
    await m.app.call("set_pattern", pattern)
    assert await m.app.call("pattern_version") > version
    await m.app.call("set_paused", False)
    assert await m.app.call("is_paused") is False
    for level in (6, 16, 6):
        await wait(lambda level=level: m.level == pytest.approx(level))
    assert await m.app.call("get_pattern_time") > 0
    assert await m.app.call("get_pattern_values", 450.0) == [16, 0]
    data = await m.app.call("get_pattern_data")
    assert data[:3] == [pattern, True, False]
    assert await m.app.call("toggle_pause") is True
    await wait(lambda: not m.body.run.on)


async def is_held_back(m: Massager) -> None:
    await m.app.call("set_paused", False)
    await m.app.call("set_intensity1_limit", 5)
    await m.app.call("set_intensity2_limit", 5)
    assert await m.app.call("intensity_limits") == [5, 5]
    await wait(lambda: m.level == pytest.approx(5))
    assert await m.app.call("toggle_block") is True
    await wait(lambda: not m.body.run.on)
    assert await m.app.call("intensity1", 3) is False
    assert await m.app.call("is_blocked") is True
    await m.app.call("set_blocked", False)
    await m.app.call("set_intensity1_limit", None)
    await wait(lambda: m.level == pytest.approx(16))
    await m.app.call("set_pattern", [])
    await wait(lambda: not m.body.run.on)


async def tells_all_about_itself(m: Massager) -> None:
    m.body.battery = Battery(MASSAGER_HOURS, percent=85.9)
    assert await m.app.call("get_battery_level") == 85
    about = await m.app.call("get_information")
    told = {key: about[key] for key in ("name", "model_name", "battery", "status")}
    assert told == {"name": NAME, "model_name": "Lush", "battery": 85, "status": 2}


async def is_stopped_when_the_hub_has_it_back(m: Massager) -> None:
    """The hub connects again and stops it; without notifications it does not hear that this was understood."""
    await m.app.call("intensity1", 9)
    m.devices.lose_link(m.twin)
    await wait(lambda: m.is_connected() and not m.body.run.on)
    assert ["disconnect_callback", m.devices.address(m.twin)] in await m.app.call("events")
