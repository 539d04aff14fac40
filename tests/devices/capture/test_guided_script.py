"""The script of a guided recording: every step by itself, enough points for a scale, and quiet of unequal length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.capture.guided_script import AppControls, duration_minutes, levels_to_visit, script_for

PUMP = AppControls("pump", 9, phases=True, pauses=True, shown=("battery_percent", "vacuum_mmhg"))
CONTROLS = st.builds(
    AppControls,
    role=st.sampled_from(("pump", "warmer", "massager")),
    levels=st.integers(0, 255),
    celsius=st.none() | st.tuples(st.integers(20, 40), st.integers(40, 60)),
    phases=st.booleans(),
    pauses=st.booleans(),
    two_sides=st.booleans(),
    shown=st.sampled_from(((), ("battery_percent",), ("battery_percent", "vacuum_mmhg"))),
    minutes=st.sampled_from(((), (10, 20, 30, 40, 50, 60))),
)


def test_a_pump_goes_through_levels_phases_a_pause_and_a_second_connection() -> None:
    script = script_for(PUMP)
    deeds = [step.do for step in script if step.do != "see"]
    assert (deeds[0], deeds[1], deeds[-1]) == ("connect", "start", "stop")
    assert deeds.count("start") == deeds.count("stop") == 3
    assert deeds.index("pause") + 1 == deeds.index("resume")
    assert deeds.index("disconnect") + 1 == len(deeds) - deeds[::-1].index("connect") - 1
    stimulation = [step.values["level"] for step in script if step.values.get("phase") == "stimulation" and step.fills]
    assert set(range(1, 10)) <= set(stimulation)
    assert len({step.values.get("level") for step in script if step.values.get("phase") == "expression"}) >= 4
    assert 4 <= duration_minutes(script) <= 8


def test_what_the_app_shows_is_read_off_at_three_levels_at_least_and_the_battery_while_nothing_runs() -> None:
    script, running, at = script_for(PUMP), False, []
    for step in script:
        running = {"start": True, "stop": False}.get(step.do, running)
        if step.asks == "battery_percent":
            assert not running
        elif step.asks == "vacuum_mmhg":
            assert running
            at.append(step)
    assert len(at) >= 3


def test_a_massager_is_labelled_with_its_strength_and_a_compress_with_its_degrees() -> None:
    massager = script_for(AppControls("massager", 4))
    assert {step.values["intensity"] for step in massager if step.values} == {0.25, 0.5, 0.75, 1}
    warmer = script_for(AppControls("warmer", celsius=(35, 45), minutes=(10, 20)))
    celsius = [step.values["celsius"] for step in warmer if "celsius" in step.values]
    assert (min(celsius), max(celsius)) == (35, 45)  # type: ignore[type-var]
    assert [step.values["duration_minutes"] for step in warmer if step.text == "minutes"] == [10, 20]


def test_of_many_levels_the_lowest_and_some_up_to_the_highest_are_visited() -> None:
    assert levels_to_visit(3) == (1, 2, 3)
    assert levels_to_visit(0) == ()
    many = levels_to_visit(100)
    assert many[:4] == (1, 2, 3, 4)
    assert many[-1] == 100
    assert len(many) == 10


def test_each_side_is_set_alone() -> None:
    sides = [step for step in script_for(AppControls("pump", 5, two_sides=True)) if "side" in step.values]
    assert {step.values["side"] for step in sides} == {"left", "right"}
    assert {step.text for step in sides} == {"adjust_level_left", "adjust_level_right"}


@given(CONTROLS)
def test_whatever_the_app_offers_all_that_is_started_is_stopped_and_each_action_is_set_apart(
    controls: AppControls,
) -> None:
    script = script_for(controls)
    running = False
    for step in script:
        assert step.do != "start" or not running
        assert step.do not in ("adjust", "pause", "stop") or running
        running = {"start": True, "stop": False}.get(step.do, running)
        assert step.do in ("connect", "see") or step.quiet_seconds >= 5
    assert not running
    assert len(script) < 60
    gaps = [step.quiet_seconds for step in script if step.do != "see"]
    assert len(set(gaps)) > 3


@pytest.mark.parametrize("wrong", [{"levels": 256}, {"levels": -1}, {"celsius": (45, 35)}, {"celsius": (0, 101)}])
def test_what_no_app_offers_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"there are 0 to 255 levels|the temperatures are"):
        AppControls("warmer", **wrong)  # type: ignore[arg-type]
