"""Commands from the page of a fleet, over a real broker: passed on, answered, not sent, not answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from controller.contract.commands import Action, Command, NoArgs, Reply
from controller.fleet.fleet_board import FleetBoard
from controller.fleet.remote_commands import RemoteCommands
from controller.mqtt import fleet_client
from controller.mqtt.fleet_client import FleetClient
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from tests.helpers.home import words
from tests.helpers.made_ward import MadeWard, made_ward
from tests.helpers.many_stations import bed, idle, running
from tests.helpers.mosquitto import Mosquitto, free_port, mosquitto
from tests.helpers.patience import until

pytestmark = pytest.mark.system

MESSAGE = aiomqtt.Message("letdown/bed-1/state", b"{}", 1, retain=False, mid=1, properties=None)


class Nothing:
    """Stands for a cluster that cannot be read."""

    stations = None

    def owner(self, _station: str) -> str | None:
        return None

    def could_be_served(self, _station: str) -> bool:
        return False


class Remote:
    """A client of the fleet, and the commands that go through it."""

    def __init__(self, *brokers: BrokerUrl) -> None:
        self.board = FleetBoard(Nothing())
        self.client = FleetClient(MqttSettings(brokers=brokers), self.board)
        self.commands = RemoteCommands(self.client, words())

    async def ask(self, action: Action, station: str = bed(1), id_: str | None = None) -> tuple[Reply, float]:
        began = time.monotonic()
        reply = await self.commands.handle(station, Command(id=id_, action=action), NoArgs(), False)
        return reply, time.monotonic() - began


@contextlib.asynccontextmanager
async def remote(*brokers: BrokerUrl) -> AsyncIterator[Remote]:
    found = Remote(*brokers)
    tasks = [asyncio.create_task(each.run()) for each in (found.client, found.board)]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def two_beds() -> AsyncIterator[tuple[Mosquitto, MadeWard, Remote]]:
    async with mosquitto() as broker, made_ward(broker.url, [running(1), idle(2)]) as ward, remote(broker.url) as found:
        await until(lambda: {each.state for each in found.board.tiles.values()} == {"running", "idle"}, 15)
        yield broker, ward, found


async def test_a_stop_is_published_at_once_and_its_answer_comes_back() -> None:
    async with two_beds() as (_, ward, found):
        reply, took_seconds = await found.ask(Action.STOP, id_="mine")
        assert (reply.outcome, reply.id, reply.devices) == (
            "accepted", "mine", {"left-pump": "stopped", "right-pump": "stopped"})  # fmt: skip
        assert took_seconds < 1.0
        assert ward.commands == [(bed(1), {"id": "mine", "action": "stop", "args": {}})]
        await until(lambda: found.board.tiles[bed(1)].state == "stopped")


async def test_what_is_no_stop_says_when_it_was_sent_and_is_sent_once() -> None:
    async with two_beds() as (_, ward, found):
        reply, _ = await found.ask(Action.PAUSE)
        assert reply.outcome == "accepted"
        ((_, command),) = ward.commands
        assert command["sent"] is not None


async def test_without_a_broker_a_stop_says_at_once_that_it_was_not_sent_and_is_not_sent_later() -> None:
    async with two_beds() as (broker, ward, found):
        await broker.stop()
        await until(lambda: not found.board.in_contact, 15)
        reply, took_seconds = await found.ask(Action.STOP)
        assert (reply.outcome, reply.keys) == ("failed", ("not_sent",))
        assert "use the pump's own button" in reply.reasons[0]
        assert took_seconds < 0.2
        await broker.start()
        await until(lambda: found.board.in_contact, 15)
        await asyncio.sleep(1.5)
        assert ward.commands == []


async def test_a_stop_that_nobody_answers_is_repeated_with_one_id_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_client, "ANSWER_SECONDS", 3.5)
    async with two_beds() as (_, ward, found):
        ward.answers = False
        reply, _ = await found.ask(Action.STOP)
        assert (reply.outcome, reply.keys) == ("failed", ("unanswered",))
        assert 2 <= len(ward.commands) <= 4
        assert len({command["id"] for _, command in ward.commands}) == 1
        ward.commands.clear()
        await found.ask(Action.SKIP)
        assert len(ward.commands) == 1


async def test_a_broker_that_hangs_does_not_keep_a_stop_from_the_next_one() -> None:
    async with (
        mosquitto() as first,
        mosquitto() as second,
        made_ward(second.url, [running(1)]) as ward,
        remote(first.url, second.url) as found,
    ):
        await until(lambda: found.board.in_contact, 15)
        first.freeze()
        try:
            reply, took_seconds = await found.ask(Action.STOP)
        finally:
            first.thaw()
        assert reply.outcome == "accepted"
        assert took_seconds < 5.0
        assert len({command["id"] for _, command in ward.commands}) == 1


async def test_a_broker_that_is_not_there_yet_is_no_end() -> None:
    port = free_port()
    async with remote(BrokerUrl(host="127.0.0.1", port=port)) as found:
        await until(lambda: found.client.problem is not None, 15)
        assert "nothing answers" in str(found.client.problem)
        async with mosquitto(port):
            await until(lambda: found.board.in_contact, 15)


async def test_a_message_for_which_there_is_no_room_is_noted() -> None:
    waiting = fleet_client._FleetInbox(2)
    for _ in range(2):
        waiting.put_nowait(MESSAGE)
    assert not waiting.is_incomplete
    waiting.put_nowait(MESSAGE)
    assert (waiting.is_incomplete, waiting.qsize()) == (True, 2)


async def test_after_a_missing_message_a_new_connection_brings_all_that_is_retained() -> None:
    async with two_beds() as (_, _, found):
        client = found.client._client
        assert client is not None
        assert isinstance(client._queue, fleet_client._FleetInbox)
        client._queue.is_incomplete = True  # as put_nowait notes it
        await until(lambda: found.client._client not in (None, client), 15)
        await until(lambda: {each.state for each in found.board.tiles.values()} == {"running", "idle"}, 15)
