"""A lease counts from when its last confirmed renewal was sent, and is over before its key is."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest
from nats.errors import ConnectionClosedError

from controller.cluster import lease as lease_module
from controller.cluster.cluster_connection import KeyValue
from controller.cluster.lease import HELD_SHARE, Lease, LeaseLostError, acquire
from tests.helpers.fake_bucket import FakeBucket, FakeTime, lost

TTL_SECONDS = 15.0
HELD_SECONDS = HELD_SHARE * TTL_SECONDS


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    return FakeTime(monkeypatch)


async def acquired(bucket: FakeBucket, node: str = "a", ttl_seconds: float = TTL_SECONDS) -> Lease:
    found = await acquire(cast("KeyValue", bucket), "home", node, f"{node}-1", ttl_seconds)
    assert found is not None
    return found


async def held_for(lease: Lease, time: FakeTime) -> tuple[float, str]:
    """Hold a lease until it is lost. Return after how many seconds that was, and why."""
    began_seconds = time.seconds
    with pytest.raises(LeaseLostError) as found:
        await lease.hold()
    return time.seconds - began_seconds, str(found.value)


async def test_the_key_says_who_has_it_and_its_revision_is_the_epoch(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    assert lease.epoch == bucket.revision
    assert bucket.value is not None
    assert {"node": "a", "instance": "a-1"}.items() <= json.loads(bucket.value).items()
    assert lease.held
    assert lease.seconds_left == HELD_SECONDS


async def test_a_key_that_is_held_is_not_acquired(bucket: FakeBucket, time: FakeTime) -> None:
    await acquired(bucket)
    assert await acquire(cast("KeyValue", bucket), "home", "b", "b-1", TTL_SECONDS) is None


async def test_the_same_controller_does_not_take_a_key_for_its_own_that_it_wrote_before(
    bucket: FakeBucket, time: FakeTime
) -> None:
    first = await acquired(bucket)
    bucket.expire()
    second = await acquired(bucket)
    assert second.epoch > first.epoch
    assert "another controller has it" in (await held_for(first, time))[1]
    assert not first.held


async def test_the_time_counts_from_when_it_was_asked_for_and_not_from_the_answer(
    bucket: FakeBucket, time: FakeTime
) -> None:
    def slow(call: str) -> None:
        time.seconds += 1.5

    bucket.before = slow
    lease = await acquired(bucket)
    assert lease.seconds_left == HELD_SECONDS - 1.5
    time.seconds += 2
    await lease._renew()
    assert lease.seconds_left == HELD_SECONDS - 1.5


async def test_it_is_renewed_for_as_long_as_the_cluster_answers(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    holding = asyncio.create_task(lease.hold())
    while bucket.calls.count("update") < 100:
        await asyncio.sleep(0)
        assert lease.seconds_left > HELD_SECONDS / 2
    holding.cancel()
    await asyncio.wait({holding})
    assert time.seconds - 1000 > 10 * TTL_SECONDS


@pytest.mark.parametrize("ttl_seconds", [6.0, 15.0, 60.0])
async def test_without_an_answer_it_is_lost_after_two_thirds_of_its_time(
    bucket: FakeBucket, time: FakeTime, ttl_seconds: float
) -> None:
    lease = await acquired(bucket, ttl_seconds=ttl_seconds)

    def silent(call: str) -> None:
        raise ConnectionClosedError

    bucket.before = silent
    seconds, why = await held_for(lease, time)
    assert seconds == pytest.approx(HELD_SHARE * ttl_seconds)
    assert "could not be reached" in why
    assert not lease.held


@pytest.mark.parametrize("ttl_seconds", [6.0, 15.0, 60.0])
async def test_a_renewal_whose_answer_is_lost_does_not_lose_the_lease(
    bucket: FakeBucket, time: FakeTime, ttl_seconds: float
) -> None:
    lease = await acquired(bucket, ttl_seconds=ttl_seconds)
    answers = iter([True, False, True, False, True])

    def lose_some(call: str) -> None:
        if call == "update" and not next(answers, True):
            raise lost(lease._answer_seconds, time)

    bucket.after = lose_some
    holding = asyncio.create_task(lease.hold())
    while bucket.calls.count("update") < 20 and not holding.done():  # noqa: ASYNC110 - the fake bucket has no event
        await asyncio.sleep(0)
    assert not holding.done()
    holding.cancel()
    await asyncio.wait({holding})
    assert "get" in bucket.calls


async def test_what_is_adopted_gains_no_time_until_it_is_renewed(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    assert bucket.value is not None
    bucket.write(bucket.value)  # a renewal of its own whose answer was lost, at a time that is not known
    time.seconds += 4
    before_seconds = lease.seconds_left
    assert not await lease._renew()
    assert lease.seconds_left == before_seconds
    assert await lease._renew()
    assert lease.seconds_left == HELD_SECONDS


async def test_it_is_lost_when_another_controller_has_it(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    bucket.expire()
    await acquired(bucket, "b")
    seconds, why = await held_for(lease, time)
    assert why == "another controller has it"
    assert seconds <= TTL_SECONDS / 5


async def test_it_is_lost_when_it_expired_though_its_clock_says_otherwise(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    bucket.expire()
    assert (await held_for(lease, time))[1] == "it expired"


async def test_a_process_that_was_suspended_does_not_even_ask(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    time.seconds += 3600
    assert not lease.held
    calls = len(bucket.calls)
    assert "could not be reached" in (await held_for(lease, time))[1]
    assert bucket.calls[calls:] == []


async def test_an_answer_that_comes_after_a_suspension_does_not_count_from_then(
    bucket: FakeBucket, time: FakeTime
) -> None:
    lease = await acquired(bucket)

    def suspended(call: str) -> None:
        time.seconds += 3600

    bucket.after = suspended
    with pytest.raises(LeaseLostError):
        await lease.hold()
    assert not lease.held


async def test_to_lose_it_ends_the_pause_at_once(bucket: FakeBucket) -> None:
    lease = await acquired(bucket, ttl_seconds=60.0)
    holding = asyncio.create_task(lease.hold())
    await asyncio.sleep(0.01)
    lease.lose("its state was taken over")
    async with asyncio.timeout(2):
        with pytest.raises(LeaseLostError, match="its state was taken over"):
            await holding
    assert not lease.held
    lease.lose("something else")
    with pytest.raises(LeaseLostError, match="its state was taken over"):
        await lease.hold()


async def test_a_release_lets_another_one_have_it_at_once(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    await lease.release()
    assert not lease.held
    assert (await acquired(bucket, "b")).epoch > lease.epoch
    await lease.release()  # a second one, such as after an error, does nothing
    assert bucket.value is not None
    assert bucket.calls.count("delete") == 1


async def test_what_was_lost_is_not_released(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    lease.lose("another controller has it")
    await lease.release()
    assert "delete" not in bucket.calls


async def test_a_release_with_a_renewal_under_way_is_one(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    assert bucket.value is not None
    bucket.write(bucket.value)
    await lease.release()
    assert bucket.value is None


async def test_a_release_that_comes_late_leaves_the_successor_alone(bucket: FakeBucket, time: FakeTime) -> None:
    lease = await acquired(bucket)
    bucket.expire()
    await acquired(bucket, "b")
    await lease.release()
    assert bucket.value is not None
    assert json.loads(bucket.value)["node"] == "b"


@pytest.mark.parametrize("error", [ConnectionClosedError(), TimeoutError(), OSError("gone")])
async def test_a_release_without_a_cluster_raises_nothing(bucket: FakeBucket, time: FakeTime, error: Exception) -> None:
    lease = await acquired(bucket)

    def gone(call: str) -> None:
        raise error

    bucket.before = gone
    await lease.release()
    assert not lease.held


def test_its_clock_goes_on() -> None:
    assert lease_module.now() <= lease_module.now()
