"""What a whole session with a virtual parent comes to: its states, events, times, and what was on in which step."""

from __future__ import annotations

import pytest

from controller.events import EventType, SessionState, Snapshot
from controller.routine import load_routines
from devices.roles import Phase, Side
from tests.controller.session.past import outcomes, past, plain, run_through, step_of

pytestmark = pytest.mark.xdist_group("past")  # so that each session is run once


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
    began_seconds = next(seconds for seconds, item in told.items if isinstance(item, Snapshot) and item.phase)
    assert let_down.data["by"] == told.snapshot.let_down_by == "device"
    assert let_down.data["seconds"] == pytest.approx(told.at(let_down) - began_seconds, abs=0.1)
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
    with_countdowns = sum(step.seconds for step in steps if step.name in ("stimulate", "express"))
    assert 2200 < with_countdowns - 5 * 30 <= 2400  # five times the flange is put on


def test_one_seed_gives_the_same_session_to_the_last_drop_and_another_seed_another() -> None:
    first, second, other = (run_through("milk", Side.BOTH, seed=seed) for seed in (5, 5, 6))
    assert first.snapshot.volume_ml == second.snapshot.volume_ml
    assert [plain(event) for event in first.told.events()] == [plain(event) for event in second.told.events()]
    assert [seconds for seconds, _ in first.told.items] == [seconds for seconds, _ in second.told.items]
    assert first.snapshot.volume_ml != other.snapshot.volume_ml
    assert (first.snapshot.volume_ml.total or 0) > 0
