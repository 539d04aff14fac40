"""A link ends in bounded time, whatever its device does."""

from __future__ import annotations

import asyncio
import time

import pytest

from devices.errors import LinkLostError
from tests.helpers.links import (
    CLOSED,
    COMMAND,
    CONNECTED,
    LOST,
    TROUBLE,
    Bench,
    Client,
    never,
    raises,
    turns,
)


class TestClosing:
    async def test_being_cancelled_closes_the_connection(self) -> None:
        client = Client()
        bench = Bench(client)
        async with bench.connected() as task:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)
            assert client.disconnects == 1
            assert bench.link.state is CLOSED

    @pytest.mark.parametrize("when", ["searching", "connecting", "set up", "pausing"])
    async def test_being_cancelled_at_any_moment_closes_it(self, when: str) -> None:
        client = Client()
        bench = Bench(LinkLostError("no") if when == "pausing" else client)
        if when == "searching":
            bench.radio.found_when.clear()
        elif when == "connecting":
            bench.radio.connects_when.clear()
        elif when == "set up":
            bench.set_up = never
        task = asyncio.create_task(bench.link.run())
        if when == "pausing":
            await bench.announced(LOST)
        else:
            await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        assert bench.states[-1] is CLOSED
        assert client.disconnects == (1 if when == "set up" else 0)

    async def test_nothing_can_be_sent_while_it_disconnects(self) -> None:
        client = Client()
        bench = Bench(client)
        refused: list[Exception] = []

        async def on_disconnect() -> None:
            try:
                await bench.link.write(COMMAND, b"x", response=False)
            except LinkLostError as error:
                refused.append(error)

        client.on_disconnect = on_disconnect
        async with bench.connected():
            pass
        assert len(refused) == 1
        assert client.written == []

    async def test_a_hanging_disconnect_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devices.bluetooth.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = never
        bench = Bench(client)
        async with bench.connected() as task:
            began = time.perf_counter()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 2)
        assert time.perf_counter() - began < 1
        assert client.disconnects == 1
        assert bench.link.state is CLOSED

    async def test_a_hanging_disconnect_does_not_prevent_reconnecting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devices.bluetooth.link._DISCONNECT_SECONDS", 0.05)
        client = Client()
        client.on_disconnect = never
        bench = Bench(client, Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert client.disconnects == 1

    @pytest.mark.parametrize("error", TROUBLE)
    async def test_a_failing_disconnect_does_not_prevent_reconnecting(self, error: Exception) -> None:
        client = Client()
        client.on_disconnect = raises(error)
        bench = Bench(client, Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
