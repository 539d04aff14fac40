"""Simulated time: in order, repeatable, and never ahead of what is still to be done."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.support.clock import Clock, RealClock, ScaledClock
from tests.helpers.sampling import examples

Trace = list[tuple[str, float]]


async def _note(clock: Clock, seconds: float, name: str, trace: Trace) -> None:
    await clock.sleep(seconds)
    trace.append((name, clock.now()))


class TestOrder:
    @given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=12))
    @settings(max_examples=examples(50))
    def test_sleepers_wake_in_order_of_their_time_and_exactly_at_it(self, durations: list[float]) -> None:
        async def program() -> Trace:
            clock, trace = ScaledClock(math.inf), []
            await asyncio.gather(*(_note(clock, each, str(at), trace) for at, each in enumerate(durations)))
            return trace

        expected = sorted(enumerate(durations), key=lambda each: each[1])
        assert asyncio.run(program()) == [(str(at), seconds) for at, seconds in expected]

    async def test_sleepers_of_one_instant_wake_in_the_order_they_lay_down(self) -> None:
        clock, trace = ScaledClock(math.inf), []
        await asyncio.gather(*(_note(clock, 5, name, trace) for name in "abc"))
        assert trace == [("a", 5), ("b", 5), ("c", 5)]

    async def test_one_sleeper_is_done_with_its_work_before_the_next_of_the_same_instant_wakes(self) -> None:
        clock, seen = ScaledClock(math.inf), []

        async def work(name: str) -> None:
            await clock.sleep(1)
            for step in range(3):
                seen.append(f"{name}{step}")
                await asyncio.sleep(0)

        await asyncio.gather(work("a"), work("b"))
        assert seen == ["a0", "a1", "a2", "b0", "b1", "b2"]

    async def test_a_later_but_shorter_sleep_wakes_first(self) -> None:
        clock, trace = ScaledClock(math.inf), []
        await asyncio.gather(_note(clock, 100, "long", trace), _note(clock, 1, "short", trace))
        assert trace == [("short", 1), ("long", 100)]

    async def test_a_shorter_sleep_is_woken_first_even_while_the_clock_already_waits_for_a_longer_one(self) -> None:
        clock, trace = ScaledClock(10), []
        long = asyncio.create_task(_note(clock, 600, "long", trace))  # a real minute
        await asyncio.sleep(0.02)
        async with asyncio.timeout(1):
            await _note(clock, 1, "short", trace)
        ((name, at_seconds),) = trace
        assert name == "short"
        assert 1 < at_seconds < 600  # what has passed before it began counts
        long.cancel()

    async def test_sleeping_for_no_time_only_gives_way(self) -> None:
        clock, others = ScaledClock(math.inf), []
        asyncio.get_running_loop().call_soon(others.append, "had its turn")
        await clock.sleep(0)
        assert others == ["had its turn"]
        await clock.sleep(-3)
        assert clock.now() == 0

    @given(st.integers(0, 2**32))
    @settings(max_examples=examples(20))
    def test_the_same_program_gives_the_same_trace_twice(self, seed: int) -> None:
        async def program() -> Trace:
            clock, trace, rng = ScaledClock(math.inf), [], random.Random(seed)
            queue: asyncio.Queue[str] = asyncio.Queue()

            async def talk(name: str) -> None:
                for _ in range(8):
                    await clock.sleep(rng.choice([0, 0.1, 0.25, rng.random()]))
                    queue.put_nowait(name)

            async def listen() -> None:
                while True:
                    try:
                        async with clock.timeout(0.3):
                            trace.append((await queue.get(), clock.now()))
                    except TimeoutError:
                        trace.append(("silence", clock.now()))

            listener = asyncio.create_task(listen())
            await asyncio.gather(*(talk(name) for name in "abcd"))
            await clock.sleep(1)
            listener.cancel()
            return trace

        first = asyncio.run(program())
        assert first == asyncio.run(program())
        assert len(first) > 32


class TestStandingStill:
    async def test_time_stands_still_while_tasks_hand_messages_on(self) -> None:
        clock, queues = ScaledClock(math.inf), [asyncio.Queue[int]() for _ in range(2)]
        impatient = asyncio.create_task(clock.sleep(1e-9))

        async def hand_on(me: int) -> None:
            while (hop := await queues[me].get()) < 200:
                queues[1 - me].put_nowait(hop + 1)
            assert clock.now() == 0
            assert not impatient.done()

        tasks = [asyncio.create_task(hand_on(me)) for me in range(2)]
        queues[0].put_nowait(0)
        await tasks[0]  # the 200th hop is even, so it ends there
        tasks[1].cancel()
        await impatient
        assert clock.now() == 1e-9

    async def test_time_stands_still_through_a_chain_of_callbacks(self) -> None:
        clock, loop, done = ScaledClock(math.inf), asyncio.get_running_loop(), asyncio.Event()
        impatient = asyncio.create_task(clock.sleep(1e-9))
        at: list[float] = []

        def hop(left: int) -> None:
            if left:
                loop.call_soon(hop, left - 1)
            else:
                at.append(clock.now())
                done.set()

        loop.call_soon(hop, 200)
        await done.wait()
        await impatient
        assert at == [0]

    async def test_time_stands_still_when_nobody_sleeps(self) -> None:
        clock = ScaledClock(1000)
        await clock.sleep(1)
        await asyncio.sleep(0.02)
        assert clock.now() == 1

    async def test_a_cancelled_sleeper_does_not_move_time(self) -> None:
        clock = ScaledClock(math.inf)
        sleeper = asyncio.create_task(clock.sleep(1e6))
        await asyncio.sleep(0)
        sleeper.cancel()
        await clock.sleep(1)
        await asyncio.sleep(0.01)
        assert clock.now() == 1

    async def test_a_cancelled_sleeper_does_not_hold_time_up(self) -> None:
        clock = ScaledClock(600)
        sleeper = asyncio.create_task(clock.sleep(6000))
        await asyncio.sleep(0.01)
        sleeper.cancel()
        began = time.perf_counter()
        await clock.sleep(6)
        await clock.sleep(6)
        assert time.perf_counter() - began < 0.5
        assert 12 <= clock.now() < 600


class TestTimeout:
    @pytest.mark.parametrize("speed", [1000, math.inf])
    async def test_a_block_that_goes_on_is_ended_at_its_simulated_time(self, speed: float) -> None:
        clock = ScaledClock(speed)
        with pytest.raises(TimeoutError):
            async with clock.timeout(5):
                await asyncio.Event().wait()
        assert clock.now() == 5

    @pytest.mark.parametrize("speed", [1000, math.inf])
    async def test_a_block_that_ends_a_moment_earlier_is_left_alone(self, speed: float) -> None:
        clock = ScaledClock(speed)
        async with clock.timeout(5):
            await clock.sleep(4.999)
        assert clock.now() == 4.999
        await clock.sleep(10)  # and nothing of it is left behind

    async def test_no_time_at_all_ends_a_block_that_waits(self) -> None:
        clock = ScaledClock(math.inf)
        with pytest.raises(TimeoutError):
            async with clock.timeout(0):
                await asyncio.Event().wait()
        assert clock.now() == 0

    async def test_the_inner_of_two_timeouts_ends_first_and_the_outer_still_holds(self) -> None:
        clock, ended = ScaledClock(math.inf), []

        async def wait(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                async with clock.timeout(seconds):
                    if seconds > 1:
                        await wait(1)
                    await asyncio.Event().wait()
            ended.append((seconds, clock.now()))

        await wait(3)
        assert ended == [(1, 1), (3, 3)]

    async def test_a_cancelled_caller_is_cancelled_and_not_timed_out(self) -> None:
        clock = ScaledClock(math.inf)

        async def wait() -> None:
            async with clock.timeout(5):
                await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        for _ in range(2):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.now() < 5

    async def test_an_error_of_the_block_comes_through(self) -> None:
        with pytest.raises(KeyError):
            async with ScaledClock(math.inf).timeout(5):
                raise KeyError

    async def test_a_timeout_that_was_not_needed_does_not_move_time(self) -> None:
        clock = ScaledClock(math.inf)
        for _ in range(20):
            async with clock.timeout(1000):
                await asyncio.sleep(0)
        await clock.sleep(1)
        await asyncio.sleep(0.01)
        assert clock.now() == 1

    async def test_grace_leaves_real_time_for_an_answer_from_outside(self) -> None:
        clock = ScaledClock(math.inf, grace_seconds=1)
        async with clock.timeout(0.5):
            await asyncio.sleep(0.05)
        with pytest.raises(TimeoutError):  # without grace, simulated time does not wait for anybody outside
            async with ScaledClock(math.inf).timeout(0.5):
                await asyncio.sleep(0.05)

    async def test_grace_ends_too(self) -> None:
        clock, began = ScaledClock(math.inf, grace_seconds=0.1), time.perf_counter()
        with pytest.raises(TimeoutError):
            async with clock.timeout(0.5):
                await asyncio.Event().wait()
        assert 0.09 < time.perf_counter() - began < 1

    async def test_grace_does_not_shorten_a_longer_timeout(self) -> None:
        clock, began = ScaledClock(10, grace_seconds=0.01), time.perf_counter()
        with pytest.raises(TimeoutError):
            async with clock.timeout(1):
                await asyncio.Event().wait()
        assert time.perf_counter() - began > 0.09
        assert clock.now() == 1


class TestSpeed:
    async def test_a_minute_at_600_times_takes_a_tenth_of_a_second(self) -> None:
        clock, began = ScaledClock(600), time.perf_counter()
        for _ in range(10):
            await clock.sleep(6)
        assert 0.09 < time.perf_counter() - began < 0.5

    async def test_a_day_at_infinite_speed_takes_hardly_any_time(self) -> None:
        clock, began = ScaledClock(math.inf), time.perf_counter()
        for _ in range(24):
            await clock.sleep(3600)
        assert clock.now() == 86400
        assert time.perf_counter() - began < 0.2

    async def test_after_a_busy_spell_time_does_not_run_to_catch_up(self) -> None:
        clock = ScaledClock(600)
        await clock.sleep(6)
        time.sleep(0.2)  # noqa: ASYNC251 - a busy machine
        began = time.perf_counter()
        for _ in range(10):
            await clock.sleep(9)
        assert time.perf_counter() - began > 0.07  # 0.15 s, less the first sleep and the 0.05 s that are not forgiven
        assert clock.now() == 96

    @pytest.mark.parametrize("speed", [0, -1, -math.inf, math.nan])
    def test_a_speed_of_nothing_or_less_is_refused(self, speed: float) -> None:
        with pytest.raises(ValueError, match="speed must be above 0"):
            ScaledClock(speed)

    async def test_a_sleep_that_begins_between_two_wake_ups_lasts_its_whole_time(self) -> None:
        clock = ScaledClock(100)
        other = asyncio.create_task(clock.sleep(1000))
        await asyncio.sleep(0.1)  # something outside takes 10 simulated seconds, such as the owner's finger
        began = time.perf_counter()
        await clock.sleep(5)
        other.cancel()
        assert time.perf_counter() - began > 0.04


class TestRealClock:
    async def test_it_begins_at_nothing_and_goes_on(self) -> None:
        clock = RealClock()
        first = clock.now()
        await clock.sleep(0.02)
        assert 0 <= first < 0.02
        assert 0.019 < clock.now() - first < 0.5

    @pytest.mark.parametrize("seconds", [0, -5])
    async def test_sleeping_for_no_time_only_gives_way(self, seconds: float) -> None:
        clock, others = RealClock(), []
        asyncio.get_running_loop().call_soon(others.append, "had its turn")
        await clock.sleep(seconds)
        assert others == ["had its turn"]

    async def test_its_timeout_ends_a_block(self) -> None:
        clock = RealClock()
        with pytest.raises(TimeoutError):
            async with clock.timeout(0.01):
                await asyncio.Event().wait()
        async with clock.timeout(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("make", [RealClock, lambda: ScaledClock(math.inf), lambda: ScaledClock(100)])
async def test_no_clock_ever_goes_backwards(make: Callable[[], Clock]) -> None:
    clock, seen = make(), []

    async def look(rng: random.Random) -> None:
        for _ in range(20):
            with contextlib.suppress(TimeoutError):
                async with clock.timeout(rng.random() / 200):
                    await clock.sleep(rng.random() / 200)
            seen.append(clock.now())

    await asyncio.gather(*(look(random.Random(seed)) for seed in range(3)))
    assert seen == sorted(seen)
    assert len(seen) == 60
