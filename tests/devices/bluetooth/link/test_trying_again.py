"""A link that is lost or fails is retried; and the states that it reports meanwhile."""

from __future__ import annotations

import pytest

from devices.bluetooth.advertisement import Advertisement
from devices.errors import LinkLostError, NotAdvertisingError, ProtocolError, RefusedError, UncertainError
from tests.helpers.links import (
    CLOSED,
    COMMAND,
    CONNECTED,
    CONNECTING,
    LOST,
    REPORT,
    SEARCHING,
    Bench,
    Client,
    turns,
)


class TestServicesThatDoNotMatch:
    async def test_the_cache_is_cleared_every_other_time_until_they_match(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(6))), []

        async def forget_services(_: Advertisement) -> None:
            forgotten.append(len(bench.radio.connected_at))

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 6:
                raise ProtocolError("left pump has no characteristic for status")

        monkeypatch.setattr(bench.radio, "forget_services", forget_services)
        bench.set_up = set_up
        async with bench.connected():
            assert forgotten == [2, 4]

    async def test_a_lost_link_does_not_count_as_a_mismatch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(4))), []

        async def forget_services(advertisement: Advertisement) -> None:
            forgotten.append(advertisement)

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 4:
                raise LinkLostError("the link was lost")

        monkeypatch.setattr(bench.radio, "forget_services", forget_services)
        bench.set_up = set_up
        async with bench.connected():
            assert forgotten == []


class TestStates:
    async def test_states_are_announced_in_order_and_each_once(self) -> None:
        bench = Bench(Client(), Client())
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert bench.states == [CONNECTING, CONNECTED, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    async def test_it_is_connected_only_after_its_setup_which_may_send(self) -> None:
        client = Client()
        bench, seen = Bench(client), []

        async def set_up() -> None:
            seen.append((bench.link.connected, bench.link.state))
            await bench.link.write(COMMAND, b"hello", response=True)

        bench.set_up = set_up
        async with bench.connected():
            assert bench.link.connected
        assert seen == [(False, CONNECTING)]
        assert client.written == [(str(COMMAND), b"hello", True)]
        assert not bench.link.connected

    async def test_it_searches_until_the_device_advertises(self) -> None:
        bench = Bench(Client())
        bench.radio.found_when.clear()
        async with bench.running():
            await turns()
            assert bench.link.state is SEARCHING
            assert bench.states == []
            bench.radio.found_when.set()
            await bench.announced(CONNECTED)
            assert bench.link.advertisement is not None

    async def test_a_lost_link_is_announced_at_once(self) -> None:
        bench = Bench(Client())
        async with bench.connected():
            bench.radio.losers[0]()
            assert bench.link.state is LOST
            assert not bench.link.connected

    async def test_its_problem_is_shown_until_it_is_connected(self) -> None:
        bench = Bench(NotAdvertisingError("left pump does not answer"), Client())
        async with bench.running():
            await bench.announced(LOST)
            await turns(2)
            assert bench.link.problem == "left pump does not answer"
            await bench.announced(CONNECTED)
            assert bench.link.problem is None
            bench.radio.losers[-1]()
            await bench.announced(SEARCHING, 2)
            assert bench.link.problem == "the link was lost"


class TestReconnecting:
    async def test_pauses_grow_to_half_a_minute(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(8)])
        async with bench.running():
            await bench.announced(CONNECTING, 9)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 31, 61, 91, 121]

    async def test_pauses_start_again_after_a_connection(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(4)], Client(), LinkLostError("no"), Client())
        async with bench.running():
            await bench.announced(CONNECTED)
            bench.radio.losers[-1]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 16, 18]

    @pytest.mark.parametrize("error", [LinkLostError("no"), NotAdvertisingError("no")])
    async def test_a_failed_connection_is_retried(self, error: Exception) -> None:
        bench = Bench(error, Client())
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    @pytest.mark.parametrize("error", [ProtocolError("it is another model"), RefusedError("no"), UncertainError("no")])
    async def test_a_failed_setup_disconnects_and_is_retried(self, error: Exception) -> None:
        first, second = Client(), Client()
        bench = Bench(first, second)
        errors = [error]

        async def set_up() -> None:
            if errors:
                raise errors.pop()

        bench.set_up = set_up
        async with bench.connected():
            assert first.disconnects == 1
            assert second.disconnects == 0
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]
        assert bench.radio.connected_at == [0, 1]

    async def test_a_link_lost_during_setup_is_retried(self) -> None:
        bench = Bench(Client(), Client())

        async def set_up() -> None:
            if len(bench.radio.losers) == 1:
                bench.radio.losers[0]()

        bench.set_up = set_up
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    async def test_only_advertisements_since_the_loss_count(self) -> None:
        bench = Bench(Client(), Client())
        async with bench.connected():
            await bench.clock.sleep(100)
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.searched_from == [-10, 100]

    async def test_the_late_end_of_an_old_connection_does_not_affect_the_new_one(self) -> None:
        first, second = Client(), Client()
        bench = Bench(first, second)
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
            bench.radio.losers[0]()
            await turns()
            assert bench.link.connected
            await bench.link.write(COMMAND, b"x", response=False)
            assert second.written
            assert second.disconnects == 0
            assert bench.states.count(LOST) == 1

    async def test_an_old_connection_is_closed_before_a_new_one_is_made(self) -> None:
        first = Client()
        bench = Bench(first, Client())
        closed_at: list[int] = []

        async def on_disconnect() -> None:
            closed_at.append(len(bench.radio.connected_at))

        first.on_disconnect = on_disconnect
        async with bench.connected():
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert closed_at == [1]

    async def test_notifications_of_an_old_connection_are_ignored(self) -> None:
        client, heard = Client(), []
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, heard.append)
            bench.radio.losers[0]()
            client.notify(bytearray(b"late"))
            assert heard == []
