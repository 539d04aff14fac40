"""An ESPHome proxy beside other receivers: the real messages, to a stand-in that is on the virtual air."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from aioesphomeapi.model import BluetoothProxyFeature

from devices.catalog import Catalog
from devices.clock import RealClock
from devices.errors import NotFoundError
from devices.link import LinkState
from devices.profiles.driver import ProfileDevice
from devices.profiles.roles import ProfilePump, roles_of
from devices.proxy import proxy_backend
from devices.radio import Radio
from devices.roles import Phase, PumpSetting, RunState, Side
from devices.sighting import ByName
from devices.virtual.air import Air
from devices.virtual.home import DEVICES, Described, Home
from tests.devices.esphome import Proxy

PUMP = Described("pump", "open-pump", "Pump", Side.LEFT)
SETTING = PumpSetting(phase=Phase.STIMULATION, vacuum_mmhg=60, rate_cpm=60)


class Nursery:
    """A room with a proxy and devices, and drivers that only the proxy can reach."""

    def __init__(self, devices: Sequence[Described], connections: int) -> None:
        self.clock, self.air, self.catalog = RealClock(), Air(), Catalog.load()
        self.home = Home(self.clock, self.catalog, devices, seed=2)
        self.proxy = Proxy(self.air, connections=connections)
        self.drivers: dict[str, ProfileDevice] = {}
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
                self.drivers[each.key] = ProfileDevice(
                    radio,
                    self.clock,
                    name=each.key,
                    side=each.side,
                    profile=profile,
                    wanted=ByName(each.advertised_name),
                )
            tasks = [asyncio.create_task(each.run()) for each in self.drivers.values()]
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def pump(self) -> ProfilePump:
        (role,) = roles_of(self.drivers["pump"])
        assert isinstance(role, ProfilePump)
        return role

    @property
    def troubles(self) -> str:
        """What is the matter with any of them."""
        return "; ".join(each.link.trouble or "" for each in self.drivers.values())

    async def until(self, happened: Callable[[], object], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not happened():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)

    async def connected(self, *keys: str) -> None:
        await self.until(lambda: all(self.drivers[key].link.connected for key in keys or self.drivers))


@contextlib.asynccontextmanager
async def nursery(devices: Sequence[Described] = (PUMP,), connections: int = 3) -> AsyncIterator[Nursery]:
    async with Nursery(devices, connections).open() as it:
        yield it


async def test_a_pump_is_found_read_started_and_stopped_through_it() -> None:
    async with nursery() as it:
        await it.connected()
        assert it.drivers["pump"].link.sighting is not None
        assert it.drivers["pump"].link.sighting.receiver == "127.0.0.1"
        assert it.pump.reading.run_state is RunState.STOPPED
        await it.pump.start(SETTING, 20, 10)
        await it.until(lambda: it.pump.reading.vacuum_mmhg)  # notified
        assert it.home.twins["pump"].body.duty.on
        await it.pump.stop()
        assert not it.home.twins["pump"].body.duty.on
        assert it.pump.reading.run_state is RunState.STOPPED


async def test_a_device_that_is_lost_is_found_again() -> None:
    async with nursery() as it:
        await it.connected()
        server = it.home.twins["pump"].server
        assert server is not None
        await server.drop_link()
        await it.until(lambda: not it.drivers["pump"].link.connected)
        await it.connected()


async def test_a_proxy_that_loses_its_power_is_a_lost_link_and_used_again_when_it_is_back() -> None:
    async with nursery() as it:
        await it.connected()
        await it.pump.start(SETTING, 20, 10)
        await it.proxy.pull_out()
        await it.until(lambda: it.drivers["pump"].link.state is not LinkState.CONNECTED, 2)
        await it.until(lambda: not it.home.twins["pump"].body.duty.on, 2)
        await it.proxy.plug_in()
        await it.connected()
        assert not it.home.twins["pump"].body.duty.on


async def test_it_is_never_asked_for_more_connections_than_it_has() -> None:
    devices = [each._replace(profile="open-pump", side=Side.LEFT) for each in DEVICES[:2]]
    async with nursery(devices, connections=1) as it:
        await it.until(lambda: any(each.link.connected for each in it.drivers.values()))
        await it.until(
            lambda: any("cannot be connected to one more" in (d.link.trouble or "") for d in it.drivers.values())
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
async def test_one_that_lets_nobody_connect_is_told_of(features: BluetoothProxyFeature, words: str) -> None:
    async with Proxy(Air(), features=int(features)).running() as proxy:
        with pytest.raises(NotFoundError) as error:
            async with Radio(RealClock(), proxy_backend("127.0.0.1", proxy.port)):
                pass
    assert words in str(error.value)


async def test_one_that_is_not_there_is_told_of() -> None:
    with pytest.raises(NotFoundError, match=r"the proxy 127.0.0.1 cannot be used"):
        async with Radio(RealClock(), proxy_backend("127.0.0.1", 1)):
            pass


async def test_a_key_where_none_is_wanted_is_told_of() -> None:
    key = "QRTIErOb/fcE9Ukd/5qA3RGYMn0Y+p06U58SCtOXvPc="
    async with Proxy(Air()).running() as proxy:
        with pytest.raises(NotFoundError, match="that its key is right"):
            async with Radio(RealClock(), proxy_backend("127.0.0.1", proxy.port, key)):
                pass
