"""A recording of the open pump on the virtual radio: what the driver of this project and the pump say to each other."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from pathlib import Path

from devices.capture.labels import LabeledAction, Labels
from devices.capture.labels_file import action_of
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DevicePump
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Phase, PumpSetting, Side
from devices.support.clock import ScaledClock
from devices.virtual.hci_log import HciLog
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
_CPM = 60.0


async def record_open_pump(file: Path) -> Labels:
    """Write the capture of a short session, and return what was done when."""
    clock, catalog = ScaledClock(math.inf), Catalog.load()
    profile = catalog.get("open-pump")
    assert isinstance(profile, Profile)
    home = Home(clock, catalog, [DescribedDevice("pump", profile.id, "Anna's pump", Side.LEFT)], seed=1)
    actions: list[LabeledAction] = []
    with file.open("wb") as opened:
        air = Air(HciLog(opened, lambda: BEGAN.timestamp() + clock.now()))
        async with home.on_air(air) as addresses, radio_on_air(clock, air) as radio:
            options = DeviceOptions("pump", Side.LEFT, lambda seen: seen.address == addresses["pump"])
            device = ProfileDevice(radio, clock, profile, options)
            link = asyncio.create_task(device.run())
            while not device.link.connected:
                await clock.sleep(0.1)
            await _press(DevicePump(device), clock, actions)
            link.cancel()
            await asyncio.gather(link, return_exceptions=True)
    return Labels(role="pump", app="Letdown's own driver", began=BEGAN, actions=tuple(actions))


async def _press(pump: DevicePump, clock: ScaledClock, actions: list[LabeledAction]) -> None:
    for quiet_seconds, verb, phase, mmhg in (
        (5, "start", Phase.STIMULATION, 50),
        (7, "adjust", Phase.STIMULATION, 60),
        (6, "adjust", Phase.STIMULATION, 80),
        (9, "adjust", Phase.EXPRESSION, 100),
        (5, "adjust", Phase.EXPRESSION, 150),
        (8, "pause", None, 0),
        (6, "resume", None, 0),
        (7, "stop", None, 0),
    ):
        await clock.sleep(quiet_seconds)
        setting = PumpSetting(phase=phase or Phase.EXPRESSION, vacuum_mmhg=mmhg, rate_cpm=_CPM)
        values = {"phase": phase.value, "vacuum_mmhg": mmhg, "rate_cpm": _CPM} if phase is not None else {}
        actions.append(action_of(clock.now(), verb, values))
        if verb == "start":
            await pump.start(setting, 120, 60)
        elif verb == "adjust":
            await pump.adjust(setting)
        else:
            await getattr(pump, verb)()
    await clock.sleep(3)
