"""How a unit is given up: its devices are stopped before its lease is released, whatever comes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.cluster.lease import Lease, LeaseLostError
from controller.cluster.shared_store import SharedStore
from controller.fleet.fleet_units import Unit
from controller.fleet.served_unit import NodeParts, ServedUnit
from controller.mqtt.backlog import Backlog
from controller.settings import StationSettings


class RecordedLease:
    """A lease that a test loses."""

    def __init__(self, done: list[str]) -> None:
        self.lost = asyncio.Event()
        self._done = done

    async def hold(self) -> None:
        await self.lost.wait()
        raise LeaseLostError("it expired")

    async def release(self) -> None:
        self._done.append("released")


class SlowUnit(ServedUnit):
    """A unit whose devices stop when a test lets them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.recorded = RecordedLease(self.done)
        self.stopping, self.may_stop = asyncio.Event(), asyncio.Event()
        super().__init__(Unit("home", {}), cast("Lease", self.recorded), cast("NodeParts", SimpleNamespace()))

    async def _serve(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.stopping.set()
            await self.may_stop.wait()
            self.done.append("stopped")


async def given_up(unit: SlowUnit, *, lost: bool, cancelled: int) -> asyncio.Task[Any]:
    """Run a unit until its devices are stopping, and then be cancelled some times."""
    running = asyncio.create_task(unit.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if lost:
        unit.recorded.lost.set()
    else:
        running.cancel()
    await unit.stopping.wait()
    for _ in range(cancelled):
        await asyncio.sleep(0)
        running.cancel()
    await asyncio.sleep(0)
    assert unit.done == []
    assert not running.done()
    unit.may_stop.set()
    await asyncio.wait({running})
    return running


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("cancelled", [0, 1, 3])
async def test_devices_are_stopped_before_the_lease_is_released_whatever_comes_meanwhile(
    lost: bool, cancelled: int
) -> None:
    unit = SlowUnit()
    ended = await given_up(unit, lost=lost, cancelled=cancelled)
    assert unit.done == ["stopped", "released"]
    if lost and not cancelled:
        assert isinstance(ended.exception(), LeaseLostError)
    else:
        assert ended.cancelled()


async def test_a_session_that_ends_unsaid_with_a_lost_lease_is_ended_by_the_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service that loses its lease leaves the end to a successor, who may not know of the session."""
    done: list[str] = []

    @contextlib.asynccontextmanager
    async def lost(*_: object) -> AsyncIterator[None]:
        raise LeaseLostError("the cluster could not be reached in time")
        yield

    monkeypatch.setattr(SharedStore, "opened", lost)
    parts = SimpleNamespace(
        backlog=Backlog(),
        cluster=None,
        metrics=None,
        deliver=None,
        journal=SimpleNamespace(end_cut_off=lambda station: done.append(f"ended {station}")),
    )
    unit = ServedUnit(
        Unit("home", {"bed-1": StationSettings(), "bed-2": StationSettings()}),
        cast("Lease", RecordedLease(done)),
        cast("NodeParts", parts),
    )
    with pytest.raises(LeaseLostError):
        await unit.run()
    assert done == ["ended bed-1", "ended bed-2", "released"]
