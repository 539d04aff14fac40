"""An adapter that goes away at any moment and comes back: links, devices and sessions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from devices.bluetooth.backend import Backend
from devices.bluetooth.radio import Radio
from devices.errors import AdapterUnavailableError
from devices.roles import LinkState
from devices.support.clock import ScaledClock
from devices.virtual.transports import Air
from devices.virtual.virtual_air import Central
from devices.virtual.virtual_radio import VirtualBackend
from tests.helpers import home
from tests.helpers.home import ALL, RunningHome
from tests.helpers.scripted_radio import turns


class Adapter:
    """A Bluetooth adapter on the virtual air, to be pulled out and plugged in again."""

    def __init__(self) -> None:
        self._plugged_in = True
        self._opened = asyncio.Event()
        self._air: Air
        self._central: Central
        self._gone: asyncio.Future[None]

    @contextlib.asynccontextmanager
    async def radio(self, clock: ScaledClock, air: Air) -> AsyncIterator[Radio]:
        """Yield a radio through this adapter."""
        self._air = air
        async with Radio(clock, self._backend) as radio:
            yield radio

    @contextlib.asynccontextmanager
    async def _backend(self) -> AsyncIterator[Backend]:
        if not self._plugged_in:
            raise AdapterUnavailableError("there is no adapter")
        self._central = await self._air.add_central()
        self._gone = self._central.gone = asyncio.get_running_loop().create_future()
        self._opened.set()
        yield VirtualBackend(self._central)

    def pull_out(self) -> None:
        self._plugged_in = False
        self._opened.clear()
        self._air.remove(self._central)
        self._gone.set_result(None)

    async def plug_in(self) -> None:
        self._plugged_in = True
        async with asyncio.timeout(5):
            await self._opened.wait()


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Adapter:
    adapter = Adapter()
    # What takes real time, so that the simulated does not run away meanwhile.
    monkeypatch.setattr("devices.bluetooth.adapter._REOPEN_SECONDS", 0.001)
    monkeypatch.setattr("bleak_retry_connector.calculate_backoff_time", lambda _error: 0.0)
    monkeypatch.setattr(home, "radio_on_air", adapter.radio)
    return adapter


def links(house: RunningHome) -> list[LinkState]:
    return [device.link.state for device in house.station.devices]


class TestAnAdapterThatGoesAwayAndComesBack:
    async def test_every_link_is_lost_at_once_and_connected_again_when_it_is_back(self, adapter: Adapter) -> None:
        async with home.running_home() as house:
            with house.clock.held():
                adapter.pull_out()
                await turns(50)
                assert links(house) == [LinkState.LOST] * 4
                assert [device.link.problem for device in house.station.devices] == ["the link was lost"] * 4
            await house.elapse(120)
            assert links(house) == [LinkState.SEARCHING] * 4
            with house.clock.held():
                await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * 4, within_seconds=5)

    @pytest.mark.system
    async def test_what_runs_is_off_and_the_session_ends_and_nothing_is_resumed(self, adapter: Adapter) -> None:
        async with home.running_home() as house:
            await house.reach("express")
            assert house.on == {"left-pump", "right-pump"}
            with house.clock.held():
                adapter.pull_out()
                await turns(100)
                assert house.guard.trip is not None
                assert house.guard.trip.kind == "link_lost"
                assert house.on == set()
            snapshot = await house.finished(within_seconds=10)
            assert snapshot.state == "tripped"
            starts = house.starts
            with house.clock.held():
                await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * 4, within_seconds=5)
            await house.elapse(300)
            assert house.on == set()
            assert house.reported_off
            assert house.starts == starts

    @pytest.mark.parametrize("patience", [0, 20, 60, 100])
    async def test_it_may_go_away_at_any_moment_of_connecting(self, adapter: Adapter, patience: int) -> None:
        async with home.running_home() as house:
            with house.clock.held():
                adapter.pull_out()
                await turns(50)
            await house.elapse(10)
            await adapter.plug_in()
            await turns(patience)
            adapter.pull_out()
            await house.elapse(10)
            await adapter.plug_in()
            await house.until(lambda: links(house) == [LinkState.CONNECTED] * len(ALL), within_seconds=120)
