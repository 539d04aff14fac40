"""Every event reaches a subscriber once, in order: after the broker was away, and after the service ended meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.contract.events import EndReason
from controller.database.sqlite_database import read_only
from controller.journal import store_files
from controller.journal.store import Store
from tests.helpers.cable import Cable, cable
from tests.helpers.controlled import Line, write_routine
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.mqtt_listener import TOPICS, Ear, bridge_to, ear, event, running
from tests.helpers.service_process import (
    DEVICES,
    EVENT,
    GUIDE,
    HOME,
    STATE,
    Program,
    devices_are_there,
    in_step,
    program,
    session,
    start,
    wait,
)
from tests.helpers.stores import after_a_crash, written_by_another

pytestmark = pytest.mark.system

SPEED = 30
OUTAGE_SECONDS = 60.0  # simulated
STEPS = ("check", "warm", "stimulate", "express")
ROUTINE = "warm: {minutes: 2, celsius: 40}\n  - stimulate: {at_most_seconds: 30}\n  - express: {minutes: 1}"


class Home:
    """A test home with virtual devices, and a store, whose service can be started again."""

    def __init__(self, folder: Path, broker: Mosquitto, line: Cable) -> None:
        self.broker = broker
        self.cable = line
        self._folder = folder
        self._store = folder / "letdown.db"
        self._config = folder / "letdown.yaml"
        write_routine(folder / "routines", "short", ROUTINE)
        settings = {"store": {"path": str(self._store)}, "routines": [str(folder / "routines")]}
        self._config.write_text(json.dumps(settings), encoding="utf-8")

    @contextlib.asynccontextmanager
    async def service(self) -> AsyncIterator[Program]:
        """Run the service for the block."""
        where = ("--config", str(self._config), "--broker", str(self.cable.url))
        async with program(self._folder, "run", "--virtual", "--speed", str(SPEED), *where) as running:
            yield running

    def waiting(self) -> list[str]:
        """Return the ids of the events that wait in the store, in their order."""
        with contextlib.closing(read_only(self._store)) as connection:
            return [id_ for (id_,) in connection.execute("SELECT id FROM outbox ORDER BY sequence")]

    async def lose_broker(self) -> None:
        """Kill the broker, once it has everything so far."""
        await wait(lambda: not self.waiting())
        self.cable.unplug()
        await self.broker.stop()

    @contextlib.asynccontextmanager
    async def broker_is_back(self) -> AsyncIterator[Ear]:
        """Start the broker, which forgot everything; yield a subscriber that is there before the service."""
        await self.broker.start()
        async with ear(self.broker.url) as other:
            await self.cable.plug()
            yield other


@contextlib.asynccontextmanager
async def home(folder: Path) -> AsyncIterator[Home]:
    async with mosquitto() as broker, cable(broker) as line:
        yield Home(folder, broker, line)


def events(*ears: Ear) -> list[Line]:
    return [event for each in ears for event in each.values(EVENT)]


def once(before: Ear, after: Ear) -> list[Line]:
    """Return all events, once each by id: one whose acknowledgement was lost with the broker comes again after it."""
    for each in (before, after):
        assert len(set(ids(events(each)))) == len(events(each))
    return list({event["id"]: event for event in events(before, after)}.values())


def ids(happened: list[Line]) -> list[str]:
    return [event["id"] for event in happened]


async def test_a_session_goes_on_without_its_broker_and_every_event_arrives_once_in_order(tmp_path: Path) -> None:
    async with home(tmp_path) as it, it.service(), contextlib.AsyncExitStack() as stack:
        before = await stack.enter_async_context(ear(it.broker.url))
        await devices_are_there(before)
        await start(before, "short")
        await in_step(before, "warm")
        await it.lose_broker()
        await asyncio.sleep(OUTAGE_SECONDS / SPEED)
        await wait(lambda: len(it.waiting()) >= 2)  # a step is over, and the next has begun
        missed = it.waiting()

        after = await stack.enter_async_context(it.broker_is_back())
        await wait(lambda: session(after).get("state") == "completed")
        await wait(lambda: "session_finished" in [event["type"] for event in events(after)])
        assert session(after)["session_id"] == session(before)["session_id"]
        assert ids(events(after))[: len(missed)] == missed
        everything = once(before, after)
        assert [event["time"] for event in everything] == sorted(event["time"] for event in everything)
        steps = [(e["type"], e["data"]["step"]) for e in everything if e["type"] in ("step_started", "step_finished")]
        assert steps == [(kind, step) for step in STEPS for kind in ("step_started", "step_finished")]
        assert (everything[0]["type"], everything[-1]["type"]) == ("session_started", "session_finished")
        await wait(lambda: not it.waiting())

        # The new broker knows what the old one forgot: whoever comes late sees how things stand.
        late = await stack.enter_async_context(ear(it.broker.url))
        retained = {STATE, GUIDE, *(TOPICS.device_state(HOME, device) for device in DEVICES)}
        await wait(lambda: retained <= {m.topic.value for m in late.heard if m.retain})
        assert events(late) == []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
async def test_what_happened_before_the_service_ended_comes_first_when_it_is_back(
    tmp_path: Path, end: signal.Signals
) -> None:
    async with home(tmp_path) as it, contextlib.AsyncExitStack() as stack:
        before = await stack.enter_async_context(ear(it.broker.url))
        async with it.service() as running:
            await devices_are_there(before)
            await start(before, "short")
            await in_step(before, "warm")
            await it.lose_broker()
            # Of what was heard, an acknowledgement may still be on its way to the store.
            await wait(lambda: len(set(it.waiting()) - set(ids(events(before)))) >= 2)
            await running.end_by(end)
        left = it.waiting()
        assert len(left) >= 2

        after = await stack.enter_async_context(it.broker_is_back())
        async with it.service() as running:
            await wait(lambda: "session_finished" in [event["type"] for event in events(after)])
            await devices_are_there(after)
            await wait(lambda: not it.waiting())
            await running.end_by(signal.SIGTERM)
        assert ids(events(after))[: len(left)] == left
        everything = once(before, after)
        (finished,) = [event for event in everything if event["type"] == "session_finished"]
        if end is signal.SIGKILL:  # nobody but the next service can say so, after what it was left
            assert ids(everything).index(finished["id"]) >= len({*ids(events(before)), *left})
            assert finished["data"]["reason"] == EndReason.CUT_OFF
        else:
            assert finished["id"] == left[-1]
            assert finished["data"]["outcome"] == "stopped"


async def test_what_arrived_just_before_a_crash_may_come_again_under_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_files, "BUSY_SECONDS", 60)
    path = tmp_path / "letdown.db"
    async with mosquitto() as broker, ear(broker.url) as other:
        async with Store.opened(path) as store:
            bridge = bridge_to(broker.url, backlog=store.backlog)
            bridge.watch(event(1))
            bridge.watch(event(2))
            await store.persistence(HOME).save_starting([])
            with written_by_another(path):  # so the broker has them before it is on the disk that it does
                async with running(bridge):
                    await wait(lambda: bridge.outbox.idle)
                crashed = after_a_crash(path)
        assert ids(events(other)) == ["1", "2"]
        for again in (["1", "2"], []):
            other.heard.clear()
            async with Store.opened(crashed) as store:
                bridge = bridge_to(broker.url, backlog=store.backlog)
                bridge.watch(event(3))
                async with running(bridge):
                    await wait(lambda: bridge.outbox.idle)  # noqa: B023 - it is waited for before `again` is another
            await wait(lambda: len(events(other)) == len(again) + 1)  # noqa: B023 - the same
            assert ids(events(other)) == [*again, "3"]
