"""Several controllers write one database that goes away: nothing is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from controller.contract.events import EventType
from controller.database import writer
from controller.history import coalesced_writes
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_records import SessionRecords
from tests.helpers.engines import Engine
from tests.helpers.station_owners import Owner, drain, owner, session_id
from tests.helpers.stores import after_a_crash, until

CONTROLLERS = 4


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what failed be tried again at once."""
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)


def station(number: int) -> str:
    return f"ward-{number}"


def said(owners: list[Owner]) -> list[str]:
    return sorted(id_ for each in owners for id_ in each.events)


def recorded(server: Engine) -> list[str]:
    return sorted(str(id_) for (id_,) in server.rows("SELECT id FROM session_event"))


async def all_opened(stack: AsyncExitStack, server: Engine, epoch: int) -> list[Owner]:
    return [
        await stack.enter_async_context(owner(server, f"n{number}", epoch, station=station(number)))
        for number in range(CONTROLLERS)
    ]


async def test_a_server_that_is_stopped_and_started_again_and_again_gets_everything_once(server: Engine) -> None:
    async with AsyncExitStack() as stack:
        owners = await all_opened(stack, server, 1)
        for each in owners:
            each.take_over()
        for outage in range(3):
            ids = [session_id(60 - outage * 10, f"{outage}{number:05}") for number in range(CONTROLLERS)]
            for each, id_ in zip(owners, ids, strict=True):
                each.begin(id_, 60 - outage * 10)
            await asyncio.sleep(0.05)
            with server.away():
                for number in range(5):
                    for each, id_ in zip(owners, ids, strict=True):
                        each.publish(EventType.PAIN, id_, 55 - outage * 10 - number / 10)
                        each.recorder.write()
                    await asyncio.sleep(0.02)
                for each, id_ in zip(owners, ids, strict=True):
                    each.finish(id_, 52 - outage * 10)
            for each in owners:
                await until(lambda each=each: each.store.problem is None)  # type: ignore[misc]
    assert recorded(server) == said(owners)
    ended = server.rows("SELECT station, outcome, count(*) FROM session GROUP BY 1, 2 ORDER BY 1")
    assert ended == [(station(number), "completed", 3) for number in range(CONTROLLERS)]
    assert set(server.rows("SELECT ml FROM milk")) == {(30.0,)}


async def test_stores_that_are_closed_in_an_outage_leave_what_later_ones_deliver(server: Engine) -> None:
    ids = [session_id(30, f"{number:06}") for number in range(CONTROLLERS)]
    async with AsyncExitStack() as stack:
        owners = await all_opened(stack, server, 1)
        for each, id_ in zip(owners, ids, strict=True):
            each.take_over()
            each.begin(id_, 30)
            await each.store.write()
        with server.away():
            for each, id_ in zip(owners, ids, strict=True):
                each.publish(EventType.PAIN, id_, 25)
                each.finish(id_, 20)
                await each.store.close()
            assert all(queue_file(server.path.with_name(f"n{number}-history.db")).exists() for number in range(4))
        assert len(recorded(server)) == CONTROLLERS
        for each in owners:
            each.closed = True
    await asyncio.gather(*(drain(server, f"n{number}") for number in range(CONTROLLERS)))
    assert recorded(server) == said(owners)
    assert set(server.rows("SELECT outcome, epoch FROM session")) == {("completed", 1)}


async def test_a_crash_in_an_outage_loses_no_event_and_no_more_than_a_minute_of_the_rest(
    server: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coalesced_writes, "_UNSAVED_SECONDS", 0.0)
    id_ = session_id(30, "aaaaaa")
    async with owner(server, "n0", 1) as one:
        one.take_over()
        one.begin(id_, 30)
        await one.store.write()
        with server.away():
            for number in range(5):
                one.publish(EventType.PAIN, id_, 25 - number)
                one.elapse(1)
            one.recorder.write()
            await one.recorder.settle()
            assert await one.store.flush() is None
            crashed = after_a_crash(queue_file(server.path.with_name("n0-history.db")))
            one.closed = True
            await one.store.close()
    later = crashed.with_name("n0-history.db")
    async with HistoryStore.opened(later, server.database()) as store:
        await store.write()
        found = await SessionRecords(store).details(id_)
    assert found is not None
    assert found.record.seconds == 5
    assert recorded(server) == said([one])
