"""The lane: one action at a time, in order; and nothing is sent after a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from devices.bluetooth.lane import Lane
from devices.errors import RefusedError, UncertainError

T = TypeVar("T")


class Actions:
    """Actions that record how they begin and end, and continue when the test lets them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.go: dict[str, asyncio.Event] = {}

    def __call__(self, name: str) -> Callable[[], Awaitable[str]]:
        gate = self.go[name] = asyncio.Event()

        async def action() -> str:
            self.log.append(f"{name} begins")
            try:
                await gate.wait()
            except asyncio.CancelledError:
                self.log.append(f"{name} is cut off")
                raise
            self.log.append(f"{name} ends")
            return name

        return action


async def soon(result: asyncio.Future[T]) -> T:
    """Wait for something, with a short timeout."""
    return await asyncio.wait_for(result, 1)


async def turns(count: int = 10) -> None:
    """Let everything that can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_an_action_runs_at_once_in_an_empty_lane_and_returns_its_result() -> None:
    actions = Actions()
    action = actions("a")
    actions.go["a"].set()
    assert await Lane().run(action) == "a"


async def test_actions_run_one_after_another_in_order() -> None:
    lane, actions = Lane(), Actions()
    tasks = [asyncio.create_task(lane.run(actions(name))) for name in "abc"]
    await turns()
    assert actions.log == ["a begins"]
    for name in "cba":  # whoever could go on first
        actions.go[name].set()
        await turns()
    assert actions.log == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]
    assert await soon(asyncio.gather(*tasks)) == ["a", "b", "c"]


async def test_a_failing_action_raises_for_its_caller_and_the_next_one_runs() -> None:
    lane, actions = Lane(), Actions()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise UncertainError("no answer")

    failing = asyncio.create_task(lane.run(fail))
    following = asyncio.create_task(lane.run(actions("b")))
    actions.go["b"].set()
    with pytest.raises(UncertainError, match="no answer"):
        await soon(failing)
    assert await soon(following) == "b"


class TestClear:
    async def test_what_runs_is_cut_off_and_what_waits_never_begins(self) -> None:
        lane, actions = Lane(), Actions()
        tasks = [asyncio.create_task(lane.run(actions(name))) for name in "abc"]
        await turns()
        lane.clear()
        results = await soon(asyncio.gather(*tasks, return_exceptions=True))
        assert [type(each) for each in results] == [RefusedError] * 3
        assert {str(each) for each in results} == {"superseded by a stop"}
        assert actions.log == ["a begins", "a is cut off"]

    async def test_an_action_that_waits_is_refused(self) -> None:
        lane, actions = Lane(), Actions()
        task = asyncio.create_task(lane.run(actions("a")))
        await asyncio.sleep(0)  # the lane has it, the action has not begun
        lane.clear()
        with pytest.raises(RefusedError):
            await soon(task)
        assert actions.log == []

    async def test_a_later_action_runs(self) -> None:
        lane, actions = Lane(), Actions()
        before = asyncio.create_task(lane.run(actions("a")))
        await turns()
        lane.clear()
        after = asyncio.create_task(lane.run(actions("stop")))
        actions.go["stop"].set()
        assert await soon(after) == "stop"
        with pytest.raises(RefusedError):
            await soon(before)
        assert actions.log == ["a begins", "a is cut off", "stop begins", "stop ends"]

    async def test_a_later_action_waits_for_the_cleanup_of_the_cancelled_one(self) -> None:
        lane, actions, cleaned = Lane(), Actions(), asyncio.Event()

        async def slow_to_go() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await cleaned.wait()
                actions.log.append("cleaned up")

        before = asyncio.create_task(lane.run(slow_to_go))
        await turns()
        lane.clear()
        after = asyncio.create_task(lane.run(actions("stop")))
        actions.go["stop"].set()
        await turns()
        assert actions.log == []
        cleaned.set()
        await soon(after)
        assert actions.log == ["cleaned up", "stop begins", "stop ends"]
        with pytest.raises(RefusedError):
            await soon(before)

    async def test_an_action_that_has_already_ended_returns_its_result(self) -> None:
        lane, actions = Lane(), Actions()
        task = asyncio.create_task(lane.run(actions("a")))
        await turns()
        actions.go["a"].set()
        await asyncio.sleep(0)  # the action is through, its caller has not heard of it
        assert actions.log == ["a begins", "a ends"]
        lane.clear()
        assert await soon(task) == "a"

    async def test_an_action_that_suppresses_its_cancellation_returns_its_result(self) -> None:
        lane = Lane()

        async def stubborn() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "done all the same"
            return ""

        task = asyncio.create_task(lane.run(stubborn))
        await turns()
        lane.clear()
        assert await soon(task) == "done all the same"

    async def test_an_error_during_cancellation_is_raised(self) -> None:
        lane = Lane()

        async def uncertain() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise UncertainError("sent, not acknowledged")

        task = asyncio.create_task(lane.run(uncertain))
        await turns()
        lane.clear()
        with pytest.raises(UncertainError):
            await soon(task)

    async def test_an_empty_lane_can_be_cleared_repeatedly(self) -> None:
        lane, actions = Lane(), Actions()
        for _ in range(3):
            lane.clear()
        action = actions("a")
        actions.go["a"].set()
        assert await lane.run(action) == "a"
        lane.clear()

    async def test_a_stop_cancels_what_has_begun_since_the_lane_was_cleared(self) -> None:
        lane, actions = Lane(), Actions()
        lane.clear()
        since = [asyncio.create_task(lane.run(actions(name))) for name in "ab"]
        await turns()
        stopping = asyncio.create_task(lane.run(actions("stop"), is_stop=True))
        actions.go["stop"].set()
        assert await soon(stopping) == "stop"
        results = await soon(asyncio.gather(*since, return_exceptions=True))
        assert [type(each) for each in results] == [RefusedError] * 2
        assert actions.log == ["a begins", "a is cut off", "stop begins", "stop ends"]

    async def test_a_stop_does_not_cancel_another_stop(self) -> None:
        lane, actions = Lane(), Actions()
        stops = [asyncio.create_task(lane.run(actions(name), is_stop=True)) for name in "ab"]
        await turns()
        lane.clear()
        for name in "ab":
            actions.go[name].set()
        assert await soon(asyncio.gather(*stops)) == ["a", "b"]

    async def test_an_action_requested_before_it_is_refused_even_if_submitted_later(self) -> None:
        lane, actions = Lane(), Actions()
        due = lane.stops
        lane.clear()
        with pytest.raises(RefusedError, match="superseded by a stop"):
            await soon(asyncio.create_task(lane.run(actions("a"), after_stops=due)))
        assert actions.log == []


class TestCancellation:
    async def test_cancelling_the_caller_cancels_its_action(self) -> None:
        lane, actions = Lane(), Actions()
        task = asyncio.create_task(lane.run(actions("a")))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        assert actions.log == ["a begins", "a is cut off"]

    async def test_cancelling_a_waiting_caller_keeps_the_order_of_the_others(self) -> None:
        lane, actions = Lane(), Actions()
        a, b, c = (asyncio.create_task(lane.run(actions(name))) for name in "abc")
        await turns()
        b.cancel()
        for name in "abc":
            actions.go[name].set()
        assert await soon(asyncio.gather(a, c)) == ["a", "c"]
        assert b.cancelled()
        assert actions.log == ["a begins", "a ends", "c begins", "c ends"]

    async def test_the_next_one_runs_after_a_cancelled_one(self) -> None:
        lane, actions = Lane(), Actions()
        a, b = (asyncio.create_task(lane.run(actions(name))) for name in "ab")
        await turns()
        a.cancel()
        actions.go["b"].set()
        assert await soon(b) == "b"
        assert a.cancelled()

    async def test_a_timeout_of_the_caller_is_raised_as_its_own(self) -> None:
        lane, actions = Lane(), Actions()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await lane.run(actions("a"))
        assert actions.log == ["a begins", "a is cut off"]

    @pytest.mark.parametrize("stop_first", [True, False])
    async def test_a_caller_cancelled_together_with_a_stop_is_cancelled(self, stop_first: bool) -> None:
        lane, actions = Lane(), Actions()
        task = asyncio.create_task(lane.run(actions("a")))
        await turns()
        if stop_first:
            lane.clear()
        task.cancel()
        lane.clear()
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
