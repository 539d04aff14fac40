"""An ESPHome proxy beside other adapters: the real messages, to a stand-in that is on the virtual air."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from aioesphomeapi.model import BluetoothProxyFeature

from devices.bluetooth.advertisement import ByName
from devices.bluetooth.esphome_proxy import proxy_backend
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.device_roles import DevicePump, buttons_of, roles_of
from devices.driver.registry import driver_of
from devices.errors import AdapterUnavailableError
from devices.roles import ButtonPress, LinkState, Phase, PressEvent, PressMeaning, PumpSetting, RunState, Side
from devices.support.clock import RealClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DEVICES, DescribedDevice, Home
from tests.helpers.esphome import Proxy
from tests.helpers.home import catalog as shipped

PUMP = DescribedDevice("pump", "open-pump", "Pump", Side.LEFT)
SETTING = PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=60, rate_cpm=60)


class Nursery:
    """A room with a proxy and devices, and drivers that only the proxy can reach."""

    def __init__(self, devices: Sequence[DescribedDevice], connections: int) -> None:
        self.clock, self.air, self.catalog = RealClock(), Air(), shipped()
        self.home = Home(self.clock, self.catalog, devices, seed=2)
        self.proxy = Proxy(self.air, connections=connections)
        self.drivers: dict[str, BaseDevice] = {}
        self._devices = devices

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Nursery]:
        """Bring it up for the block, and let the drivers search."""
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.home.on_air(self.air))
            await stack.enter_async_context(self.proxy.running())
            reached = proxy_backend("127.0.0.1", self.proxy.port)
            radio = await stack.enter_async_context(Radio(self.clock, reached))
            for each in self._devices:
                profile = self.catalog.get(each.profile)
                assert profile is not None
                options = DeviceOptions(each.key, each.side, ByName(each.advertised_name))
                self.drivers[each.key] = driver_of(profile).open_device(radio, self.clock, profile, options)
            tasks = [asyncio.create_task(each.run()) for each in self.drivers.values()]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def pump(self) -> DevicePump:
        (role,) = roles_of(self.drivers["pump"])
        assert isinstance(role, DevicePump)
        return role

    @property
    def troubles(self) -> str:
        """What is the matter with any of them."""
        return "; ".join(each.link.problem or "" for each in self.drivers.values())

    async def until(self, happened: Callable[[], object], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    async def connected(self, *keys: str) -> None:
        await self.until(lambda: all(self.drivers[key].link.connected for key in keys or self.drivers))


@contextlib.asynccontextmanager
async def nursery(devices: Sequence[DescribedDevice] = (PUMP,), connections: int = 3) -> AsyncIterator[Nursery]:
    async with Nursery(devices, connections).open() as it:
        yield it


async def test_a_pump_is_found_read_started_and_stopped_through_it() -> None:
    async with nursery() as it:
        await it.connected()
        assert it.drivers["pump"].link.advertisement is not None
        assert it.drivers["pump"].link.advertisement.adapter == "127.0.0.1"
        assert it.pump.reading.run_state is RunState.STOPPED
        await it.pump.start(SETTING, 20, 10)
        await it.until(lambda: it.pump.reading.vacuum_mmhg)  # notified
        assert it.home.twins["pump"].body.run.on
        await it.pump.stop()
        assert not it.home.twins["pump"].body.run.on
        assert it.pump.reading.run_state is RunState.STOPPED


@pytest.mark.system
async def test_a_button_is_heard_through_it_and_takes_no_connection() -> None:
    button = DescribedDevice("chair", "bthome-button", "Chair", Side.BOTH)
    nursery = Nursery([button], connections=0)
    async with nursery.open() as it:
        pressed: list[ButtonPress] = []
        (role,) = buttons_of(it.drivers["chair"])
        role.on_press(pressed.append)
        await it.until(lambda: role.connected)
        await it.home.buttons["chair"].press(PressEvent.HOLD)
        await it.until(lambda: pressed)
        assert [(each.event, each.meaning) for each in pressed] == [(PressEvent.HOLD, PressMeaning.STOP)]


async def test_a_lost_device_is_reconnected() -> None:
    async with nursery() as it:
        await it.connected()
        server = it.home.twins["pump"].server
        assert server is not None
        await server.drop_link()
        await it.until(lambda: not it.drivers["pump"].link.connected)
        await it.connected()


@pytest.mark.system
async def test_a_proxy_that_loses_power_loses_its_links_and_is_used_again_later() -> None:
    async with nursery() as it:
        await it.connected()
        await it.pump.start(SETTING, 20, 10)
        await it.proxy.pull_out()
        await it.until(lambda: it.drivers["pump"].link.state is not LinkState.CONNECTED, 2)
        await it.until(lambda: not it.home.twins["pump"].body.run.on, 2)
        await it.proxy.plug_in()
        await it.connected()
        assert not it.home.twins["pump"].body.run.on


@pytest.mark.system
async def test_it_is_never_asked_for_more_connections_than_it_has() -> None:
    devices = [each._replace(profile="open-pump", side=Side.LEFT) for each in DEVICES[:2]]
    async with nursery(devices, connections=1) as it:
        await it.until(lambda: any(each.link.connected for each in it.drivers.values()))
        await it.until(
            lambda: any("cannot be connected to one more" in (d.link.problem or "") for d in it.drivers.values())
        )
        assert sum(each.link.connected for each in it.drivers.values()) == 1
        assert it.proxy.requests.count("BluetoothDeviceRequest") == 1


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (BluetoothProxyFeature.RAW_ADVERTISEMENTS, "bluetooth_proxy: {active: true}"),
        (BluetoothProxyFeature(0), "bluetooth_proxy: {active: true}"),
    ],
)
async def test_one_that_does_not_allow_connections_is_an_error(features: BluetoothProxyFeature, words: str) -> None:
    async with Proxy(Air(), features=int(features)).running() as proxy:
        with pytest.raises(AdapterUnavailableError) as error:
            async with Radio(RealClock(), proxy_backend("127.0.0.1", proxy.port)):
                pass
    assert words in str(error.value)


async def test_one_that_is_missing_is_an_error() -> None:
    with pytest.raises(AdapterUnavailableError, match=r"the proxy 127.0.0.1 cannot be used"):
        async with Radio(RealClock(), proxy_backend("127.0.0.1", 1)):
            pass


async def test_a_key_for_a_proxy_without_one_is_an_error() -> None:
    key = "QRTIErOb/fcE9Ukd/5qA3RGYMn0Y+p06U58SCtOXvPc="
    async with Proxy(Air()).running() as proxy:
        with pytest.raises(AdapterUnavailableError, match="that its key is right"):
            async with Radio(RealClock(), proxy_backend("127.0.0.1", proxy.port, key)):
                pass
