"""Skips and pauses."""

from __future__ import annotations

import pytest

from controller.contract.events import EndReason, EventType, SessionState
from tests.helpers.home import PUMPS, STEPS, running_home
from tests.helpers.past_checks import ON, WILLING, outcomes, step_of
from tests.helpers.sampling import sampled


@pytest.mark.parametrize("step", [step for step in STEPS if step != "check"])
async def test_a_skip_goes_on_at_once(step: str) -> None:
    async with running_home(owner=WILLING) as house:
        house.give_no_milk()
        await house.reach(step)
        assert house.on == ON[step]
        for _ in range(4 if step == "massage" else 1):  # one technique at a time
            await house.send("skip")
            await house.elapse(0.2)
        await house.until(lambda: house.recorded.snapshot.step != step, within_seconds=2)  # pumps must let go first
        if house.recorded.snapshot.step == "stimulate":
            assert house.on == set()  # the flange first
            await house.flange_on()
        await house.elapse(0.2)
        snapshot = house.recorded.snapshot
        assert outcomes(snapshot)[step] == ("done" if step == "prompt" else "skipped")
        following = STEPS[STEPS.index(step) + 1] if step != STEPS[-1] else None
        assert snapshot.step == following
        assert house.on == ON.get(following or "", set())


async def test_a_skipped_technique_is_told_as_a_part() -> None:
    async with running_home() as house:
        await house.reach("massage")
        await house.send("skip")
        await house.elapse(3)
        assert [(part.name, part.side, part.outcome) for part in house.recorded.snapshot.steps[2].parts] == [
            ("spiral", "left", "skipped")
        ]
        assert house.recorded.guide.technique == "roll"
        assert house.recorded.guide.picture == "roll"


@pytest.mark.system
async def test_dry_breasts_end_the_expression_after_three_minutes() -> None:
    async with running_home(coarse=True) as house:
        house.give_no_milk()
        await house.reach("express", run_seconds=170)
        await house.until(lambda: house.recorded.snapshot.step == "rest", within_seconds=15)
        assert outcomes(house.recorded.snapshot)["express"] == "dry"
        assert step_of(house.recorded.snapshot, "express") == pytest.approx(180, abs=2)
        assert house.on == set()


@pytest.mark.system
async def test_where_nobody_measures_flow_nothing_is_ever_dry() -> None:
    async with running_home(coarse=True) as house:
        for key in PUMPS:
            house.change_values(key, let_down=False, flow_ml_per_s=None)
        await house.reach("express", run_seconds=290)
        await house.until(lambda: house.recorded.snapshot.step == "rest", within_seconds=15)
        assert outcomes(house.recorded.snapshot)["express"] == "done"


# Pause


@pytest.mark.system
@pytest.mark.parametrize(
    "step",
    sampled(
        [step for step in STEPS if step not in ("check", "massage")], keep=lambda each: each in ("warm", "express")
    ),
)
async def test_a_pause_leaves_nothing_on_and_goes_on_with_the_time_that_was_left(step: str) -> None:
    async with running_home(owner=WILLING) as house:
        house.give_no_milk()
        await house.reach(step, run_seconds=10)
        left = house.recorded.snapshot.step_seconds_left or 0.0
        assert left > 10
        await house.send("pause")
        await house.elapse(0.2)
        await house.until(lambda: not house.on and house.reported_off, within_seconds=0.8)
        await house.until(lambda: house.recorded.snapshot.state is SessionState.PAUSED, within_seconds=2)
        assert house.recorded.guide.words == house.words.messages["paused"]
        starts = house.starts
        await house.elapse(100)
        assert house.on == set()
        assert house.starts == starts
        await house.send("resume")
        await house.elapse(0.2)
        assert house.recorded.snapshot.state is SessionState.RUNNING
        assert house.recorded.snapshot.step == step
        assert house.on == ON[step]
        assert house.recorded.snapshot.step_seconds_left == pytest.approx(left, abs=2)
        kinds = [event.type for event in house.recorded.events(EventType.PAUSED, EventType.RESUMED)]
        assert kinds == [EventType.PAUSED, EventType.RESUMED]


@pytest.mark.system
async def test_a_pause_in_the_massage_comes_back_to_the_same_technique() -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("massage", run_seconds=0)
        await house.send("skip")
        await house.elapse(10)
        assert house.on == {"massager"}
        await house.send("pause")
        await house.until(lambda: not house.on and house.reported_off, within_seconds=1)
        await house.elapse(60)
        await house.send("resume")
        await house.elapse(1)
        assert house.recorded.guide.technique == "roll"
        assert house.on == {"massager"}
        assert house.recorded.guide.seconds_left == pytest.approx(20, abs=2)


@pytest.mark.system
async def test_a_pause_in_the_last_second_of_a_step_ends_it_as_usual() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("stimulate", run_seconds=0)
        await house.until(lambda: (house.recorded.snapshot.step_seconds_left or 99) <= 1, within_seconds=61)
        await house.elapse(0.5)
        await house.send("pause")
        await house.elapse(5)
        await house.send("resume")
        await house.elapse(2)
        assert house.recorded.snapshot.step == "express"
        assert outcomes(house.recorded.snapshot)["stimulate"] == "done"


@pytest.mark.system
async def test_a_pump_that_does_not_stop_for_a_pause_is_not_told_as_paused() -> None:
    async with running_home() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        await house.send("pause")
        await house.elapse(5)
        assert "left-pump" in house.on
        assert house.recorded.guide.words == house.words.message("uncertain", device="left-pump")


@pytest.mark.system
async def test_a_pause_of_an_hour_ends_the_session() -> None:
    async with running_home(devices=["left-pump"], coarse=True) as house:
        await house.reach("stimulate")
        await house.send("pause")
        await house.elapse(2)
        await house.idle(3588)
        assert house.recorded.snapshot.state is SessionState.PAUSED
        snapshot = await house.finished(within_seconds=20)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason is EndReason.PAUSED_TOO_LONG
        starts = house.starts
        await house.send("resume")
        await house.elapse(60)
        assert house.starts == starts
        assert house.on == set()


@pytest.mark.system
async def test_after_an_hours_pause_the_words_no_longer_say_to_go_on() -> None:
    async with running_home(devices=["left-pump"], coarse=True) as house:
        await house.reach("rest")
        await house.send("pause")
        await house.idle(3601)
        await house.finished(within_seconds=10)
        assert house.recorded.guide.words != house.words.messages["paused"]


@pytest.mark.system
async def test_a_session_ends_after_65_minutes_pauses_and_all() -> None:
    async with running_home(devices=["left-pump"], coarse=True) as house:
        await house.reach("rest")
        for _ in range(2):
            await house.send("pause")
            await house.idle(1900)
            await house.send("resume")
            await house.elapse(5)
        assert house.station.running
        await house.send("pause")
        snapshot = await house.finished(within_seconds=120)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason is EndReason.TIME_OVER
        assert snapshot.reason_words == "a session ends after 65 min"
