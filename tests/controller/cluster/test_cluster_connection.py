"""The connection to a real nats-server: refused with a remedy, absent at first, lost for a while, ended for good."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from controller.cluster.cluster_connection import CLUSTER_ERRORS, connected
from controller.cluster.cluster_error import ClusterError
from tests.helpers.fleet_state import controller, lease_of
from tests.helpers.nats_server import nats_server
from tests.helpers.patience import until

pytestmark = pytest.mark.system

USERS = 'authorization { users = [ { user: "letdown", password: "%s" } ] }'


async def test_the_buckets_are_made_once_and_found_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with nats_server() as server, controller(server, "a") as one, controller(server, "b") as other:
        await one.state.put("home", b"1")
        assert (await other.state.get("home")).value == b"1"
        for bucket in (one.owners, one.nodes):
            assert (await bucket.status()).ttl == 3.0
        assert (await one.state.status()).ttl in (None, 0.0)
        assert (await one.config.status()).history == 64
    assert "connected to the cluster" in caplog.text


async def test_two_that_make_the_buckets_at_the_same_time_both_have_them() -> None:
    async with nats_server() as server:

        async def join(node: str) -> int:
            async with controller(server, node) as cluster:
                return await cluster.state.put(node, b"here")

        assert sorted(await asyncio.gather(*(join(f"node-{number}") for number in range(8)))) != []


@pytest.mark.parametrize("ttl_seconds", [6.1, 7.3, 11.7, 59.999])
async def test_a_ttl_with_a_fraction_is_the_same_when_it_is_read_back(ttl_seconds: float) -> None:
    async with nats_server() as server:
        for node in ("a", "b"):
            async with controller(server, node, ttl_seconds=ttl_seconds) as cluster:
                assert cluster.ttl_seconds == ttl_seconds


async def test_another_ttl_is_refused_with_both_and_the_remedy() -> None:
    async with nats_server() as server:
        async with controller(server, "a", ttl_seconds=6):
            pass
        with pytest.raises(ClusterError) as refused:
            async with controller(server, "b", ttl_seconds=15):
                pass
    for words in ("ttl_seconds 6, not 15", "letdown_owners", "delete that bucket"):
        assert words in str(refused.value)


async def test_a_wrong_password_is_refused_with_the_remedy_and_without_the_password() -> None:
    async with nats_server([USERS % "right"]) as server:
        settings = server.settings(user="letdown", password="wr0ng-one")
        with pytest.raises(ClusterError) as refused:
            async with asyncio.timeout(10), connected(settings, "a"):
                pass
        assert "user and password" in str(refused.value)
        assert "wr0ng-one" not in str(refused.value)
        async with connected(server.settings(user="letdown", password="right"), "a") as cluster:
            assert await cluster.state.put("home", b"1")


async def test_the_password_is_read_from_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("right\nand a remark\n", encoding="utf-8")
    async with nats_server([USERS % "right"]) as server:
        async with connected(server.settings(user="letdown", password_file=file), "a") as cluster:
            assert await cluster.state.put("home", b"1")
        missing = server.settings(user="letdown", password_file=tmp_path / "none")
        with pytest.raises(ClusterError, match=r"cannot be read.*none"):
            async with connected(missing, "a"):
                pass


async def test_a_server_without_jetstream_is_refused_at_once() -> None:
    async with nats_server(jetstream=False) as server:
        with pytest.raises(ClusterError, match="without JetStream"):
            async with asyncio.timeout(10), controller(server, "a"):
                pass


async def test_more_replicas_than_servers_are_refused() -> None:
    async with nats_server() as server:
        with pytest.raises(ClusterError, match="replicas"):
            async with asyncio.timeout(10), connected(server.settings(replicas=3), "a"):
                pass


async def test_a_server_that_is_absent_at_first_is_waited_for_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with nats_server(start=False) as server:

        async def join() -> int:
            async with controller(server, "a") as cluster:
                return await cluster.state.put("home", b"1")

        joining = asyncio.create_task(join())
        await asyncio.sleep(2.5)
        assert not joining.done()
        assert caplog.text.count("the cluster cannot be reached") == 1
        await server.start()
        async with asyncio.timeout(20):
            assert await joining > 0


async def test_waiting_for_a_server_can_be_ended(caplog: pytest.LogCaptureFixture) -> None:
    async with nats_server(start=False) as server:

        async def join() -> None:
            async with controller(server, "a"):
                pass

        joining = asyncio.create_task(join())
        await asyncio.sleep(0.7)
        joining.cancel()
        await asyncio.wait({joining}, timeout=3)
        assert joining.cancelled()
    assert "never retrieved" not in caplog.text


async def test_a_server_that_was_away_is_used_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with nats_server() as server, controller(server, "a") as cluster:
        await cluster.state.put("home", b"1")
        await server.stop()
        await until(lambda: not cluster.reachable, 10)
        with pytest.raises(CLUSTER_ERRORS):
            await cluster.state.put("home", b"2")
        await server.start()
        await until(lambda: cluster.reachable, 20)
        assert (await cluster.state.get("home")).value in (b"1", b"2")
        assert not cluster.ended.done()
    assert "connected to the cluster" in caplog.text


async def test_to_leave_a_server_that_hangs_takes_a_moment_only() -> None:
    loop = asyncio.get_running_loop()
    async with nats_server() as server:
        try:
            async with controller(server, "a"):
                server.freeze()
                began = loop.time()
            assert loop.time() - began < 4
        finally:
            server.thaw()


async def test_a_bucket_that_was_deleted_and_made_again_has_higher_epochs() -> None:
    async with nats_server() as server:
        async with controller(server, "a") as cluster:
            first = await lease_of(cluster, "a")
            for _ in range(50):
                await cluster.owners.put("other", b"{}")
            await cluster.client.jetstream().delete_stream("KV_letdown_owners")
        async with controller(server, "b") as cluster:
            assert (await lease_of(cluster, "b")).epoch > first.epoch + 50


async def test_a_client_that_the_server_throws_out_knows_that_it_has_ended() -> None:
    """nats-py does not connect again after such an error."""
    async with nats_server() as server, controller(server, "a") as cluster:
        await cluster.client._process_err("'User Authentication Revoked'")
        async with asyncio.timeout(5):
            assert "User Authentication Revoked" in await cluster.ended
