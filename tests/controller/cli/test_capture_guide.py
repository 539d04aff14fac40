"""`letdown capture guide`, from the first question to the file of labels, with keys and time of a test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.cli.guided_recording import RecordingView
from devices.capture.labels import load_labels
from tests.helpers.guided_owner import BEGAN, GuidedOwner, prompt

ANDROID, DONE, PUMP, NO_APP, BEGIN = "1", "", "1", "", ""
YES, NO = "y", "n"
SMALL_PUMP = ["3", NO, NO, NO, YES, NO]  # levels; phases, pause, sides, battery, mmHg


def answers(*controls: str, app: str = NO_APP) -> list[str]:
    return [ANDROID, DONE, PUMP, *controls, app, BEGIN]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels.yaml"


@pytest.mark.system
def test_a_whole_recording(file: Path) -> None:
    owner = GuidedOwner(answers(*SMALL_PUMP, app="Moon app 3.2"))
    labels = owner.record(file)
    assert (labels.role, labels.app, labels.began) == ("pump", "Moon app 3.2", BEGAN)
    deeds = [(each.do, each.level, each.battery_percent) for each in labels.actions]
    assert deeds == [
        ("connect", None, None),
        ("see", None, 85),
        ("start", 1, None),
        *[("adjust", level, None) for level in (2, 3, 2, 1)],
        ("stop", None, None),
        ("start", 2, None),
        ("stop", None, None),
        ("disconnect", None, None),
        ("connect", None, None),
        ("start", 1, None),
        ("stop", None, None),
        ("see", None, 85),
    ]
    times = [each.at_seconds for each in labels.actions if each.do != "see"]
    assert times[0] == 4  # three seconds of quiet, and Enter two seconds after the beep
    assert all(later - earlier > 6 for earlier, later in itertools.pairwise(times))


@pytest.mark.system
def test_it_is_said_first_that_the_device_is_kept_off_the_body_and_how_the_log_is_switched_on(file: Path) -> None:
    owner = GuidedOwner(answers(*SMALL_PUMP))
    owner.record(file)
    said = owner.said
    assert said.index("Keep the device off your body") < said.index("Which phone")
    assert "Bluetooth HCI snoop log" in said
    assert "bluetooth_btsnoop_default_mode full" in said
    assert said.index("Switch Bluetooth off and on again") < said.index("What does the app offer?")
    assert said.index("adb bugreport report.zip") > said.index("Done. Actions in")
    assert f"letdown capture draft FILE --labels {file.parent}"[:30] in said


@pytest.mark.system
def test_an_iphone_and_german(file: Path) -> None:
    owner = GuidedOwner(["2", "", PUMP, *SMALL_PUMP, "", ""], language="de")
    owner.record(file)
    assert "PacketLogger" in owner.said
    assert "JETZT" in owner.said
    assert "Stell Stufe 3 ein" in owner.said


@pytest.mark.system
def test_a_missing_button_is_skipped_and_a_late_step_has_the_time_just_before_enter(file: Path) -> None:
    def hand(view: RecordingView) -> Sequence[tuple[float, str]]:
        if view.state == "now" and view.step.do == "adjust":
            return [(5, "s")]
        if view.state == "now" and view.step.do == "start":
            return [(30, "\n")]
        return prompt(view)

    owner = GuidedOwner(answers(*SMALL_PUMP), hand)
    labels = owner.record(file)
    assert {each.do for each in labels.actions} == {"connect", "see", "start", "stop", "disconnect"}
    seen, start = labels.actions[1:3]
    assert start.at_seconds > seen.at_seconds + 12 + 30 - 1


@pytest.mark.system
def test_a_step_is_repeated_and_its_first_label_dropped(file: Path) -> None:
    repeated = False

    def hand(view: RecordingView) -> Sequence[tuple[float, str]]:
        nonlocal repeated
        if view.step.fills.get("setting") == 3 and view.state == "wait" and not repeated:
            repeated = True
            return [(1, "b")]
        return prompt(view)

    labels = GuidedOwner(answers(*SMALL_PUMP), hand).record(file)
    assert repeated
    assert [each.level for each in labels.actions if each.do == "adjust"] == [2, 3, 2, 1]


@pytest.mark.system
def test_a_number_that_does_not_fit_is_asked_for_again(file: Path) -> None:
    wrong = False

    def hand(view: RecordingView) -> Sequence[tuple[float, str]]:
        nonlocal wrong
        if view.state == "type" and not wrong:
            wrong = True
            return [(1, "1"), (2, "9"), (3, "x"), (4, "0"), (5, "\x7f"), (6, "9"), (7, "\n")]
        return prompt(view)

    owner = GuidedOwner(answers(*SMALL_PUMP), hand)
    labels = owner.record(file)
    assert "199 does not fit here" in owner.said
    assert [each.battery_percent for each in labels.actions if each.do == "see"] == [85, 85]


@pytest.mark.system
def test_answers_that_do_not_fit_are_asked_for_again(file: Path) -> None:
    warmer = ["1", "", YES, "45 35", "warm", "35 45", YES, "10, 20 30", "", ""]
    owner = GuidedOwner(warmer)
    labels = owner.record(file, "warmer")
    assert owner.said.count("Please enter two whole numbers") == 2
    assert max(each.celsius or 0 for each in labels.actions) == 45
    assert [each.duration_minutes for each in labels.actions if each.duration_minutes] == [10, 20, 30]


def test_what_was_recorded_stays_when_it_is_interrupted(file: Path) -> None:
    def hand(view: RecordingView) -> Sequence[tuple[float, str]]:
        if view.number == 6:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return prompt(view)

    owner = GuidedOwner(answers(*SMALL_PUMP), hand)
    with pytest.raises(asyncio.CancelledError):
        owner.record(file)
    assert len(load_labels(file).actions) == 5
    assert "Ended early. What was recorded stays" in owner.said


@pytest.mark.system
def test_a_countdown_runs_down_and_the_bell_sounds(file: Path) -> None:
    owner = GuidedOwner(answers(*SMALL_PUMP))
    owner.record(file)
    first = [view.seconds_left for view in owner.views if view.number == 1 and view.state == "wait"]
    assert first == [3, 2, 1]
    assert "Touch nothing for 3 s" in owner.said
    assert {view.total for view in owner.views} == {15}
