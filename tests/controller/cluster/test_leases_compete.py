"""Leases on a real nats-server: one owner at a time, and the next one soon after it fell silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controller.cluster.cluster_connection import Cluster
from controller.cluster.lease import HELD_SHARE, LeaseLostError, acquire
from controller.cluster.owners import Owners
from tests.helpers.bad_network import bad_network
from tests.helpers.fleet_state import UNIT, controller, lease_of
from tests.helpers.nats_server import NatsServer, nats_server
from tests.helpers.patience import until

pytestmark = pytest.mark.system

TTL_SECONDS = 3.0


@pytest.fixture
async def server() -> AsyncIterator[NatsServer]:
    async with nats_server() as running:
        yield running


async def test_of_many_that_ask_at_the_same_time_one_gets_it(server: NatsServer) -> None:
    async with controller(server, "a") as one, controller(server, "b") as other:
        for number in range(5):
            asked = [
                acquire(cluster.owners, f"unit-{number}", node, node, TTL_SECONDS)
                for cluster in (one, other)
                for node in ("a", "b", "c")
            ]
            found = [lease for lease in await asyncio.gather(*asked) if lease is not None]
            assert len(found) == 1


async def test_epochs_rise_over_all_units(server: NatsServer) -> None:
    async with controller(server, "a") as cluster:
        leases = [await lease_of(cluster, "a", unit) for unit in ("home", "work", "bedroom")]
        await leases[0].release()
        leases.append(await lease_of(cluster, "b"))
    epochs = [lease.epoch for lease in leases]
    assert epochs == sorted(set(epochs))


async def test_one_that_is_held_stays_held_beyond_its_time(server: NatsServer) -> None:
    async with controller(server, "a") as cluster, controller(server, "b") as other:
        lease = await lease_of(cluster, "a")
        holding = asyncio.create_task(lease.hold())
        for _ in range(10):
            await asyncio.sleep(TTL_SECONDS / 5)
            assert await acquire(other.owners, UNIT, "b", "b-1", TTL_SECONDS) is None
            assert lease.held
        holding.cancel()
        await asyncio.wait({holding})


async def test_one_that_is_not_renewed_is_free_after_its_time_and_lost_before(server: NatsServer) -> None:
    loop = asyncio.get_running_loop()
    async with controller(server, "a") as cluster:
        began = loop.time()
        lease = await lease_of(cluster, "a")
        while await acquire(cluster.owners, UNIT, "b", "b-1", TTL_SECONDS) is None:  # noqa: ASYNC110 - as a node asks
            await asyncio.sleep(0.05)
        assert not lease.held
        assert TTL_SECONDS - 0.1 < loop.time() - began < TTL_SECONDS + 2


async def test_a_server_that_hangs_loses_the_lease_in_time(server: NatsServer) -> None:
    loop = asyncio.get_running_loop()
    async with controller(server, "a") as cluster:
        lease = await lease_of(cluster, "a")
        began = loop.time()
        server.freeze()
        try:
            with pytest.raises(LeaseLostError):
                await lease.hold()
            assert loop.time() - began == pytest.approx(HELD_SHARE * TTL_SECONDS, abs=0.5)
        finally:
            server.thaw()


async def test_a_server_that_was_restarted_at_once_still_knows_who_owns_what(server: NatsServer) -> None:
    async with controller(server, "a", ttl_seconds=10) as cluster:
        lease = await acquire(cluster.owners, UNIT, "a", "a-1", 10)
        assert lease is not None
        holding = asyncio.create_task(lease.hold())
        await server.stop()
        await server.start()
        async with controller(server, "b", ttl_seconds=10) as other:
            assert await acquire(other.owners, UNIT, "b", "b-1", 10) is None
            left = lease.seconds_left
            await until(lambda: lease.seconds_left > left, 6)
            assert not holding.done()
        holding.cancel()
        await asyncio.wait({holding})


async def followed(cluster: Cluster) -> tuple[Owners, asyncio.Task[None]]:
    owners = Owners(cluster)
    assert not owners.is_free(UNIT)  # nothing is known yet
    return owners, asyncio.create_task(owners.run())


async def test_every_controller_sees_who_owns_what_and_what_is_free(server: NatsServer) -> None:
    async with controller(server, "a") as cluster, controller(server, "b") as other:
        lease = await lease_of(cluster, "a")
        owners, following = await followed(other)
        await until(lambda: owners.owner(UNIT) is not None)
        assert owners.owner(UNIT) == "a"
        assert owners.is_free("other")
        await lease.release()
        await until(lambda: owners.is_free(UNIT), 2)
        await lease_of(cluster, "a")
        await until(lambda: not owners.is_free(UNIT), 2)
        await until(lambda: owners.is_free(UNIT), TTL_SECONDS + 3)  # it is not renewed
        following.cancel()
        await asyncio.wait({following})


async def test_owners_are_followed_again_after_a_network_that_was_gone(server: NatsServer) -> None:
    async with bad_network(server.port) as network, controller(server, "a") as cluster:
        from controller.cluster.cluster_connection import connected

        async with connected(server.settings(port=network.port), "b") as other:
            owners, following = await followed(other)
            await until(lambda: owners.is_free(UNIT))
            network.down = True
            lease = await lease_of(cluster, "a")
            holding = asyncio.create_task(lease.hold())
            await asyncio.sleep(1)
            network.down = False
            await until(lambda: not owners.is_free(UNIT), 15)
            for task in (following, holding):
                task.cancel()
                await asyncio.wait({task})
