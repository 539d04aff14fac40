"""docs/devices.md is what the profiles say, and the example of docs/your-pump.md does what the page says."""

from __future__ import annotations

import asyncio
import math
import re
from pathlib import Path

from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DevicePump
from devices.profiles.catalog import Catalog, fit
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.profile_examples import check_examples
from devices.profiles.schema import Profile
from devices.roles import Phase, PumpSetting, RunState, Side
from devices.support.clock import ScaledClock
from devices.virtual.advertising_data import AdvertisingPacket
from devices.virtual.gatt_server import GattCharacteristic, GattServer, GattService
from devices.virtual.transports import Air
from devices.virtual.virtual_radio import radio_on_air
from docs.devices_page import profiles_markdown
from tests.helpers.yaml_texts import parse_yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "your-pump.md").read_text(encoding="utf-8")


def example() -> Profile:
    (text,) = re.findall(r"```yaml\n(id: .*?)```", PAGE, re.DOTALL)
    return parse_yaml(text, Profile, "docs/your-pump.md")


def test_the_table_of_devices_is_what_the_profiles_say() -> None:
    written = (ROOT / "docs" / "devices.md").read_text(encoding="utf-8")
    assert written == profiles_markdown(Catalog.load()), "run `make docs`"


def test_the_example_of_the_page_holds() -> None:
    findings = {finding.what: finding.state for finding in check_examples(example())}
    parts = ("commands.start", "commands.adjust", "commands.stop", "reports.status")
    assert findings == dict.fromkeys(parts, "holds")


class Moon:
    """The pump of the page, written from its prose and not from its profile: A5, length, code, data, sum."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.running, self.level = False, 0
        self.server: GattServer | None = None

    async def write(self, data: bytes) -> None:
        self.heard.append(data)
        assert data[0] == 0xA5
        assert data[1] == len(data) - 2
        assert data[-1] == sum(data[:-1]) & 0xFF
        code, rest = data[2], data[3:-1]
        if code in (0x01, 0x02):
            self.running, self.level = True, rest[1]
        elif code == 0x00:
            self.running, self.level = False, 0
        self.tell()

    def tell(self) -> None:
        body = bytes([0xA5, 5, 0x81, self.running, self.level, 85])
        assert self.server is not None
        self.server.notify("fff2", body + bytes([sum(body) & 0xFF]))


async def test_the_pump_of_the_page_is_driven_by_its_profile_alone() -> None:
    clock, air, moon = ScaledClock(math.inf), Air(), Moon()
    service = GattService(
        "fff0",
        [
            GattCharacteristic("fff1", {"write-without-response"}, write=moon.write),
            GattCharacteristic("fff2", {"notify"}),
        ],
    )
    peripheral = await air.add_peripheral("MOON-1234")
    moon.server = GattServer(peripheral, [service], AdvertisingPacket(name="MOON-1234", service_uuids=["fff0"]))
    await moon.server.start()
    async with radio_on_air(clock, air) as radio:
        profile = example()
        device = ProfileDevice(
            radio,
            clock,
            profile,
            DeviceOptions("moon", Side.LEFT, lambda advertisement: fit(profile, advertisement).fits),
        )
        link = asyncio.create_task(device.run())
        while not device.link.connected:  # noqa: ASYNC110 - the radio is in real time
            await asyncio.sleep(0.01)
        pump = DevicePump(device)
        await pump.start(PumpSetting(phase=Phase.STIMULATION, level=3), 60, 10)
        await clock.sleep(0.1)  # a write without response takes its time
        assert moon.heard == [bytes.fromhex("a5 04 01 00 03 ad")]
        assert pump.reading.run_state is RunState.RUNNING
        assert pump.reading.level == 3
        await pump.stop()
        assert moon.heard[1:] == [bytes.fromhex("a5 02 00 a7")] * 2
        assert pump.reading.run_state is RunState.STOPPED
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)
