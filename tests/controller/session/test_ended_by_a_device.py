"""A device that is switched off, lost or deaf ends a session, and the others with it."""

from __future__ import annotations

import pytest

from controller.contract.events import EndReason, EventType, SessionState
from devices.roles import RunState
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.home import PUMPS, running_home


@pytest.mark.system
@pytest.mark.parametrize("step", ["stimulate", "express"])
async def test_a_pump_switched_off_at_its_button_ends_the_session_and_stops_the_other(step: str) -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach(step)
        house.press_button("left-pump")
        await house.until(lambda: not house.on, within_seconds=2)
        snapshot = await house.finished(within_seconds=2)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason is EndReason.DEVICE_ENDED
        assert snapshot.reason_words == "left-pump stopped by itself or was switched off at its button"
        assert snapshot.trip is None
        assert house.recorded.guide.words == house.words.message("device_ended", device="left-pump")
        assert house.pump("right-pump").reading.run_state is RunState.STOPPED
        starts = house.starts
        await house.elapse(60)
        assert house.starts == starts


async def test_a_heater_switched_off_at_its_button_ends_the_session() -> None:
    async with running_home() as house:
        await house.reach("warm")
        house.press_button("warm-pad")
        snapshot = await house.finished(within_seconds=3)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason_words == "warm-pad stopped by itself or was switched off at its button"


@pytest.mark.system
@pytest.mark.parametrize("step", ["stimulate", "express"])
async def test_a_lost_link_of_one_pump_stops_both_and_trips(step: str) -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach(step)
        house.lose_link("left-pump")
        await house.until(lambda: not house.on, within_seconds=1)
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.TRIPPED
        assert (snapshot.reason, snapshot.reason_words) == (
            EndReason.TRIP,
            "left-pump: the Bluetooth connection was lost",
        )
        assert snapshot.trip is not None
        assert snapshot.trip.device == "left-pump"
        (trip,) = house.recorded.events(EventType.TRIP)
        assert trip.data.kind == "link_lost"
        assert "off your breast" in house.recorded.guide.words
        assert "left-pump" in house.recorded.guide.words
        await house.until(lambda: house.pump().connected, within_seconds=30)  # the link comes back ...
        await house.elapse(60)
        assert house.on == set()  # ... and nothing with it
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "refused"
        assert reply.keys == ("stopped_by_trip",)
        assert "Acknowledge that first" in reply.reasons[0]
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert house.recorded.snapshot.trip is None
        await house.start("milk")
        await house.flange_on()
        await house.elapse(5)
        assert house.on == set(PUMPS)


@pytest.mark.system
async def test_a_lost_link_of_a_device_that_is_off_disturbs_nobody() -> None:
    async with running_home() as house:
        await house.reach("express")
        house.lose_link("warm-pad")
        await house.elapse(5)
        assert house.recorded.snapshot.state is SessionState.RUNNING
        assert house.on == set(PUMPS)


@pytest.mark.parametrize("key", ["left-pump", "right-pump"])
async def test_a_pump_that_does_not_start_fails_the_session_and_stops_the_other(key: DeviceKey) -> None:
    async with running_home() as house:
        house.break_ears(key, "start")
        await house.start("milk")
        await house.flange_on()
        snapshot = await house.finished(within_seconds=5)
        assert snapshot.state is SessionState.FAILED
        assert snapshot.reason is EndReason.DEVICE_FAILED
        assert (snapshot.reason_words or "").startswith(f"{key} did not")
        assert house.on == set()
        assert house.reported_off


async def test_a_session_that_failed_does_not_go_on_saying_that_the_pump_begins() -> None:
    async with running_home() as house:
        house.break_ears("left-pump", "start")
        await house.start("milk")
        await house.flange_on()
        await house.finished(within_seconds=5)
        assert house.recorded.guide.words != house.words.steps["stimulate"].with_device


@pytest.mark.system
async def test_a_watcher_that_raises_harms_no_session() -> None:
    async with running_home() as house:

        def bad(_: object) -> None:
            raise ZeroDivisionError

        house.stream.subscribe(bad)
        await house.reach("stimulate")
        assert house.on == set(PUMPS)
        assert (await house.send("pain")).outcome == "accepted"
        assert house.on == set()
