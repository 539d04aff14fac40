"""Labels as a file: what is written is read again, in order, and what does not fit changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.capture.labels import LabeledAction, Labels, load_labels
from devices.capture.labels_file import action_of, labels_text, moment_near, new_labels, with_action, write_labels
from tests.helpers.yaml_texts import parse_yaml

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=timezone(timedelta(hours=1)))
ACTIONS = st.builds(
    LabeledAction,
    at_seconds=st.floats(0, 3600).map(lambda each: round(each, 3)),
    do=st.sampled_from(("start", "adjust", "stop", "see")),
    phase=st.none() | st.sampled_from(("stimulation", "expression")),
    level=st.none() | st.integers(0, 255),
    intensity=st.none() | st.sampled_from((0.0, 0.05, 0.333, 1.0)),
    celsius=st.none() | st.sampled_from((38, 40.5)),
)


@given(
    st.lists(ACTIONS, max_size=5, unique_by=lambda each: each.at_seconds),
    st.none() | st.text(min_size=1, max_size=20).filter(str.isprintable),
)
def test_what_is_written_is_read_again(actions: list[LabeledAction], app: str | None) -> None:
    labels = Labels(role="pump", began=BEGAN, actions=tuple(actions), app=app)
    read = parse_yaml(labels_text(labels), Labels)
    assert read.actions == tuple(sorted(actions, key=lambda each: each.at_seconds))
    assert (read.role, read.began, read.app) == (labels.role, labels.began, labels.app)


def test_a_label_is_added_by_its_time_of_day(tmp_path: Path) -> None:
    file = tmp_path / "labels.yaml"
    labels = new_labels("pump", BEGAN)
    labels = with_action(labels, moment_near(BEGAN, time(14, 1, 30)), "adjust", {"level": 3, "phase": None})
    labels = with_action(labels, moment_near(BEGAN, time(14, 0, 5)), "start", {"level": 1})
    write_labels(file, labels)
    assert file.read_text(encoding="utf-8").splitlines()[2:] == [
        "actions:",
        "  - {at_seconds: 5, do: start, level: 1}",
        "  - {at_seconds: 90, do: adjust, level: 3}",
    ]
    assert load_labels(file).began.utcoffset() == timedelta(hours=1)
    assert list(tmp_path.iterdir()) == [file]


def test_a_label_before_the_beginning_moves_the_beginning_and_no_other_label() -> None:
    labels = with_action(new_labels("pump", BEGAN), BEGAN + timedelta(seconds=10), "stop", {})
    earlier = with_action(labels, BEGAN - timedelta(seconds=20), "start", {})
    assert [earlier.time_of(each) - BEGAN.timestamp() for each in earlier.actions] == [-20, 10]
    assert earlier.began == BEGAN - timedelta(seconds=20)


@pytest.mark.parametrize(
    ("at", "days"), [(time(23, 59), 0), (time(0, 1), 1), (time(2, 1), 1), (time(12, 0), 0), (time(11, 0), 0)]
)
def test_a_time_of_day_is_the_nearest_one(at: time, days: int) -> None:
    began = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
    assert moment_near(began, at).date() == began.date() + timedelta(days=days)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"level: .*less than or equal to 255 \(found 300\)"):
        action_of(1, "adjust", {"level": 300})
    with pytest.raises(ValueError, match=r"did you mean adjust"):
        action_of(1, "ajust", {})
    with pytest.raises(ValueError, match=r"at_seconds: .*86400"):
        action_of(1e6, "stop", {})


def test_a_folder_that_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_labels(tmp_path / "none" / "labels.yaml", new_labels("pump", BEGAN))
