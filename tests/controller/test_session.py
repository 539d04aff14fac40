"""Whole sessions on virtual devices: what happens in which order, and that stop, pain and faults end everything."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest

from controller.events import Event, EventType, SessionState, Snapshot, Stream, Volume
from controller.guard import Guard
from controller.memory import ShortMemory
from controller.routine import load_routines
from controller.safety import OwnerLimits
from controller.session import Session
from devices.clock import ScaledClock
from devices.roles import Capability, DeviceLimits, Phase, PumpReading, PumpSetting, RunState, Side
from devices.virtual.home import DeviceKey
from tests.controller.household import ALL, COMFORTABLE, PUMPS, STEPS, House, Told, household, routines, words

WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
QUESTIONS = ("lump", "redness", "fever", "broken_skin", "numb", "surgery")
# What is on in each step, with an owner who turned vibration on.
ON: dict[str, set[str]] = {
    "check": set(),
    "warm": {"warm-pad"},
    "massage": {"massager"},
    "stimulate": set(PUMPS),
    "express": set(PUMPS),
    "rest": set(),
    "prompt": set(),
}


@dataclass(frozen=True)
class Past:
    """A session that is over: what was told, what was on in which step, and how often each device was started."""

    told: Told
    on: dict[str, set[str]]
    starts: dict[str, int]
    still_on: set[str]

    @property
    def snapshot(self) -> Snapshot:
        return self.told.snapshot


def run_through(routine: str, side: Side, *, seed: int = 2, devices: tuple[DeviceKey, ...] = ALL) -> Past:
    """Run a whole session with a virtual parent."""

    async def run() -> Past:
        async with household(owner=WILLING, devices=devices, parent=True, seed=seed, coarse=True) as house:
            on: dict[str, set[str]] = {}

            def look(item: object) -> None:
                if (
                    isinstance(item, Snapshot)
                    and item.step is not None
                    and item.steps[item.step_index or 0].seconds > 1
                ):
                    on.setdefault(item.step, set()).update(house.on)

            house.stream.subscribe(look)
            await house.start(routine, side, no_symptoms=False)
            await house.finished()
            await house.elapse(1)
            starts = {key: house.commanded(key, "start", "set_target", "run") for key in ALL}
            return Past(house.told, on, starts, house.on)

    return asyncio.run(run())


@functools.cache
def past(routine: str, side: Side) -> Past:
    """Run a whole session once for all tests that look at it. An hour's pumping has only its pump: that is quicker."""
    return run_through(routine, side, devices=("left-pump",) if routine == "power-pumping" else ALL)


def plain(event: Event) -> tuple[str, object]:
    return event.type.value, event.data


def outcomes(snapshot: Snapshot) -> dict[str, str | None]:
    return {step.name: step.outcome for step in snapshot.steps}


def step_of(snapshot: Snapshot, name: str) -> float:
    return next(step.seconds for step in snapshot.steps if step.name == name)


# A classic session


@pytest.mark.parametrize(
    "side",
    ["both", *(pytest.param(side, marks=pytest.mark.system) for side in ("left", "right"))],  # they take their time
)
def test_classic_goes_through_its_states_in_order(side: str) -> None:
    told = past("classic", Side(side)).told
    assert told.states == [
        SessionState.IDLE,
        SessionState.CHECKING,
        SessionState.RUNNING,
        SessionState.STOPPING,
        SessionState.COMPLETED,
    ]
    assert all(snapshot.side == side for snapshot in told.snapshots if snapshot.session_id)


@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_classic_tells_its_events_in_order(side: str) -> None:
    events = past("classic", Side(side)).told.events()
    told = [(event.type.value, event.data.get("step")) for event in events if event.type is not EventType.LIMITED]
    assert told == [
        ("session_started", None),
        ("step_started", "check"),
        ("step_finished", "check"),
        ("step_started", "warm"),
        ("step_finished", "warm"),
        ("step_started", "massage"),
        ("step_finished", "massage"),
        ("step_started", "stimulate"),
        ("let_down", None),
        ("step_finished", "stimulate"),
        ("step_started", "express"),
        ("step_finished", "express"),
        ("session_finished", None),
    ]
    assert len({event.id for event in events}) == len(events)
    assert len({event.session_id for event in events}) == 1


@pytest.mark.parametrize(("side", "massage_seconds"), [("both", 240), ("left", 120), ("right", 120)])
def test_classic_takes_the_time_that_it_plans(side: str, massage_seconds: float) -> None:
    snapshot = past("classic", Side(side)).snapshot
    assert outcomes(snapshot) == {
        "check": "done",
        "warm": "done",
        "massage": "done",
        "stimulate": "let_down",
        "express": "done",
    }
    assert step_of(snapshot, "warm") == pytest.approx(300, abs=1)
    assert step_of(snapshot, "massage") == pytest.approx(massage_seconds, abs=1)
    assert step_of(snapshot, "stimulate") < 120
    assert step_of(snapshot, "express") == pytest.approx(900, abs=1.5)
    planned = {step.name: step.planned_seconds for step in snapshot.steps}
    assert planned == {"check": None, "warm": 300, "massage": massage_seconds, "stimulate": 120, "express": 900}
    assert snapshot.progress == 1
    assert snapshot.step is None
    assert snapshot.target_vacuum_mmhg is None


@pytest.mark.parametrize(("side", "sides"), [("both", ["left", "right"]), ("left", ["left"]), ("right", ["right"])])
def test_massage_has_a_part_for_each_technique_and_side(side: str, sides: list[str]) -> None:
    massage = past("classic", Side(side)).snapshot.steps[2]
    assert [(part.name, part.side, part.outcome) for part in massage.parts] == [
        (technique, each, "done") for each in sides for technique in ("spiral", "palm-sweep", "roll", "roll-around")
    ]
    assert all(part.seconds == pytest.approx(30, abs=0.5) for part in massage.parts)


@pytest.mark.parametrize(
    ("side", "pumps"), [("both", {"left-pump", "right-pump"}), ("left", {"left-pump"}), ("right", {"right-pump"})]
)
def test_in_each_step_of_classic_only_its_own_devices_are_on(side: str, pumps: set[str]) -> None:
    run = past("classic", Side(side))
    assert run.on == {
        "check": set(),
        "warm": {"warm-pad"},
        "massage": {"massager"},
        "stimulate": pumps,
        "express": pumps,
    }
    assert run.still_on == set()
    assert run.starts["left-pump"] == (2 if "left-pump" in pumps else 0)
    assert run.starts["right-pump"] == (2 if "right-pump" in pumps else 0)


def test_the_end_carries_what_the_session_came_to() -> None:
    told = past("classic", Side.BOTH).told
    (finished,) = told.events(EventType.SESSION_FINISHED)
    assert finished.data["outcome"] == "completed"
    assert finished.data["routine"] == "classic"
    assert finished.data["volume_ml"]["left"] > 10
    assert finished.data["volume_ml"]["right"] > 10
    assert finished.data["let_down_seconds"] == told.snapshot.let_down_seconds
    assert 39 < finished.data["warmest_celsius"] < 42
    assert 120 < finished.data["peak_vacuum_mmhg"] < 180
    assert told.guide.words.startswith("All done")


def test_the_let_down_by_a_device_is_told_with_the_seconds_since_the_pump_began() -> None:
    told = past("classic", Side.BOTH).told
    (let_down,) = told.events(EventType.LET_DOWN)
    began = next(event for event in told.events(EventType.STEP_STARTED) if event.data["step"] == "stimulate")
    assert let_down.data["by"] == told.snapshot.let_down_by == "device"
    assert let_down.data["seconds"] == pytest.approx(told.at(let_down) - told.at(began), abs=0.1)
    assert let_down.data["seconds"] == told.snapshot.let_down_seconds


def test_expression_begins_at_100_and_climbs_to_the_comfort_cap_step_by_step() -> None:
    told = past("classic", Side.BOTH).told
    aims = [s.target_vacuum_mmhg for s in told.snapshots if s.phase is Phase.EXPRESSION]
    assert list(dict.fromkeys(aims)) == [100, 120, 140, 150]


@pytest.mark.parametrize("routine", load_routines())
def test_every_shipped_routine_completes_on_virtual_devices(routine: str) -> None:
    run = past(routine, Side.BOTH if routine == "classic" else Side.LEFT)  # one pump is half the work
    assert run.snapshot.state is SessionState.COMPLETED
    assert all(step.outcome in ("done", "let_down", "dry") for step in run.snapshot.steps)
    assert run.still_on == set()
    assert not run.told.events(EventType.TRIP, EventType.UNCERTAIN)


def test_the_rests_of_power_pumping_have_no_suction_and_the_rest_is_forty_minutes() -> None:
    run = past("power-pumping", Side.LEFT)
    assert run.on["rest"] == set()
    assert run.on["express"] == {"left-pump"}
    steps = run.snapshot.steps
    assert sum(step.seconds for step in steps if step.name == "rest") == pytest.approx(1200, abs=2)
    assert 2200 < sum(step.seconds for step in steps if step.name in ("stimulate", "express")) <= 2400


def test_one_seed_gives_the_same_session_to_the_last_drop_and_another_seed_another() -> None:
    first, second, other = (run_through("milk", Side.BOTH, seed=seed) for seed in (5, 5, 6))
    assert first.snapshot.volume_ml == second.snapshot.volume_ml
    assert [plain(event) for event in first.told.events()] == [plain(event) for event in second.told.events()]
    assert [seconds for seconds, _ in first.told.items] == [seconds for seconds, _ in second.told.items]
    assert first.snapshot.volume_ml != other.snapshot.volume_ml
    assert (first.snapshot.volume_ml.total or 0) > 0


# The questions


async def test_every_question_is_asked_in_turn_and_then_the_session_begins() -> None:
    async with household() as house:
        await house.start(no_symptoms=False)
        for question in QUESTIONS:
            await house.elapse(1)
            assert house.told.snapshot.state is SessionState.CHECKING
            assert house.told.guide.question == question
            assert house.told.guide.words == house.words.questions[question].ask
            await house.send("answer", question=question, value=False)
        await house.elapse(1)
        assert house.told.snapshot.step == "warm"


async def test_the_questions_are_asked_once_a_day() -> None:
    async with household() as house:
        await house.start("milk", no_symptoms=False)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        await house.send("stop")
        await house.finished()
        await house.start("milk", no_symptoms=False)
        await house.elapse(1)
        assert house.told.snapshot.step == "stimulate"


async def test_the_questions_cannot_be_skipped() -> None:
    async with household() as house:
        await house.start(no_symptoms=False)
        for _ in range(10):
            await house.send("skip")
            await house.elapse(1)
        assert house.told.snapshot.state is SessionState.CHECKING
        assert house.told.guide.question == "lump"
        assert house.starts == 0


@pytest.mark.parametrize("answered", [0, 3])
async def test_questions_that_stay_open_for_ten_minutes_end_it_with_nothing_ever_on(answered: int) -> None:
    async with household(coarse=True) as house:
        await house.start(no_symptoms=False)
        for question in QUESTIONS[:answered]:
            await house.send("answer", question=question, value=False)
        await house.idle(595)
        assert house.station.running
        snapshot = await house.finished(within_seconds=10)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "nobody answered the questions"
        assert house.told.guide.words == house.words.messages["nobody_answered"]
        assert house.starts == 0


async def test_a_pause_does_not_lead_past_open_questions() -> None:
    async with household(coarse=True) as house:
        await house.start(no_symptoms=False)
        await house.idle(599.5)
        await house.send("pause")
        await house.elapse(1)
        await house.send("resume")
        await house.elapse(5)
        assert house.told.snapshot.step in (None, "check")
        assert house.starts == 0


@pytest.mark.parametrize("question", QUESTIONS)
async def test_any_yes_means_no_heat_no_massage_no_vibration_and_a_low_vacuum(question: str) -> None:
    async with household(owner=WILLING) as house:
        house.give_no_milk()
        await house.start(no_symptoms=False)
        await house.send("answer", question=question, value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        assert house.told.snapshot.state is SessionState.CHECKING
        assert house.told.guide.words == house.words.questions[question].if_yes
        await house.send("skip")
        await house.elapse(1)
        assert house.told.snapshot.step == "stimulate"
        await house.send("skip")
        await house.elapse(40)
        assert house.told.snapshot.step == "express"
        assert house.told.snapshot.target_vacuum_mmhg == 100
        assert house.on == set(PUMPS)
        reply = await house.send("vacuum_up")
        assert reply.outcome == "limited"
        assert "today's symptoms" in " ".join(reply.reasons)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 100
        assert outcomes(house.told.snapshot) | {"rest": None} == {
            "check": "done",
            "warm": "not_today",
            "massage": "not_today",
            "stimulate": "skipped",
            "express": None,
            "rest": None,
            "prompt": None,
        }
        assert house.commanded("warm-pad", "set_target") == house.commanded("massager", "run") == 0


async def test_the_advice_of_every_yes_is_said() -> None:
    async with household() as house:
        await house.start(no_symptoms=False)
        for question in ("lump", "fever"):
            await house.send("answer", question=question, value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(1)
        words = house.told.guide.words
        assert house.words.questions["lump"].if_yes in words
        assert house.words.questions["fever"].if_yes in words
        assert "Please contact a midwife or doctor now." in words


async def test_advice_goes_on_by_itself_after_a_minute() -> None:
    async with household() as house:
        await house.start("milk", no_symptoms=False)
        await house.send("answer", question="lump", value=True)
        await house.send("answer", question="all", value=False)
        await house.elapse(59)
        assert house.told.snapshot.step == "check"
        await house.elapse(2)
        assert house.told.snapshot.step == "stimulate"


# The let-down


async def test_flow_tells_the_let_down_where_no_device_does() -> None:
    async with household() as house:
        for key in PUMPS:
            house.change_values(key, let_down=False)
        await house.start("milk")
        event = await house.told.event(EventType.LET_DOWN, within_seconds=120)
        assert event.data["by"] == "flow"
        await house.elapse(1)
        assert outcomes(house.told.snapshot)["stimulate"] == "let_down"
        assert house.told.snapshot.let_down_by == "flow"
        assert house.told.snapshot.let_down_seconds == event.data["seconds"]


async def test_a_tap_tells_the_let_down_and_ends_the_stimulation_at_once() -> None:
    async with household() as house:
        house.give_no_milk()
        await house.start("milk")
        await house.elapse(20)
        began = next(event for event in house.told.events(EventType.STEP_STARTED) if event.data["step"] == "stimulate")
        assert (await house.send("let_down")).outcome == "accepted"
        await house.elapse(0.5)
        snapshot = house.told.snapshot
        assert snapshot.let_down_by == "tap"
        assert snapshot.let_down_seconds == pytest.approx(house.clock.now() - 0.5 - house.told.at(began), abs=0.2)
        assert snapshot.step == "express"
        await house.send("let_down")
        assert len(house.told.events(EventType.LET_DOWN)) == 1


async def test_without_let_down_the_stimulation_ends_when_its_time_is_over() -> None:
    async with household() as house:
        house.give_no_milk()
        await house.start("milk")
        await house.until(lambda: house.told.snapshot.step == "express", within_seconds=125)
        assert outcomes(house.told.snapshot)["stimulate"] == "done"
        assert step_of(house.told.snapshot, "stimulate") == pytest.approx(120, abs=0.5)
        assert house.told.snapshot.let_down_seconds is None


# Going on


@pytest.mark.parametrize("step", [step for step in STEPS if step != "check"])
async def test_a_skip_goes_on_at_once(step: str) -> None:
    async with household(owner=WILLING) as house:
        house.give_no_milk()
        await house.reach(step)
        assert house.on == ON[step]
        for _ in range(4 if step == "massage" else 1):  # one technique at a time
            await house.send("skip")
            await house.elapse(0.2)
        await house.until(lambda: house.told.snapshot.step != step, within_seconds=2)  # pumps must let go first
        await house.elapse(0.2)
        snapshot = house.told.snapshot
        assert outcomes(snapshot)[step] == ("done" if step == "prompt" else "skipped")
        following = STEPS[STEPS.index(step) + 1] if step != STEPS[-1] else None
        assert snapshot.step == following
        assert house.on == ON.get(following or "", set())


async def test_a_skipped_technique_is_told_as_a_part() -> None:
    async with household() as house:
        await house.reach("massage")
        await house.send("skip")
        await house.elapse(3)
        assert [(part.name, part.side, part.outcome) for part in house.told.snapshot.steps[2].parts] == [
            ("spiral", "left", "skipped")
        ]
        assert house.told.guide.technique == "roll"
        assert house.told.guide.picture == "roll"


async def test_dry_breasts_end_the_expression_after_three_minutes() -> None:
    async with household(coarse=True) as house:
        house.give_no_milk()
        await house.reach("express", run_seconds=170)
        await house.until(lambda: house.told.snapshot.step == "rest", within_seconds=15)
        assert outcomes(house.told.snapshot)["express"] == "dry"
        assert step_of(house.told.snapshot, "express") == pytest.approx(180, abs=2)
        assert house.on == set()


async def test_where_nobody_measures_flow_nothing_is_ever_dry() -> None:
    async with household(coarse=True) as house:
        for key in PUMPS:
            house.change_values(key, let_down=False, flow_ml_per_s=None)
        await house.reach("express", run_seconds=290)
        await house.until(lambda: house.told.snapshot.step == "rest", within_seconds=15)
        assert outcomes(house.told.snapshot)["express"] == "done"


# Pause


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("check", "massage")])
async def test_a_pause_leaves_nothing_on_and_goes_on_with_the_time_that_was_left(step: str) -> None:
    async with household(owner=WILLING) as house:
        house.give_no_milk()
        await house.reach(step, run_seconds=10)
        left = house.told.snapshot.step_seconds_left or 0.0
        assert left > 10
        await house.send("pause")
        await house.elapse(0.2)
        await house.until(lambda: not house.on and house.reported_off, within_seconds=0.8)
        await house.until(lambda: house.told.snapshot.state is SessionState.PAUSED, within_seconds=2)
        assert house.told.guide.words == house.words.messages["paused"]
        starts = house.starts
        await house.elapse(100)
        assert house.on == set()
        assert house.starts == starts
        await house.send("resume")
        await house.elapse(0.2)
        assert house.told.snapshot.state is SessionState.RUNNING
        assert house.told.snapshot.step == step
        assert house.on == ON[step]
        assert house.told.snapshot.step_seconds_left == pytest.approx(left, abs=2)
        kinds = [event.type for event in house.told.events(EventType.PAUSED, EventType.RESUMED)]
        assert kinds == [EventType.PAUSED, EventType.RESUMED]


async def test_a_pause_in_the_massage_comes_back_to_the_same_technique() -> None:
    async with household(owner=WILLING) as house:
        await house.reach("massage", run_seconds=0)
        await house.send("skip")
        await house.elapse(10)
        assert house.on == {"massager"}
        await house.send("pause")
        await house.until(lambda: not house.on and house.reported_off, within_seconds=1)
        await house.elapse(60)
        await house.send("resume")
        await house.elapse(1)
        assert house.told.guide.technique == "roll"
        assert house.on == {"massager"}
        assert house.told.guide.seconds_left == pytest.approx(20, abs=2)


async def test_a_pause_in_the_last_second_of_a_step_ends_it_as_usual() -> None:
    async with household() as house:
        house.give_no_milk()
        await house.reach("stimulate", run_seconds=0)
        await house.until(lambda: (house.told.snapshot.step_seconds_left or 99) <= 1, within_seconds=61)
        await house.elapse(0.5)
        await house.send("pause")
        await house.elapse(5)
        await house.send("resume")
        await house.elapse(2)
        assert house.told.snapshot.step == "express"
        assert outcomes(house.told.snapshot)["stimulate"] == "done"


async def test_a_pump_that_does_not_stop_for_a_pause_is_not_told_as_paused() -> None:
    async with household() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        await house.send("pause")
        await house.elapse(5)
        assert "left-pump" in house.on
        assert house.told.guide.words == house.words.message("uncertain", device="left-pump")


async def test_a_pause_of_an_hour_ends_the_session() -> None:
    async with household(devices=["left-pump"], coarse=True) as house:
        await house.reach("stimulate")
        await house.send("pause")
        await house.elapse(2)
        await house.idle(3588)
        assert house.told.snapshot.state is SessionState.PAUSED
        snapshot = await house.finished(within_seconds=20)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "it was paused for an hour"
        starts = house.starts
        await house.send("resume")
        await house.elapse(60)
        assert house.starts == starts
        assert house.on == set()


async def test_after_an_hours_pause_the_words_no_longer_say_to_go_on() -> None:
    async with household(devices=["left-pump"], coarse=True) as house:
        await house.reach("rest")
        await house.send("pause")
        await house.idle(3601)
        await house.finished(within_seconds=10)
        assert house.told.guide.words != house.words.messages["paused"]


async def test_a_session_ends_after_65_minutes_pauses_and_all() -> None:
    async with household(devices=["left-pump"], coarse=True) as house:
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
        assert snapshot.reason == "a session ends after 65 minutes"


# Stop and pain


@pytest.mark.parametrize("where", [*STEPS, "paused", "advice"])
@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_stop_and_pain_switch_everything_off_within_a_second_and_for_good(action: str, where: str) -> None:
    async with household(owner=WILLING, coarse=True) as house:
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
        assert house.told.guide.words == house.words.messages["stopped" if action == "stop" else "pain"]
        assert len(house.told.events(EventType.PAIN)) == (action == "pain")
        (finished,) = house.told.events(EventType.SESSION_FINISHED)
        assert finished.data["outcome"] == "stopped"
        assert finished.data["reason"] == action
        starts = house.starts
        for late in ("resume", "skip", "let_down", "vacuum_up"):
            assert (await house.send(late)).outcome == "refused"
        await house.idle(600)
        assert house.on == set()
        assert house.starts == starts
        assert house.told.snapshot.state is SessionState.STOPPED


async def test_pain_again_and_again_is_never_refused() -> None:
    async with household() as house:
        await house.reach("express")
        for _ in range(3):
            replies = await asyncio.gather(*(house.send("pain") for _ in range(3)))
            assert {reply.outcome for reply in replies} == {"accepted"}
        assert house.on == set()
        assert len(house.told.events(EventType.PAIN)) == 1


@pytest.mark.parametrize("devices", [ALL, ()], ids=["with devices", "without any"])
async def test_a_stop_in_the_same_moment_as_the_start_stops(devices: tuple[DeviceKey, ...]) -> None:
    async with household(devices=devices) as house:
        replies = await asyncio.gather(house.send("start", routine="everything", no_symptoms=True), house.send("stop"))
        assert [reply.outcome for reply in replies] == ["accepted", "accepted"]
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.STOPPED
        assert house.on == set()


async def test_pain_is_noted_whenever_it_is_pressed() -> None:
    async with household() as house:
        await house.send("pain")
        assert len(house.told.events(EventType.PAIN)) == 1
        await house.reach("express")
        await house.send("stop")
        await house.send("pain")
        assert len(house.told.events(EventType.PAIN)) == 2


@pytest.mark.parametrize("reason", ["stop", "pain"])
async def test_a_session_that_is_stopped_before_it_began_never_begins(reason: str) -> None:
    async with household() as house:
        stopping = asyncio.create_task(house.station.stop(reason))  # its turn comes before the session's own
        house.station.start("classic", Side.BOTH, no_symptoms=True)
        await stopping
        await house.elapse(700)
        assert house.starts == 0
        assert house.told.snapshot.state is SessionState.STOPPED
        assert house.told.snapshot.reason == reason


async def test_nothing_begins_after_pain_while_a_device_is_slow_to_confirm() -> None:
    async with household(devices=["left-pump", "right-pump", "warm-pad"]) as house:
        await house.reach("massage", run_seconds=0)
        for _ in range(3):
            await house.send("skip")
            await house.elapse(0.2)
        await house.until(lambda: (house.told.snapshot.step_seconds_left or 99) <= 1, within_seconds=31)
        await house.elapse(0.5)
        assert house.told.snapshot.step == "massage"
        house.break_ears("warm-pad")  # it is off; only its answer does not come
        starts = house.starts
        await house.send("pain")
        await house.elapse(5)
        assert house.starts == starts


@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_nobody_is_told_that_a_device_stopped_by_itself_after_stop_or_pain(action: str) -> None:
    async with household() as house:
        await house.reach("express")
        began = house.clock.now()
        await house.send(action)
        await house.finished(within_seconds=2)
        said = [guide.words for guide in house.told.guides(since=began)]
        assert not [words for words in said if "by itself, or at its own button" in words]


async def test_a_device_that_ignores_its_stop_is_told_to_the_person_and_to_who_asked() -> None:
    async with household() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        reply = await house.send("pain")
        assert reply.outcome == "failed"
        assert reply.devices is not None
        assert reply.devices["left-pump"] == "uncertain"
        assert reply.devices["right-pump"] == "stopped"
        assert "left-pump" in reply.reasons[0]
        assert "take the flange off" in reply.reasons[0]
        snapshot = await house.finished(within_seconds=3)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "pain"
        assert {event.data["device"] for event in house.told.events(EventType.UNCERTAIN)} == {"left-pump"}
        assert house.told.guide.words == house.words.message("uncertain", device="left-pump")
        assert house.home.pumps[Side.RIGHT].duty.state == "stopped"
        await house.until(lambda: not house.on, within_seconds=12)  # its lease is not renewed any more


async def test_pain_does_not_say_that_all_is_off_when_a_running_pump_went_out_of_reach() -> None:
    async with household() as house:
        await house.reach("express")
        house.break_ears("left-pump")
        server = house.home.twins["left-pump"].server
        assert server is not None
        server.on_disconnection = None  # a pump that runs on without a link
        asyncio.get_running_loop().call_soon(house.lose_link, "left-pump")
        reply = await house.send("pain")
        assert "left-pump" in house.on
        await house.elapse(0.2)
        assert house.told.guide.words != house.words.messages["pain"]
        assert reply.outcome == "failed"


async def test_a_heater_that_does_not_confirm_its_end_is_not_forgotten_for_the_next_step() -> None:
    async with household() as house:
        await house.reach("warm")
        house.break_ears("warm-pad")
        await house.send("skip")
        await house.elapse(4)
        assert "warm-pad" in house.on
        assert house.told.guide.words == house.words.message("uncertain", device="warm-pad")


# Devices that end it


@pytest.mark.parametrize("step", ["stimulate", "express"])
async def test_a_pump_switched_off_at_its_button_ends_the_session_and_stops_the_other(step: str) -> None:
    async with household() as house:
        house.give_no_milk()
        await house.reach(step)
        house.press_button("left-pump")
        await house.until(lambda: not house.on, within_seconds=2)
        snapshot = await house.finished(within_seconds=2)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "left-pump was switched off at the device"
        assert snapshot.trip is None
        assert house.told.guide.words == house.words.message("device_ended", device="left-pump")
        assert house.pump("right-pump").reading.run_state is RunState.STOPPED
        starts = house.starts
        await house.elapse(60)
        assert house.starts == starts


async def test_a_heater_switched_off_at_its_button_ends_the_session() -> None:
    async with household() as house:
        await house.reach("warm")
        house.press_button("warm-pad")
        snapshot = await house.finished(within_seconds=3)
        assert snapshot.state is SessionState.STOPPED
        assert snapshot.reason == "warm-pad was switched off at the device"


@pytest.mark.parametrize("step", ["stimulate", "express"])
async def test_a_lost_link_of_one_pump_stops_both_and_trips(step: str) -> None:
    async with household() as house:
        house.give_no_milk()
        await house.reach(step)
        house.lose_link("left-pump")
        await house.until(lambda: not house.on, within_seconds=1)
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.state is SessionState.TRIPPED
        assert snapshot.reason == "left-pump: the Bluetooth link was lost"
        assert snapshot.trip is not None
        assert snapshot.trip.device == "left-pump"
        (trip,) = house.told.events(EventType.TRIP)
        assert trip.data["kind"] == "link_lost"
        assert "off your breast" in house.told.guide.words
        assert "left-pump" in house.told.guide.words
        await house.until(lambda: house.pump().connected, within_seconds=30)  # the link comes back ...
        await house.elapse(60)
        assert house.on == set()  # ... and nothing with it
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "refused"
        assert "acknowledge it first" in reply.reasons[0]
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert house.told.snapshot.trip is None
        await house.start("milk")
        await house.elapse(5)
        assert house.on == set(PUMPS)


async def test_a_lost_link_of_a_device_that_is_off_disturbs_nobody() -> None:
    async with household() as house:
        await house.reach("express")
        house.lose_link("warm-pad")
        await house.elapse(5)
        assert house.told.snapshot.state is SessionState.RUNNING
        assert house.on == set(PUMPS)


@pytest.mark.parametrize("key", ["left-pump", "right-pump"])
async def test_a_pump_that_does_not_start_fails_the_session_and_stops_the_other(key: DeviceKey) -> None:
    async with household() as house:
        house.break_ears(key, "start")
        await house.start("milk")
        snapshot = await house.finished(within_seconds=5)
        assert snapshot.state is SessionState.FAILED
        assert key in (snapshot.reason or "")
        assert house.on == set()
        assert house.reported_off


async def test_a_session_that_failed_does_not_go_on_saying_that_the_pump_begins() -> None:
    async with household() as house:
        house.break_ears("left-pump", "start")
        await house.start("milk")
        await house.finished(within_seconds=5)
        assert house.told.guide.words != house.words.steps["stimulate"].with_device


async def test_a_watcher_that_raises_harms_no_session() -> None:
    async with household() as house:

        def bad(_: object) -> None:
            raise ZeroDivisionError

        house.stream.subscribe(bad)
        await house.reach("stimulate")
        assert house.on == set(PUMPS)
        assert (await house.send("pain")).outcome == "accepted"
        assert house.on == set()


# With fewer devices


async def test_without_any_device_the_whole_routine_goes_by_hand() -> None:
    async with household(devices=(), parent=True) as house:
        await house.start("classic", no_symptoms=False)
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED
        assert {step.name: step.by_hand for step in snapshot.steps} == {
            "check": False,
            "warm": True,
            "massage": True,
            "stimulate": True,
            "express": True,
        }
        assert outcomes(snapshot) == dict.fromkeys(("check", "warm", "massage", "stimulate", "express"), "done")
        assert snapshot.volume_ml == Volume()
        assert snapshot.peak_vacuum_mmhg is None
        said = [guide.words for guide in house.told.guides()]
        for step in ("warm", "stimulate", "express"):
            assert house.words.steps[step].by_hand in said
            assert house.words.steps[step].with_device not in said


async def test_with_only_a_pump_warmth_and_massage_go_by_hand() -> None:
    async with household(devices=["left-pump"], owner=WILLING) as house:
        house.give_no_milk()
        await house.reach("warm")
        assert house.told.guide.words == house.words.steps["warm"].by_hand
        await house.skip_to("stimulate")
        await house.elapse(2)
        assert house.on == {"left-pump"}
        assert house.told.guide.words == house.words.steps["stimulate"].with_device
        by_hand = {step.name: step.by_hand for step in house.told.snapshot.steps}
        assert by_hand["warm"]
        assert not by_hand["stimulate"]
        assert house.commanded("right-pump", "start") == 0


class LevelPump:
    """A pump that knows levels only, of which nobody measured the vacuum."""

    role: Literal["pump"] = "pump"
    name = "level-pump"
    side = Side.BOTH
    capabilities = frozenset({Capability.START, Capability.LEVELS, Capability.REPORTS_STATE})
    limits = DeviceLimits(level=9)
    on_link_loss: Literal["stops"] = "stops"
    max_level: int | None = None
    connected = True
    age_seconds = 0.0

    def __init__(self) -> None:
        self.reading = PumpReading(run_state=RunState.STOPPED)
        self.told: list[PumpSetting] = []

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def renew(self, lease_seconds: float) -> None: ...

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        self.told.append(setting)
        self.reading = PumpReading(run_state=RunState.RUNNING, level=setting.level)

    async def adjust(self, setting: PumpSetting) -> None:
        self.told.append(setting)

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def stop(self) -> None:
        self.reading = PumpReading(run_state=RunState.STOPPED)


async def test_a_pump_with_levels_only_takes_part_in_a_whole_session() -> None:
    clock, stream, pump = ScaledClock(math.inf), Stream(), LevelPump()
    told = Told(clock, stream)
    session = Session(
        station="home",
        routine=routines()["milk"],
        side=Side.BOTH,
        clock=clock,
        guard=Guard(clock, COMFORTABLE, [pump], ShortMemory()),
        devices=[pump],
        words=words(),
        answers=dict.fromkeys(QUESTIONS, False),
        stream=stream,
    )
    await session.run()
    assert [setting.level for setting in pump.told] == [1, 1]
    assert pump.reading.run_state is RunState.STOPPED
    assert told.snapshot.state is SessionState.COMPLETED
    assert {snapshot.target_vacuum_mmhg for snapshot in told.snapshots} == {None}


# The vacuum


def aim(house: House) -> float:
    left, right = (house.home.pumps[side].suction.target_mmhg for side in (Side.LEFT, Side.RIGHT))
    assert left == right == house.told.snapshot.target_vacuum_mmhg
    return left


async def test_the_person_lowers_at_once_and_nothing_climbs_again() -> None:
    async with household() as house:
        await house.reach("express", run_seconds=15)
        assert aim(house) == 120
        reply = await house.send("vacuum_down")
        assert reply.outcome == "accepted"
        assert aim(house) == 100
        await house.elapse(60)
        assert aim(house) == 100
        await house.send("set_vacuum", mmhg=40)
        assert aim(house) == 40


async def test_raising_meets_the_pace_and_the_comfort_cap_and_says_so() -> None:
    async with household() as house:
        await house.reach("express", run_seconds=0)
        await house.send("set_vacuum", mmhg=90)
        await house.elapse(11)
        assert (await house.send("vacuum_up")).outcome == "accepted"
        assert aim(house) == 110
        reply = await house.send("vacuum_up")
        assert reply.outcome == "limited"
        assert reply.reasons == ("110 mmHg: one step of 20 in 10 s",)
        assert aim(house) == 110
        await house.elapse(10)
        reply = await house.send("set_vacuum", mmhg=250)
        assert reply.outcome == "limited"
        assert reply.reasons == ("130 mmHg: one step of 20 in 10 s", "130 mmHg: your comfort cap")
        await house.elapse(10)
        await house.send("vacuum_up")
        assert aim(house) == 150
        await house.elapse(10)
        reply = await house.send("vacuum_up")
        assert reply.reasons == ("150 mmHg: your comfort cap",)
        assert aim(house) == 150
        limited = [event for event in house.told.events(EventType.LIMITED) if event.data["quantity"] == "vacuum_mmhg"]
        assert [reason["who"] for reason in limited[-1].data["reasons"]] == ["owner"]
        assert "your comfort cap" in limited[-1].data["words"]
        assert [limit.quantity for limit in house.told.snapshot.limits] == ["vacuum_mmhg"]


async def test_until_there_is_a_comfort_cap_expression_stays_at_100() -> None:
    async with household(owner=OwnerLimits()) as house:
        await house.reach("express", run_seconds=45)
        assert aim(house) == 100


async def test_a_vacuum_that_the_person_chose_holds_after_a_pause() -> None:
    async with household() as house:
        await house.reach("express")
        await house.send("set_vacuum", mmhg=70)
        await house.send("pause")
        await house.elapse(5)
        await house.send("resume")
        await house.elapse(30)
        assert aim(house) == 70


async def test_a_lowering_that_the_pump_does_not_answer_is_not_followed_by_a_raise() -> None:
    async with household() as house:
        await house.reach("express", run_seconds=15)
        assert aim(house) == 120
        codec = house.home.twins["left-pump"]._codec
        hears = codec.decode_command
        house.break_ears("left-pump", "adjust")
        await house.send("vacuum_down")
        codec.decode_command = hears  # type: ignore[method-assign]
        await house.elapse(30)
        assert not house.station.running or house.home.pumps[Side.RIGHT].suction.target_mmhg <= 100


# Words


async def test_the_words_are_in_the_persons_language() -> None:
    async with household(language="de") as house:
        await house.reach("stimulate")
        assert house.told.guide.title == "Bis Milch fließt"
        assert house.told.guide.words == house.words.steps["stimulate"].with_device
        assert [step.title for step in house.told.snapshot.steps][:3] == ["Wie geht's dir?", "Wärme", "Massage"]
        await house.send("pain")
        await house.finished(within_seconds=2)
        assert house.told.guide.words.startswith("Alles ist aus.")


async def test_a_trip_is_told_in_the_persons_language() -> None:
    async with household(language="de") as house:
        await house.reach("stimulate")
        house.home.pumps[Side.LEFT].duty.fault = "leak"
        await house.finished(within_seconds=4)
        assert house.told.snapshot.state is SessionState.TRIPPED
        assert house.told.guide.words.startswith("Zur Sicherheit gestoppt. left-pump: ")
        assert "the device reports" not in house.told.guide.words
