"""What is published of devices: whether they are available, by how fresh their values are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from controller.contract.events import DeviceView, Telemetry
from controller.contract.stream import Stream
from controller.safety.limits import STALE_SECONDS
from controller.service.device_publisher import DevicePublisher, _differs
from devices.roles import LinkState, PumpReading, RunState, Side
from tests.helpers.home import running_home


@pytest.mark.system
async def test_a_device_that_is_started_again_at_once_stays_available_until_it_measures_again() -> None:
    async with running_home() as house:
        await house.reach("warm")
        await house.elapse(3)
        views: list[DeviceView] = []
        house.stream.subscribe(views.append, DeviceView)
        for pause_seconds in (0.1, 0.3, 0.5, 0.7, 0.9):  # one of them ends before the pad measures again
            await house.send("pause")
            await house.elapse(pause_seconds)
            await house.send("resume")
            await house.elapse(2)
        assert any(view.reading.run_state == "running" for view in views if view.device == "warm-pad")
        assert all(view.available for view in views)


async def test_a_device_that_went_out_of_reach_is_not_available_at_once() -> None:
    async with running_home() as house:
        await house.reach("warm")
        views: list[DeviceView] = []
        house.stream.subscribe(views.append, DeviceView)
        house.lose_link("warm-pad")
        await house.elapse(0.2)
        assert not next(view for view in reversed(views) if view.device == "warm-pad").available


def test_what_was_measured_too_long_ago_is_no_telemetry_although_the_device_goes_on_reporting() -> None:
    seconds, callbacks, found = 100.0, list[Callable[[], None]](), list[Telemetry]()
    updated_at = {"vacuum_mmhg": 100.0, "volume_ml": 100.0}
    role: Any = SimpleNamespace(
        name="left-pump",
        role="pump",
        side=Side.LEFT,
        model_id="x",
        confidence="verified",
        capabilities=frozenset(),
        on_link_loss="stops",
        link_state=LinkState.CONNECTED,
        link_problem=None,
        connected=True,
        age_seconds=0.0,
        rssi_dbm=None,
        reading=PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=120.0, volume_ml=7.0),
        on_change=callbacks.append,
        updated_at_seconds=updated_at.get,
    )
    stream = Stream()
    stream.subscribe(found.append, Telemetry)
    clock: Any = SimpleNamespace(now=lambda: seconds)
    DevicePublisher("home", [role], clock, stream)
    for seconds in (100.0, 100.0 + STALE_SECONDS - 0.1, 100.0 + STALE_SECONDS):  # noqa: B007 - the clock reads it
        callbacks[0]()
    assert [each.values.get("vacuum_mmhg") for each in found] == [120.0, 120.0, None]
    assert [each.values.get("volume_ml") for each in found] == [7.0] * 3, "a counter stays true"


async def test_when_it_ends_no_device_is_available_whatever_is_still_reported() -> None:
    async with running_home(serve=True) as house:
        await house.reach("warm")
        assert house.recorded.device("warm-pad").reading.run_state is RunState.RUNNING
        with house.clock.held():
            house.running.cancel()
            await asyncio.wait([house.running])
        for name in ("left-pump", "right-pump", "warm-pad", "massager"):
            last = house.recorded.device(name)
            assert (last.available, last.link, last.rssi_dbm) == (False, LinkState.CLOSED, None), name
            assert last.reading == type(last.reading)(), name


async def test_when_it_ends_a_pump_that_did_not_stop_is_not_said_to_have_stopped() -> None:
    async with running_home(serve=True) as house:
        await house.reach("express", "milk")
        house.break_ears("left-pump")
        views: list[DeviceView] = []
        house.stream.subscribe(views.append, DeviceView)
        with house.clock.held():
            house.running.cancel()
            await asyncio.wait([house.running])
        of_pump = [(view.available, view.reading.run_state) for view in views if view.device == "left-pump"]
        assert RunState.STOPPED not in {run_state for _, run_state in of_pump}
        assert of_pump[-1] == (False, RunState.UNKNOWN)


async def test_the_signal_is_known_while_it_is_connected_and_the_last_report_also_later() -> None:
    async with running_home() as house:
        await house.elapse(2)
        view = house.recorded.device("left-pump")
        assert view.rssi_dbm is not None
        assert view.reported_at is not None
        house.lose_link("left-pump", for_good=True)
        await house.elapse(2)
        lost = house.recorded.device("left-pump")
        assert lost.rssi_dbm is None
        assert lost.reported_at is not None
        assert lost.reported_at >= view.reported_at


async def test_while_only_the_time_of_the_last_report_changes_it_is_published_seldom() -> None:
    async with running_home(devices=("warm-pad",)) as house:
        await house.elapse(2)
        view = house.recorded.device("warm-pad")
        assert view.reported_at is not None
        at = view.reported_at
        assert not _differs(view.model_copy(update={"reported_at": at + timedelta(seconds=9)}), view)
        assert _differs(view.model_copy(update={"reported_at": at + timedelta(seconds=10)}), view)
        assert _differs(view.model_copy(update={"reported_at": at, "available": False}), view)
        assert _differs(view, None)
        assert _differs(view, view.model_copy(update={"reported_at": None}))
