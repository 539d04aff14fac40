"""Whole sessions with a virtual parent: states, events, times, and which devices are on in which step."""

from __future__ import annotations

import pytest

from controller.contract.events import EventType, SessionState, Snapshot
from controller.session.routine import load_routines
from devices.roles import Phase, Side
from tests.helpers.past_checks import outcomes, past, plain, run_through, step_of
from tests.helpers.sampling import sampled

every_side = pytest.mark.parametrize("side", ["both", "left", "right"])


@pytest.mark.system
@every_side
def test_classic_goes_through_its_states_in_order(side: str) -> None:
    recorded = past("classic", Side(side)).recorded
    assert recorded.states == [
        SessionState.IDLE,
        SessionState.CHECKING,
        SessionState.RUNNING,
        SessionState.STOPPING,
        SessionState.COMPLETED,
    ]
    assert all(snapshot.side == side for snapshot in recorded.snapshots if snapshot.session_id)


@pytest.mark.system
@every_side
def test_classic_publishes_its_events_in_order(side: str) -> None:
    events = past("classic", Side(side)).recorded.events()
    recorded = [
        (event.type.value, getattr(event.data, "step", None)) for event in events if event.type is not EventType.LIMITED
    ]
    assert recorded == [
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


@pytest.mark.system
@every_side
def test_classic_takes_the_planned_time(side: str) -> None:
    massage_seconds = 240 if side == "both" else 120
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
    assert snapshot.progress is None  # no session is under way
    assert snapshot.step is None
    assert snapshot.target_vacuum_mmhg is None


@pytest.mark.system
@every_side
def test_massage_has_a_part_for_each_technique_and_side(side: str) -> None:
    sides = ["left", "right"] if side == "both" else [side]
    massage = past("classic", Side(side)).snapshot.steps[2]
    assert [(part.name, part.side, part.outcome) for part in massage.parts] == [
        (technique, each, "done") for each in sides for technique in ("spiral", "palm-sweep", "roll", "roll-around")
    ]
    assert all(part.seconds == pytest.approx(30, abs=0.5) for part in massage.parts)


@pytest.mark.system
@every_side
def test_in_each_step_of_classic_only_its_own_devices_are_on(side: str) -> None:
    pumps = {"left-pump", "right-pump"} if side == "both" else {f"{side}-pump"}
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


@pytest.mark.system
def test_the_final_event_contains_the_measurements() -> None:
    recorded = past("classic", Side.BOTH).recorded
    (finished,) = recorded.events(EventType.SESSION_FINISHED)
    assert finished.data.outcome == "completed"
    assert finished.data.routine == "classic"
    assert finished.data.volume_ml.left > 10
    assert finished.data.volume_ml.right > 10
    assert finished.data.let_down_seconds == recorded.snapshot.let_down_seconds
    assert 39 < finished.data.warmest_celsius < 42
    assert 120 < finished.data.peak_vacuum_mmhg < 180
    assert recorded.guide.words.startswith("All done")
    assert (recorded.guide.title, recorded.guide.step) == ("Finished", None)  # not the title of the last step
    assert recorded.snapshot.highest_target_mmhg == 150
    assert not any(step.by_hand for step in recorded.snapshot.steps)  # a device took part in each, massage too


@pytest.mark.system
def test_the_let_down_is_published_with_the_seconds_since_suction_began() -> None:
    recorded = past("classic", Side.BOTH).recorded
    (let_down,) = recorded.events(EventType.LET_DOWN)
    began_seconds = next(seconds for seconds, item in recorded.items if isinstance(item, Snapshot) and item.phase)
    assert let_down.data.by == recorded.snapshot.let_down_by == "device"
    assert let_down.data.seconds == pytest.approx(recorded.at(let_down) - began_seconds, abs=0.1)
    assert let_down.data.seconds == recorded.snapshot.let_down_seconds


@pytest.mark.system
def test_expression_starts_at_100_and_rises_to_the_comfort_cap_in_steps() -> None:
    recorded = past("classic", Side.BOTH).recorded
    aims = [s.target_vacuum_mmhg for s in recorded.snapshots if s.phase is Phase.EXPRESSION]
    assert list(dict.fromkeys(aims)) == [100, 120, 140, 150]


@pytest.mark.system
@pytest.mark.parametrize(
    "routine", sampled(load_routines(), keep=lambda routine: routine in ("duct-vibration", "first-days"))
)
def test_every_shipped_routine_completes_on_virtual_devices(routine: str) -> None:
    run = past(routine, Side.BOTH if routine == "classic" else Side.LEFT)  # one pump is half the work
    assert run.snapshot.state is SessionState.COMPLETED
    assert all(step.outcome in ("done", "let_down", "dry") for step in run.snapshot.steps)
    assert run.still_on == set()
    assert not run.recorded.events(EventType.TRIP, EventType.UNCERTAIN)


@pytest.mark.system
def test_the_rests_of_power_pumping_have_no_suction_and_the_rest_is_forty_minutes() -> None:
    run = past("power-pumping", Side.LEFT)
    assert run.on["rest"] == set()
    assert run.on["express"] == {"left-pump"}
    steps = run.snapshot.steps
    assert sum(step.seconds for step in steps if step.name == "rest") == pytest.approx(1200, abs=2)
    with_countdowns = sum(step.seconds for step in steps if step.name in ("stimulate", "express"))
    assert 2200 < with_countdowns - 5 * 30 <= 2400  # five times the flange is put on


@pytest.mark.system
def test_the_same_seed_repeats_a_session_exactly_and_another_seed_does_not() -> None:
    first, second, other = (run_through("milk", Side.BOTH, seed=seed) for seed in (5, 5, 6))
    assert first.snapshot.volume_ml == second.snapshot.volume_ml
    assert [plain(event) for event in first.recorded.events()] == [plain(event) for event in second.recorded.events()]
    assert [seconds for seconds, _ in first.recorded.items] == [seconds for seconds, _ in second.recorded.items]
    assert first.snapshot.volume_ml != other.snapshot.volume_ml
    assert (first.snapshot.volume_ml.total or 0) > 0
