"""Two links never have the same device."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from devices.errors import LinkLostError, NotAdvertisingError, ProtocolError
from tests.helpers.links import (
    CONNECTED,
    CONNECTING,
    LOST,
    Bench,
    Client,
    never,
    raises,
    turns,
)


class TestTwoLinksToOneDevice:
    """A second connection from the same process would share the first one."""

    async def test_the_second_is_refused_and_names_the_first(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected(), second.running():
            await bench.clock.sleep(100)
            assert bench.link.connected
            assert second.link.problem == "right pump is connected already, as left pump"
            assert CONNECTING not in second.states
            assert len(bench.radio.connected_at) == 1

    async def test_the_second_is_refused_while_the_first_still_connects(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        bench.radio.connects_when.clear()
        async with bench.running():
            await bench.announced(CONNECTING)
            async with second.running():
                await second.announced(LOST)
                assert len(bench.radio.connected_at) == 1

    async def test_a_device_is_free_again_when_its_link_is_closed(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            pass
        async with second.connected():
            assert len(bench.radio.connected_at) == 2

    async def test_a_device_is_free_again_when_its_link_was_lost_but_not_before_it_is_disconnected(self) -> None:
        first, disconnected = Client(), asyncio.Event()
        first.on_disconnect = cast("Any", disconnected.wait)
        bench = Bench(first, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            bench.radio.losers[0]()
            await turns()
            async with second.running():
                await second.announced(LOST)
                assert len(bench.radio.connected_at) == 1
                disconnected.set()
                await second.announced(CONNECTED)

    @pytest.mark.parametrize("error", [LinkLostError("no"), NotAdvertisingError("no")])
    async def test_a_device_is_free_again_when_it_could_not_be_connected(self, error: Exception) -> None:
        bench = Bench(error, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.running():
            await bench.announced(LOST)
            await turns()
            async with second.connected():
                assert not bench.link.connected

    @pytest.mark.parametrize("when", ["connecting", "set up"])
    async def test_a_device_is_free_again_when_its_link_is_cancelled_halfway(self, when: str) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        if when == "connecting":
            bench.radio.connects_when.clear()
        else:
            bench.set_up = never
        async with bench.running():
            await turns()
            assert bench.link.state is CONNECTING
        bench.radio.connects_when.set()
        async with second.connected():
            pass

    async def test_a_device_is_free_again_when_it_could_not_be_set_up(self) -> None:
        bench = Bench(Client(), Client())
        second = Bench(name="right pump", beside=bench)
        bench.set_up = raises(ProtocolError("it is another model"))
        async with bench.running():
            await bench.announced(LOST)
            await turns()
            async with second.connected():
                assert not bench.link.connected

    @pytest.mark.parametrize("how", ["hangs", "fails"])
    async def test_a_device_is_free_again_however_its_disconnect_ends(
        self, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setattr("devices.bluetooth.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = never if how == "hangs" else raises(EOFError())
        bench = Bench(client, Client())
        second = Bench(name="right pump", beside=bench)
        async with bench.connected():
            pass
        assert client.disconnects == 1
        async with second.connected():
            pass
