"""One virtual device on a controller of its own, as on a dongle, found and driven through another controller."""

from __future__ import annotations

import asyncio

import pytest

from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DevicePump
from devices.errors import AdapterUnavailableError
from devices.profiles.profile_device import ProfileDevice
from devices.roles import Phase, PumpSetting, RunState, Side
from devices.support.clock import RealClock
from devices.virtual.air_controller import AirController
from devices.virtual.transports import Air, serve_controller
from devices.virtual.virtual_home import VirtualHome
from devices.virtual.virtual_radio import radio_through
from tests.helpers.home import catalog as shipped


@pytest.mark.system
async def test_a_device_on_a_controller_of_its_own_is_found_and_driven() -> None:
    clock, catalog = RealClock(), shipped()
    home = VirtualHome(clock, catalog, seed=1)
    profile = catalog.get("open-pump")
    assert profile is not None
    async with (
        asyncio.timeout(20),
        serve_controller(Air(), "tcp-server:127.0.0.1:0") as transport,
        home.on_real_air(transport, "left-pump"),
        radio_through(clock, transport) as radio,
    ):
        device = ProfileDevice(
            radio,
            clock,
            profile,
            DeviceOptions("pump", Side.LEFT, lambda advertisement: advertisement.name == "Letdown Pump L"),
        )
        link = asyncio.create_task(device.run())
        while not device.link.connected:  # noqa: ASYNC110 - the radio is in real time
            await asyncio.sleep(0.01)
        pump = DevicePump(device)
        await pump.start(PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=60, rate_cpm=100), 60, 10)
        assert home.pumps[Side.LEFT].run.running
        await pump.stop()
        assert pump.reading.run_state is RunState.STOPPED
        assert not home.pumps[Side.LEFT].run.on
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)


async def test_a_real_controller_behind_a_transport_is_not_used_as_a_virtual_one() -> None:
    air = Air()
    async with asyncio.timeout(20), serve_controller(air, "tcp-server:127.0.0.1:0") as transport:
        async with radio_through(RealClock(), transport, simulated=True):
            pass
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(AirController, "manufacturer_company_identifier", 0x0059)
            with pytest.raises(AdapterUnavailableError, match="is a real one"):
                async with radio_through(RealClock(), transport, simulated=True):
                    pass
            async with radio_through(RealClock(), transport):
                pass
