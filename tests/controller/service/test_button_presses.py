"""A press at the virtual button stops the virtual devices, in every state; it starts and raises nothing."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.contract.events import EndReason, EventType, SessionState
from devices.roles import LinkState, PressEvent, PressMeaning
from tests.helpers.own_controls import press_on
from tests.helpers.pressed_home import ADDRESS, KEY, KNOWN, NAME, OTHER_KEY, Pressed, pressed_home
from tests.helpers.sampling import sampled

LET_DOWN = {event.value: "let_down" for event in KNOWN}
STEPS = ("check", "warm", "massage", "stimulate", "express", "rest")


async def stopped_within_a_second(pressed: Pressed) -> None:
    await pressed.house.until(lambda: not pressed.house.on, within_seconds=1.0)
    snapshot = await pressed.house.finished(within_seconds=5)
    assert snapshot.state is SessionState.STOPPED
    starts = pressed.house.starts
    await pressed.house.elapse(30)
    assert pressed.house.on == set()
    assert pressed.house.starts == starts


# It stops


@pytest.mark.system
@pytest.mark.parametrize("step", sampled(STEPS, keep=lambda step: step in ("warm", "massage", "express")))
async def test_a_press_stops_the_devices_within_a_second_in_every_step(step: str) -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach(step)
        await pressed.twin.press()
        await stopped_within_a_second(pressed)


@pytest.mark.system
async def test_a_press_ends_a_pause_and_nothing_goes_on() -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach("express")
        await pressed.house.send("pause")
        await pressed.house.elapse(2)
        await pressed.twin.press()
        await stopped_within_a_second(pressed)


@pytest.mark.system
async def test_who_stopped_it_is_said_in_the_reason_the_event_and_the_guide() -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach("stimulate")
        await pressed.twin.press(PressEvent.DOUBLE_PRESS)
        snapshot = await pressed.house.finished(within_seconds=5)
        assert (snapshot.reason, snapshot.reason_words) == (EndReason.STOP, f"stopped by the button {NAME}")
        (event,) = pressed.events
        assert (event.device, event.press, event.trust, event.did) == (NAME, "double_press", "plain", "stop")
        assert event.words == f"stopped by the button {NAME}"
        assert NAME in pressed.house.recorded.guide.words
        finished = pressed.house.recorded.events(EventType.SESSION_FINISHED)
        assert [getattr(each.data, "reason_words", "") for each in finished] == [f"stopped by the button {NAME}"]


@pytest.mark.system
async def test_a_press_outside_a_session_stops_what_was_switched_on_by_hand() -> None:
    async with pressed_home() as pressed:
        press_on(pressed.house.home.twins["left-pump"], 60)
        await pressed.house.elapse(3)
        assert pressed.house.on == {"left-pump"}
        await pressed.twin.press()
        await pressed.house.until(lambda: not pressed.house.on, within_seconds=1.0)
        assert pressed.did == [("stop", "plain")]


@pytest.mark.system
async def test_pain_by_a_press_is_pain_and_says_by_which_button() -> None:
    async with pressed_home({"hold": "pain"}) as pressed:
        await pressed.house.reach("express")
        await pressed.twin.press(PressEvent.HOLD)
        await stopped_within_a_second(pressed)
        snapshot = pressed.house.recorded.snapshot
        assert (snapshot.reason, snapshot.reason_words) == (EndReason.PAIN, f"pain, by the button {NAME}")
        assert len(pressed.house.recorded.events(EventType.PAIN)) == 1


async def test_the_button_needs_no_connection_and_is_shown_as_heard() -> None:
    async with pressed_home() as pressed:
        await pressed.twin.press()
        (button,) = pressed.house.station.buttons
        assert button.link_state is LinkState.HEARD
        assert (button.reading.last_press, button.reading.battery_percent) == (PressEvent.PRESS, 100)
        assert pressed.twin.server is not None
        assert not pressed.twin.server.connected
        assert NAME in {each.name for each in pressed.house.station.all_roles}
        assert NAME not in {each.name for each in pressed.house.station.roles}
        assert NAME not in pressed.house.guard._devices


# A let-down: only with a key, only verified, only in suction


@pytest.mark.system
async def test_a_verified_press_is_a_let_down_and_stops_nothing() -> None:
    async with pressed_home(LET_DOWN, key=KEY) as pressed:
        pressed.house.give_no_milk()
        await pressed.house.reach("stimulate")
        await pressed.twin.press()
        await pressed.house.elapse(2)
        assert pressed.did == [("let_down", "verified")]
        assert pressed.house.recorded.snapshot.let_down_by == "tap"
        assert pressed.house.recorded.snapshot.step == "express"
        assert pressed.house.station.running
        await pressed.twin.press(PressEvent.DOUBLE_PRESS)  # once more: it is known already
        await pressed.house.elapse(1)
        assert pressed.house.station.running
        await pressed.house.send("stop")


@pytest.mark.system
@pytest.mark.parametrize(
    "step", sampled(["check", "warm", "massage", "rest"], keep=lambda step: step in ("warm", "rest"))
)
async def test_what_cannot_be_a_let_down_stops(step: str) -> None:
    async with pressed_home(LET_DOWN, key=KEY) as pressed:
        await pressed.house.reach(step)
        await pressed.twin.press()
        await stopped_within_a_second(pressed)
        assert pressed.did == [("stop", "verified")]


async def fresh(pressed: Pressed, event: PressEvent) -> None:
    await pressed.twin.press(event)


async def replayed(pressed: Pressed, _: PressEvent) -> None:
    await pressed.twin.replay()


async def repeated(pressed: Pressed, event: PressEvent) -> None:
    await pressed.twin.press(event)
    await pressed.house.elapse(4)
    await pressed.twin.again()


async def late(pressed: Pressed, event: PressEvent) -> None:
    pressed.twin.phantoms = True
    await pressed.twin.press(event)
    await pressed.house.elapse(45)


async def unencrypted(pressed: Pressed, event: PressEvent) -> None:
    pressed.twin.key = None
    await pressed.twin.press(event)


async def wrong_key(pressed: Pressed, event: PressEvent) -> None:
    pressed.twin.key = bytes.fromhex(OTHER_KEY)
    await pressed.twin.press(event)


DOUBTFUL = (replayed, repeated, late, unencrypted, wrong_key)


@pytest.mark.system
@pytest.mark.parametrize("way", sampled(DOUBTFUL, keep=lambda way: way in (replayed, late, unencrypted)))
async def test_a_press_that_may_be_old_or_foreign_stops_though_it_is_set_to_let_down(way: object) -> None:
    assert callable(way)
    async with pressed_home(LET_DOWN, key=KEY) as pressed:
        pressed.house.give_no_milk()
        await pressed.house.reach("stimulate")
        await pressed.twin.press(PressEvent.DOUBLE_PRESS)  # one that is recorded, and replayed later
        await pressed.house.elapse(4)
        assert pressed.house.station.running
        await way(pressed, PressEvent.PRESS)
        await stopped_within_a_second(pressed)
        assert pressed.did[0] == ("let_down", "verified")
        assert pressed.did[-1][0] == "stop"


@pytest.mark.system
async def test_the_first_press_after_a_silence_stops() -> None:
    async with pressed_home(LET_DOWN, key=KEY, beacon=False) as pressed:
        await pressed.house.reach("stimulate")
        await pressed.twin.press()
        await stopped_within_a_second(pressed)
        assert pressed.did == [("stop", "repeated")]


@pytest.mark.system
async def test_a_missed_press_does_nothing_and_the_next_one_stops() -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach("stimulate")
        pressed.twin.misses = 1
        await pressed.twin.press()
        await pressed.house.elapse(5)
        assert pressed.house.station.running
        await pressed.twin.press()
        await stopped_within_a_second(pressed)


# Every mapping, every event, every degree of trust, in every state


@pytest.mark.system
@pytest.mark.parametrize("meaning", PressMeaning)
@pytest.mark.parametrize("state", ["idle", *STEPS, "paused"])
async def test_whatever_it_is_set_to_nothing_starts_or_rises(state: str, meaning: PressMeaning) -> None:
    async with pressed_home({event.value: meaning.value for event in KNOWN}, key=KEY) as pressed:
        pressed.house.give_no_milk()
        await pressed.twin.press()  # one that is recorded, and replayed later
        await pressed.house.elapse(4)
        for number, way in enumerate((fresh, *DOUBTFUL)):
            await into(state, pressed)
            heard, highest, starts = len(pressed.did), pressed.targets_mmhg, pressed.house.starts
            await way(pressed, KNOWN[(number + len(state)) % len(KNOWN)])
            await pressed.house.elapse(0.5)
            did = pressed.did[heard:]
            assert did
            assert all(trust == "verified" for what, trust in did if what == "let_down")
            assert pressed.house.starts == starts or ("let_down", "verified") in did  # the routine goes on by itself
            if any(what != "let_down" for what, _ in did):
                await pressed.house.until(lambda: not pressed.house.on, within_seconds=1.0)
            else:
                assert state in ("stimulate", "express")
                assert all(pressed.targets_mmhg[side] <= max(mmhg, 150) for side, mmhg in highest.items())
            pressed.twin.key, pressed.twin.phantoms = bytes.fromhex(KEY), False
            await pressed.house.send("stop")
            await pressed.house.finished(within_seconds=10)
            assert pressed.house.on == set()
            await pressed.house.elapse(4)


async def into(state: str, pressed: Pressed) -> None:
    """Bring a session into a state."""
    if state != "idle":
        await pressed.house.reach("express" if state == "paused" else state)
    if state == "paused":
        await pressed.house.send("pause")
        await pressed.house.elapse(2)


# Anything at all


def _packets(first: int) -> st.SearchStrategy[bytes]:
    """Return service data that begins like BTHome, with buttons somewhere in it."""
    objects = st.one_of(
        st.binary(max_size=6),
        st.tuples(st.just(0x3A), st.integers(0, 255)).map(bytes),
        st.tuples(st.sampled_from([0x00, 0x01]), st.integers(0, 255)).map(bytes),
    )
    return st.lists(objects, max_size=6).map(lambda found: bytes([first]) + b"".join(found))


ANYTHING = st.one_of(st.binary(max_size=255), _packets(0x44), _packets(0x45), _packets(0x40), _packets(0x46))


@pytest.mark.system
@given(st.lists(ANYTHING, min_size=1, max_size=30), st.booleans(), st.sampled_from([None, KEY]))
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_is_advertised_nothing_starts_rises_or_crashes(
    caplog: pytest.LogCaptureFixture, data: list[bytes], running: bool, key: str | None
) -> None:
    async def receive_all() -> None:
        async with pressed_home(LET_DOWN if key else {"press": "pain"}, key=key) as pressed:
            if running:
                await pressed.house.reach("stimulate")
            before, starts = pressed.targets_mmhg, pressed.house.starts
            for each in data:
                pressed.receive(each)
                await asyncio.sleep(0)
                assert all(pressed.targets_mmhg[side] <= mmhg for side, mmhg in before.items())
                assert pressed.house.starts == starts
            await pressed.house.elapse(2)
            assert ("let_down", "verified") not in pressed.did
            if pressed.did:
                assert pressed.house.on == set()
                assert pressed.house.starts == starts
            else:
                assert pressed.house.station.running is running

    caplog.clear()
    with caplog.at_level(logging.DEBUG, "devices"), caplog.at_level(logging.DEBUG, "controller"):
        asyncio.run(receive_all())
    text = caplog.text.lower()
    assert KEY not in text
    assert ADDRESS.lower() not in text
    assert "could not be handled" not in text
    assert "traceback" not in text


async def test_hundreds_of_presses_a_second_are_a_few_stops_and_the_last_one_counts() -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach("stimulate")
        before = pressed.house.commanded("left-pump", "stop")
        for number in range(400):
            pressed.receive(bytes([0x44, 0x00, number % 256, 0x3A, 1 + number % 6]))
        press_on(pressed.house.home.twins["left-pump"], 60)  # after the first of them has stopped it
        await pressed.house.until(lambda: not pressed.house.on, within_seconds=1.0)
        await pressed.house.elapse(2)
        assert 1 <= len(pressed.events) <= 3
        assert pressed.house.commanded("left-pump", "stop") - before <= 10


async def test_another_device_near_stops_nothing() -> None:
    async with pressed_home() as pressed:
        await pressed.house.reach("stimulate")
        pressed.receive(bytes.fromhex("4400073a01"), "F0:1E:7D:00:00:78")
        await pressed.house.elapse(2)
        assert pressed.house.station.running
        await pressed.house.send("stop")
