"""Stop and pain end everything, whenever they come, and say only what is known."""

from __future__ import annotations

import asyncio

import pytest

from controller.contract.events import EndReason, EventType, SessionState
from devices.roles import Side
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.home import ALL, PUMPS, STEPS, running_home
from tests.helpers.past_checks import ON, WILLING
from tests.helpers.sampling import sampled


@pytest.mark.system
@pytest.mark.parametrize(
    ("action", "where"),
    sampled(
        [(action, where) for action in ("stop", "pain") for where in (*STEPS, "paused", "advice")],
        keep=lambda each: each in (("stop", "massage"), ("pain", "express"), ("pain", "paused")),
    ),
)
async def test_stop_and_pain_switch_everything_off_within_a_second_and_for_good(action: str, where: str) -> None:
    async with running_home(owner=WILLING, coarse=True) as house:
        house.give_no_milk()
        if where == "advice":
            await house.start(no_symptoms=False)
            await house.send("answer", question="all", value=True)
            await house.elapse(5)
        else:
            await house.reach("express" if where == "paused" else where)
        if where == "paused":
            await house.send("pause")
            await house.elapse(2)
        assert house.on == ON.get(where, set())
        sent = asyncio.create_task(house.send(action))
        await house.until(lambda: not house.on and house.reported_off, within_seconds=1)
        reply = await sent
        assert reply.outcome == "accepted"
        assert reply.devices == dict.fromkeys(ALL, "stopped")
        snapshot = await house.finished(within_seconds=3)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == action
        assert snapshot.target_vacuum_mmhg is None
        assert house.recorded.guide.words == house.words.messages["stopped" if action == "stop" else "pain"]
        assert len(house.recorded.events(EventType.PAIN)) == (action == "pain")
        (finished,) = house.recorded.events(EventType.SESSION_FINISHED)
        assert finished.data.outcome == "stopped"
        assert finished.data.reason == action
        starts = house.starts
        for late in ("resume", "skip", "let_down", "vacuum_up"):
            assert (await house.send(late)).outcome == "refused"
        await house.idle(600)
        assert house.on == set()
        assert house.starts == starts
        assert house.recorded.snapshot.state is SessionState.STOPPED


@pytest.mark.system
async def test_pain_again_and_again_is_never_refused() -> None:
    async with running_home() as house:
        await house.reach("express")
        for _ in range(3):
            replies = await asyncio.gather(*(house.send("pain") for _ in range(3)))
            assert {reply.outcome for reply in replies} == {"accepted"}
        assert house.on == set()
        assert len(house.recorded.events(EventType.PAIN)) == 1


@pytest.mark.parametrize("devices", [ALL, ()], ids=["with devices", "without any"])
async def test_a_stop_in_the_same_moment_as_the_start_stops(devices: tuple[DeviceKey, ...]) -> None:
    async with running_home(devices=devices) as house:
        replies = await asyncio.gather(house.send("start", routine="everything", no_symptoms=True), house.send("stop"))
        assert [reply.outcome for reply in replies] == ["accepted", "accepted"]
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.STOPPED
        assert house.on == set()


@pytest.mark.system
async def test_pain_is_noted_whenever_it_is_pressed() -> None:
    async with running_home() as house:
        await house.send("pain")
        assert len(house.recorded.events(EventType.PAIN)) == 1
        await house.reach("express")
        await house.send("stop")
        await house.send("pain")
        assert len(house.recorded.events(EventType.PAIN)) == 2


@pytest.mark.system
@pytest.mark.parametrize("reason", [EndReason.STOP, EndReason.PAIN])
async def test_a_session_that_is_stopped_before_it_began_never_begins(reason: EndReason) -> None:
    async with running_home() as house:
        stopping = asyncio.create_task(house.station.stop(reason))  # its turn comes before the session's own
        house.station.start("classic", Side.BOTH, no_symptoms=True)
        await stopping
        await house.idle(700)
        assert house.starts == 0
        assert house.recorded.snapshot.state is SessionState.STOPPED
        assert house.recorded.snapshot.reason == reason


@pytest.mark.system
async def test_nothing_begins_after_pain_while_a_device_is_slow_to_confirm() -> None:
    async with running_home(devices=["left-pump", "right-pump", "warm-pad"]) as house:
        await house.reach("massage", run_seconds=0)
        for _ in range(3):
            await house.send("skip")
            await house.elapse(0.2)
        await house.until(lambda: (house.recorded.snapshot.step_seconds_left or 99) <= 1, within_seconds=31)
        await house.elapse(0.5)
        assert house.recorded.snapshot.step == "massage"
        house.break_ears("warm-pad")  # it is off; only its answer does not come
        starts = house.starts
        await house.send("pain")
        await house.elapse(5)
        assert house.starts == starts


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_after_stop_or_pain_the_guide_does_not_say_that_a_device_stopped_by_itself(action: str) -> None:
    async with running_home() as house:
        await house.reach("express")
        began = house.clock.now()
        await house.send(action)
        await house.finished(within_seconds=2)
        device_ended = {house.words.message("device_ended", device=device) for device in PUMPS}
        assert not device_ended & {guide.words for guide in house.recorded.guides(since=began)}


async def test_a_device_that_ignores_its_stop_is_told_to_the_person_and_to_who_asked() -> None:
    async with running_home() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        reply = await house.send("pain")
        assert reply.outcome == "failed"
        assert reply.devices is not None
        assert reply.devices["left-pump"] == "uncertain"
        assert reply.devices["right-pump"] == "stopped"
        assert "left-pump" in reply.reasons[0]
        assert "switch it off at its button" in reply.reasons[0]
        snapshot = await house.finished(within_seconds=3)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "pain"
        assert {event.data.device for event in house.recorded.events(EventType.UNCERTAIN)} == {"left-pump"}
        by_hand = house.words.message("by_hand_pump", device="left-pump")
        assert house.recorded.guide.words == house.words.message("not_reached", words=by_hand)
        assert "take the flange off" in by_hand
        assert house.home.pumps[Side.RIGHT].run.state == "stopped"
        await house.until(lambda: not house.on, within_seconds=12)  # its lease is not renewed any more


async def test_pain_does_not_say_that_all_is_off_when_a_running_pump_went_out_of_reach() -> None:
    async with running_home() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        server = house.home.twins["left-pump"].server
        assert server is not None
        server.on_disconnection = None  # a pump that runs on without a link
        asyncio.get_running_loop().call_soon(house.lose_link, "left-pump")
        reply = await house.send("pain")
        assert "left-pump" in house.on
        await house.elapse(0.2)
        assert house.recorded.guide.words != house.words.messages["pain"]
        assert reply.outcome == "failed"


async def test_a_heater_that_does_not_confirm_its_end_is_not_forgotten_for_the_next_step() -> None:
    async with running_home() as house:
        await house.reach("warm")
        house.break_ears("warm-pad")
        await house.send("skip")
        await house.elapse(4)
        assert "warm-pad" in house.on
        assert house.recorded.guide.words == house.words.message("uncertain", device="warm-pad")
