"""What safety must remember, on a real nats-server: one owner at a time, and one that was overtaken starts nothing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from controller.cluster import shared_store
from controller.cluster.cluster_connection import Cluster, KeyValue
from controller.cluster.lease import LeaseLostError, acquire
from controller.cluster.shared_store import SharedStore
from controller.mqtt.backlog import Backlog
from controller.safety.limits import LEASE_SECONDS
from controller.safety.persistence import InterruptedSession, PersistenceError, SavedState
from devices.roles import Side
from tests.helpers.faulty_state import FaultyState
from tests.helpers.fleet_state import UNIT, controller, lease_of, taken_over
from tests.helpers.nats_server import NatsServer, nats_server
from tests.helpers.patience import until
from tests.helpers.stores import ANSWERS, CHOSEN, HOT, LEFT, RIGHT, SUCTION, TRIP, began, ended, say_all

pytestmark = pytest.mark.system

TTL_SECONDS = 30.0  # long: these tests let nothing expire


@pytest.fixture
async def server() -> AsyncIterator[NatsServer]:
    async with nats_server() as running:
        yield running


@pytest.fixture
async def cluster(server: NatsServer) -> AsyncIterator[Cluster]:
    async with controller(server, "a", ttl_seconds=TTL_SECONDS) as found:
        yield found


async def opened(stack: contextlib.AsyncExitStack, cluster: Cluster, node: str) -> SharedStore:
    """Take over, whoever has it: as if the lease of the former owner had expired without its knowledge."""
    await cluster.owners.purge(UNIT)
    lease = await lease_of(cluster, node)
    return await stack.enter_async_context(SharedStore.opened(cluster, lease, Backlog()))


async def document(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await cluster.state.get(UNIT)).value or b"")
    return found


async def test_a_new_station_has_an_empty_state_and_may_start_at_once(cluster: Cluster) -> None:
    async with SharedStore.opened(cluster, await lease_of(cluster, "a"), Backlog()) as store:
        assert store.problem is None
        persistence = store.persistence(UNIT)
        assert persistence.saved == SavedState()
        await persistence.save_starting([LEFT])
        assert list((await document(cluster))["states"][UNIT]["running"]) == ["left-pump"]


async def test_a_successor_finds_all_that_was_saved(cluster: Cluster) -> None:
    async with contextlib.AsyncExitStack() as stack:
        store = await opened(stack, cluster, "a")
        say_all(store.persistence(UNIT))
        await store.persistence("bedroom").save_starting([LEFT, RIGHT])
        later = await opened(stack, cluster, "b")
        found = later.persistence(UNIT).saved
        assert later.orphaned_devices([UNIT]) == {"bedroom": {"left-pump": LEFT, "right-pump": RIGHT}}
    assert found.trip == TRIP
    assert found.start_defaults == CHOSEN
    assert found.answers.values == ANSWERS.values
    assert 3590 < found.answers.day_left_seconds <= 3600
    assert [use.budgets for use in found.energy_uses] == [SUCTION, HOT]
    for use, (began_ago, ended_ago) in zip(found.energy_uses, [(120.5, 0), (60, -240)], strict=True):
        assert began_ago <= use.began_seconds_ago < began_ago + 10
        assert use.ended_seconds_ago - ended_ago == pytest.approx(use.began_seconds_ago - began_ago)


async def test_uses_grow_older_and_the_day_shorter_with_every_owner(cluster: Cluster) -> None:
    async with contextlib.AsyncExitStack() as stack:
        say_all((await opened(stack, cluster, "a")).persistence(UNIT))
        await asyncio.sleep(0.1)  # written
        ages, lefts = [120.5], [3600.0]
        for node in "bcd":
            await asyncio.sleep(0.4)
            saved = (await opened(stack, cluster, node)).persistence(UNIT).saved
            ages.append(saved.energy_uses[0].began_seconds_ago)
            lefts.append(saved.answers.day_left_seconds)
    for earlier, later in itertools.pairwise(ages):
        assert later - earlier > 0.3
    for earlier, later in itertools.pairwise(lefts):
        assert earlier - later > 0.3


async def test_an_owner_that_was_overtaken_saves_nothing_and_starts_nothing(cluster: Cluster) -> None:
    async with contextlib.AsyncExitStack() as stack:
        former = await opened(stack, cluster, "a")
        await former.persistence(UNIT).save_starting([LEFT])
        successor = await opened(stack, cluster, "b")
        assert former.problem is None  # it does not know yet
        with pytest.raises(PersistenceError, match="nothing was started"):
            await former.persistence(UNIT).save_starting([RIGHT])
        assert "another controller" in (former.problem or "")
        former.persistence(UNIT).save_trip(TRIP)
        assert await former.flush() is not None
        assert await successor.flush() is not None  # the embargo
        assert successor._written_version == successor._wanted_version
        found = await document(cluster)
        assert list(found["states"][UNIT]["running"]) == ["left-pump"]
        assert found["states"][UNIT]["trip"] is None
    assert (await document(cluster))["epoch"] == successor._lease.epoch


async def test_one_that_comes_late_does_not_take_the_state_from_its_successor(cluster: Cluster) -> None:
    """Such as a process that was suspended between its lease and its state."""
    late = await lease_of(cluster, "a")
    async with contextlib.AsyncExitStack() as stack:
        successor = await opened(stack, cluster, "b")
        await successor.persistence(UNIT).save_starting([LEFT])
        with pytest.raises(LeaseLostError):
            async with SharedStore.opened(cluster, late, Backlog()):
                pass
        assert not late.held
        await successor.persistence(UNIT).save_starting([RIGHT])
        assert (await document(cluster))["epoch"] == successor._lease.epoch


async def test_while_the_server_hangs_nothing_starts_and_that_is_said_in_time(
    server: NatsServer, cluster: Cluster
) -> None:
    loop = asyncio.get_running_loop()
    async with SharedStore.opened(cluster, await lease_of(cluster, "a"), Backlog()) as store:
        persistence = store.persistence(UNIT)
        await persistence.save_starting([LEFT])
        server.freeze()
        try:
            began_at = loop.time()
            with pytest.raises(PersistenceError, match=r"cannot be saved.*nothing was started"):
                await persistence.save_starting([RIGHT])
            assert loop.time() - began_at < 4
            assert store.problem is not None
            assert set(persistence.running) == {"left-pump"}
        finally:
            server.thaw()
        await until(lambda: store.problem is None, 20)
        await persistence.save_starting([RIGHT])
        assert set((await document(cluster))["states"][UNIT]["running"]) == {"left-pump", "right-pump"}


async def test_a_start_that_is_cancelled_while_it_is_saved_was_none(server: NatsServer, cluster: Cluster) -> None:
    async with SharedStore.opened(cluster, await lease_of(cluster, "a"), Backlog()) as store:
        persistence = store.persistence(UNIT)
        await store.flush()
        server.freeze()
        try:
            starting = asyncio.create_task(persistence.save_starting([LEFT, RIGHT]))
            await asyncio.sleep(0.1)
            persistence.save_uncertain(RIGHT)
            starting.cancel()
            await asyncio.wait({starting})
            assert set(persistence.running) == {"right-pump"}
        finally:
            server.thaw()


async def test_a_session_that_was_cut_off_is_kept_until_it_was_published(cluster: Cluster) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = await opened(stack, cluster, "a")
        first.watch(began("s1"))
        await first.flush()
        for node in ("b", "c"):  # the first of them is lost before it could say anything
            successor = await opened(stack, cluster, node)
            saved = successor.persistence(UNIT).saved
            assert saved.interrupted == InterruptedSession(session_id="s1", routine="classic", side=Side.LEFT)
            (row,) = successor.interrupted_sessions
            assert row["id"] == "s1"
            assert row["station"] == UNIT
        successor.watch(ended("s1"))
        await successor.flush()
        assert (await opened(stack, cluster, "d")).persistence(UNIT).saved.interrupted is None


async def test_after_a_clean_end_the_next_one_may_start_at_once(cluster: Cluster) -> None:
    lease = await lease_of(cluster, "a")
    async with SharedStore.opened(cluster, lease, Backlog()) as store:
        persistence = store.persistence(UNIT)
        await persistence.save_starting([LEFT])
        store.watch(began("s1"))
        store.watch(ended("s1"))
        persistence.save_stopped("left-pump")  # its write is not awaited
    await lease.release()
    async with SharedStore.opened(cluster, await lease_of(cluster, "b"), Backlog()) as store:
        assert store.problem is None
        assert store.persistence(UNIT).saved.running == {}
        assert store.persistence(UNIT).saved.interrupted is None


async def test_the_last_state_is_written_whatever_write_is_under_way(cluster: Cluster) -> None:
    for turns in range(12):
        lease = await lease_of(cluster, f"node-{turns}")
        async with SharedStore.opened(cluster, lease, Backlog()) as store:
            persistence = store.persistence(UNIT)
            with contextlib.suppress(PersistenceError):
                await persistence.save_starting([LEFT])
            persistence.save_uncertain(RIGHT)
            for _ in range(turns):
                await asyncio.sleep(0)
            persistence.save_stopped("left-pump")
            persistence.save_stopped("right-pump")
        await lease.release()
        assert (await document(cluster))["states"][UNIT]["running"] == {}


async def test_after_a_loss_nothing_starts_until_the_lease_of_a_device_is_over(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cluster.shared_store.LEASE_SECONDS", 1.0)
    async with contextlib.AsyncExitStack() as stack:
        former = await opened(stack, cluster, "a")
        await former.persistence(UNIT).save_starting([LEFT])
        successor = await opened(stack, cluster, "b")
        assert "controller that was lost" in (successor.problem or "")
        with pytest.raises(PersistenceError, match="nothing was started"):
            await successor.persistence(UNIT).save_starting([RIGHT])
        assert set(successor.persistence(UNIT).running) == {"left-pump"}
        await until(lambda: successor.problem is None, 5)
        await successor.persistence(UNIT).save_starting([RIGHT])


async def test_the_words_of_the_embargo_do_not_count_seconds(cluster: Cluster) -> None:
    """Each change of them would be published."""
    assert LEASE_SECONDS > 2
    async with contextlib.AsyncExitStack() as stack:
        await (await opened(stack, cluster, "a")).persistence(UNIT).save_starting([LEFT])
        successor = await opened(stack, cluster, "b")
        before = successor.problem
        await asyncio.sleep(1.1)
        assert successor.problem == before is not None


@pytest.mark.parametrize("content", [b"", b"no JSON", b'{"epoch": 1, "of_a_newer_version": true}', b"\xff"])
async def test_a_state_that_cannot_be_read_is_left_and_nothing_starts(cluster: Cluster, content: bytes) -> None:
    await cluster.state.put(UNIT, content)
    async with SharedStore.opened(cluster, await lease_of(cluster, "a"), Backlog()) as store:
        persistence = store.persistence(UNIT)
        assert "letdown_state" in (store.problem or "")
        with pytest.raises(PersistenceError, match=r"cannot be read.*nothing was started"):
            await persistence.save_starting([LEFT])
        say_all(persistence)
        persistence.save_uncertain(RIGHT)
        store.watch(began("s1"))
        assert await store.flush() == store.problem
    assert ((await cluster.state.get(UNIT)).value or b"") == content


@pytest.mark.parametrize("how", ["delete", "purge"])
async def test_a_state_that_was_deleted_begins_anew(cluster: Cluster, how: str) -> None:
    lease = await lease_of(cluster, "a")
    async with SharedStore.opened(cluster, lease, Backlog()) as store:
        store.persistence(UNIT).save_trip(TRIP)
        await store.flush()
    await getattr(cluster.state, how)(UNIT)
    await lease.release()
    async with asyncio.timeout(10):
        assert await taken_over(cluster, await lease_of(cluster, "b")) == SavedState()


async def test_a_state_that_is_deleted_under_its_owner_is_written_again(cluster: Cluster) -> None:
    lease = await lease_of(cluster, "a")
    async with SharedStore.opened(cluster, lease, Backlog()) as store:
        store.persistence(UNIT).save_trip(TRIP)
        await store.flush()
        await cluster.state.delete(UNIT)
        await store.persistence(UNIT).save_starting([LEFT])
        found = (await document(cluster))["states"][UNIT]
        assert found["trip"]["device"] == TRIP.device
        assert list(found["running"]) == ["left-pump"]
        assert lease.held


def faulty(cluster: Cluster) -> tuple[Cluster, FaultyState]:
    state = FaultyState(cluster.state)
    return dataclasses.replace(cluster, state=cast("KeyValue", state)), state


async def test_the_last_state_is_written_though_an_answer_is_lost(cluster: Cluster) -> None:
    lease = await lease_of(cluster, "a")
    other, state = faulty(cluster)
    async with SharedStore.opened(other, lease, Backlog()) as store:
        await store.flush()
        store.persistence(UNIT).save_trip(TRIP)
        state.lost_answers = 1
    assert state.lost_answers == 0
    assert lease.held
    assert state.confirmed[-1]["states"][UNIT]["trip"]["device"] == TRIP.device


async def test_a_lease_whose_last_state_cannot_be_saved_is_not_released(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the successor would begin at once, without the latest trip."""
    monkeypatch.setattr(shared_store, "_CLOSE_SECONDS", 0.2)
    lease = await lease_of(cluster, "a")
    other, state = faulty(cluster)

    async def never() -> None:
        await asyncio.Event().wait()

    async with SharedStore.opened(other, lease, Backlog()) as store:
        await store.flush()
        state.before_write = never
        store.persistence(UNIT).save_trip(TRIP)
        await asyncio.sleep(0.05)  # that write is under way
        state.before_write = never
    assert not lease.held
    await lease.release()
    assert await acquire(cluster.owners, UNIT, "b", "b-1", cluster.ttl_seconds) is None
