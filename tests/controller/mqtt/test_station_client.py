"""The client of a station: against a real bridge and a broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel

from controller.contract.commands import Action, Args, Command, Reply
from controller.contract.events import DeviceView, Guide, SessionState, Snapshot
from controller.mqtt.bridge import Bridge
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.instance import this_process
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.station_client import NoContact, SeveralStationsError, StationClient, read_item
from controller.mqtt.topics import Topics
from devices.roles import LinkState, PumpReading, Side


@dataclass
class Watched:
    """What a client was told."""

    items: list[BaseModel] = field(default_factory=list)
    contacts: list[NoContact | None] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    unanswered: int = 0

    async def handle(self, _station: str, command: Command, _args: Args, _retained: bool = False) -> Reply:
        self.commands.append(command)
        if self.unanswered:
            self.unanswered -= 1
            await asyncio.sleep(60)
        return Reply(id=command.id, action=command.action, outcome="accepted", devices={"left-pump": "stopped"})


async def until(condition: object, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - a test
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(broker: BrokerUrl, watched: Watched, *stations: str) -> AsyncIterator[Bridge]:
    """A controller of stations, each with a snapshot."""
    settings = MqttSettings(brokers=(broker,), node="pi")
    me = this_process("pi", stations)
    handles = dict.fromkeys(stations, watched.handle)
    bridge = Bridge(settings, Topics(), handles, mqtt_5=False, me=me, checked=(broker,))
    for station in stations:
        bridge.watch(Snapshot(station=station, state=SessionState.RUNNING, session_id="s1"))
    async with running(bridge.run()):
        yield bridge


@contextlib.asynccontextmanager
async def running(work: object) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)  # type: ignore[arg-type, var-annotated]
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, SeveralStationsError):
            await task


def client_of(broker: BrokerUrl, watched: Watched, station: str | None = None) -> StationClient:
    settings = MqttSettings(brokers=(broker,))
    return StationClient(settings, station, lambda item, _: watched.items.append(item), watched.contacts.append)


@pytest.mark.system
async def test_the_only_station_is_found_followed_and_commanded() -> None:
    watched = Watched()
    async with embedded_broker(0) as broker, serving(broker, watched, "home") as bridge:
        client = client_of(broker, watched)
        async with running(client.run()):
            await until(lambda: client.in_contact)
            assert client.station == "home"
            bridge.watch(Guide(station="home", words="Lean back.", language="en"))
            reading = PumpReading(vacuum_mmhg=100)
            view = DeviceView(
                station="home", device="p", profile="x", side=Side.LEFT, link=LinkState.CONNECTED, available=True,
                reading=reading,
            )  # fmt: skip
            bridge.watch(view)
            await until(lambda: view in watched.items)
            await until(lambda: any(isinstance(item, Guide) for item in watched.items))
            assert any(isinstance(item, Snapshot) and item.running for item in watched.items)
            reply = await client.send(Action.START, {"routine": "classic"})
            assert reply is not None
            assert reply.outcome == "accepted"
            assert watched.commands[-1].sent is not None  # what was held up on its way starts nothing
            await client.send(Action.SKIP, {})
            assert watched.commands[-1].session == "s1"


@pytest.mark.system
async def test_a_stop_is_repeated_with_its_id_until_a_reply_came() -> None:
    watched = Watched(unanswered=2)
    async with embedded_broker(0) as broker, serving(broker, watched, "home"):
        client = client_of(broker, watched, "home")
        async with running(client.run()):
            await until(lambda: client.in_contact)
            reply = await client.send(Action.STOP, {})
            assert reply is not None
            assert reply.devices == {"left-pump": "stopped"}
            assert len(watched.commands) == 3
            assert len({command.id for command in watched.commands}) == 1


@pytest.mark.system
async def test_a_stop_without_connection_is_sent_when_there_is_one_and_nothing_else_is() -> None:
    watched = Watched()
    async with embedded_broker(0) as broker:
        port = broker.port
    client = client_of(BrokerUrl(host="127.0.0.1", port=port), watched, "home")
    async with running(client.run()):
        assert await client.send(Action.START, {}) is None
        stop = asyncio.create_task(client.send(Action.STOP, {}))
        await asyncio.sleep(0.3)
        async with embedded_broker(port) as broker, serving(broker, watched, "home"):
            reply = await asyncio.wait_for(stop, 15)
            assert reply is not None
            assert {command.action for command in watched.commands} == {Action.STOP}


@pytest.mark.system
async def test_when_the_controller_ends_there_is_no_contact() -> None:
    watched = Watched()
    async with embedded_broker(0) as broker:
        client = client_of(broker, watched, "home")
        async with running(client.run()):
            async with serving(broker, watched, "home"):
                await until(lambda: client.in_contact)
            await until(lambda: not client.in_contact, 5)
            assert watched.contacts[-1] == "controller"
            async with serving(broker, watched, "home"):
                await until(lambda: client.in_contact)


@pytest.mark.system
async def test_of_several_stations_one_must_be_named() -> None:
    watched = Watched()
    async with embedded_broker(0) as broker, serving(broker, watched, "home", "office"):
        with pytest.raises(SeveralStationsError, match="home, office; name one of them with --station"):
            await asyncio.wait_for(client_of(broker, watched).run(), 10)


def test_an_item_is_read_back_from_what_was_published_and_rubbish_is_none() -> None:
    snapshot = Snapshot(station="home", state=SessionState.RUNNING)
    published = snapshot.model_dump_json().encode()
    assert b'"running":true' in published  # computed, and left out
    assert read_item(Snapshot, published) == snapshot
    assert read_item(Snapshot, b'{"station": "home", "new_in_a_later_version": 1}') == Snapshot(station="home")
    for payload in (b"", b"[]", b"{", b'{"state": "x"}', b"\xff", b"[" * 100_000):
        assert read_item(Snapshot, payload) is None
