"""A link that is lost, or cannot be made, is tried again; and what it announces meanwhile."""

from __future__ import annotations

import pytest

from devices.errors import LinkLostError, NotFoundError, ProtocolError, RefusedError, UncertainError
from devices.sighting import Sighting
from tests.devices.link.bench import (
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


class TestATableThatDoesNotFit:
    async def test_it_is_read_anew_at_every_other_time_until_it_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(6))), []

        async def forget(_: Sighting) -> None:
            forgotten.append(len(bench.radio.connected_at))

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 6:
                raise ProtocolError("left pump has no characteristic for status")

        monkeypatch.setattr(bench.radio, "forget", forget)
        bench.set_up = set_up
        async with bench.connected():
            assert forgotten == [2, 4]

    async def test_a_link_that_is_lost_says_nothing_of_the_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bench, forgotten = Bench(*(Client() for _ in range(4))), []

        async def forget(sighting: Sighting) -> None:
            forgotten.append(sighting)

        async def set_up() -> None:
            if len(bench.radio.connected_at) < 4:
                raise LinkLostError("the link was lost")

        monkeypatch.setattr(bench.radio, "forget", forget)
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

    async def test_it_is_connected_only_after_it_was_set_up_but_set_up_may_talk(self) -> None:
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

    async def test_it_searches_until_the_device_is_seen(self) -> None:
        bench = Bench(Client())
        bench.radio.found_when.clear()
        async with bench.running():
            await turns()
            assert bench.link.state is SEARCHING
            assert bench.states == []
            bench.radio.found_when.set()
            await bench.announced(CONNECTED)
            assert bench.link.sighting is not None

    async def test_a_lost_link_is_announced_at_once(self) -> None:
        bench = Bench(Client())
        async with bench.connected():
            bench.radio.losers[0]()
            assert bench.link.state is LOST
            assert not bench.link.connected

    async def test_its_trouble_is_told_until_it_is_connected(self) -> None:
        bench = Bench(NotFoundError("left pump does not answer"), Client())
        async with bench.running():
            await bench.announced(LOST)
            await turns(2)
            assert bench.link.trouble == "left pump does not answer"
            await bench.announced(CONNECTED)
            assert bench.link.trouble is None
            bench.radio.losers[-1]()
            await bench.announced(SEARCHING, 2)
            assert bench.link.trouble == "the link was lost"


class TestTryingAgain:
    async def test_pauses_grow_and_stay_at_half_a_minute(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(8)])
        async with bench.running():
            await bench.announced(CONNECTING, 9)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 31, 61, 91, 121]

    async def test_pauses_begin_anew_after_a_connection(self) -> None:
        bench = Bench(*[LinkLostError("no") for _ in range(4)], Client(), LinkLostError("no"), Client())
        async with bench.running():
            await bench.announced(CONNECTED)
            bench.radio.losers[-1]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.connected_at == [0, 1, 3, 7, 15, 16, 18]

    @pytest.mark.parametrize("error", [LinkLostError("no"), NotFoundError("no")])
    async def test_a_connection_that_fails_is_tried_again(self, error: Exception) -> None:
        bench = Bench(error, Client())
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    @pytest.mark.parametrize("error", [ProtocolError("it is another model"), RefusedError("no"), UncertainError("no")])
    async def test_a_set_up_that_fails_gives_the_connection_up_and_tries_again(self, error: Exception) -> None:
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

    async def test_a_link_that_is_lost_while_it_is_set_up_is_tried_again(self) -> None:
        bench = Bench(Client(), Client())

        async def set_up() -> None:
            if len(bench.radio.losers) == 1:
                bench.radio.losers[0]()

        bench.set_up = set_up
        async with bench.connected():
            pass
        assert bench.states == [CONNECTING, LOST, SEARCHING, CONNECTING, CONNECTED, CLOSED]

    async def test_only_what_is_heard_since_the_loss_counts_as_seen(self) -> None:
        bench = Bench(Client(), Client())
        async with bench.connected():
            await bench.clock.sleep(100)
            bench.radio.losers[0]()
            await bench.announced(CONNECTED, 2)
        assert bench.radio.searched_from == [-10, 100]

    async def test_the_last_word_of_an_old_connection_does_not_disturb_the_new_one(self) -> None:
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

    async def test_what_an_old_connection_still_says_is_not_heard(self) -> None:
        client, heard = Client(), []
        bench = Bench(client)
        async with bench.connected():
            await bench.link.subscribe(REPORT, heard.append)
            bench.radio.losers[0]()
            client.notify(bytearray(b"late"))
            assert heard == []
