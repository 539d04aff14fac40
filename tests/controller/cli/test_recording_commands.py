"""`capture label`, `capture contribute`, `capture show --html` and what `capture guide` says without a terminal."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from controller.cli.contribute_questions import contribute
from controller.cli.setup_terminal import SetupTerminal
from controller.contract.words import load_words
from devices.capture.contribution import Story
from devices.capture.labels import load_labels
from devices.support.shipped import SHIPPED
from tests.helpers.command_line import ROOT, complaint
from tests.helpers.in_process import letdown
from tests.helpers.scripted_setup_dialogue import Answers

SHARED = ROOT / "tests/devices/captures/open-pump"
PROFILE = SHIPPED / "profiles/open-pump.yaml"
FIXTURE = ("capture.log", "--labels", "labels.yaml", "--profile", str(PROFILE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SHARED / "extract.btsnoop", tmp_path / "capture.log")
    shutil.copy(SHARED / "labels.yaml", tmp_path / "labels.yaml")
    return tmp_path


# capture guide


def test_the_guide_needs_a_terminal_and_says_what_to_do_without(tmp_path: Path) -> None:
    said = complaint(letdown("capture", "guide", cwd=tmp_path), 2)
    assert "the guide needs a terminal with a keyboard" in said
    assert "letdown capture label" in said


# capture label


def test_labels_are_added_by_their_time(tmp_path: Path) -> None:
    first = ("--at", "2026-11-30T14:02:05+01:00", "--do", "start", "--level", "1", "--role", "pump")
    assert letdown("capture", "label", "l.yaml", *first, cwd=tmp_path).stdout == "l.yaml: 1 label\n"
    for at, level in (("14:02:20", "2"), ("+30", "3")):
        done = letdown("capture", "label", "l.yaml", "--at", at, "--do", "adjust", "--level", level, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    seen = ("--at", "14:02:00", "--do", "see", "--value", "volume_ml=35")
    letdown("capture", "label", "l.yaml", *seen, cwd=tmp_path)
    found = [
        (each.at_seconds, each.do, each.level, each.volume_ml) for each in load_labels(tmp_path / "l.yaml").actions
    ]
    assert found == [(0, "see", None, 35), (5, "start", 1, None), (20, "adjust", 2, None), (35, "adjust", 3, None)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "14:02", "--do", "stop"), "l.yaml is not there; to begin it, say with --role"),
        (("--at", "noon", "--do", "stop", "--role", "pump"), "--at noon: is not a time; it is written as 14:03:20"),
        (("--at", "14:02", "--do", "ajust", "--role", "pump"), "did you mean adjust"),
        (("--at", "14:02", "--do", "stop", "--role", "pump", "--level", "999"), "less than or equal to 255"),
        (("--at", "14:02", "--do", "stop", "--role", "pump", "--value", "milk"), "is written as NAME=VALUE"),
        (("--at", "14:02", "--do", "stop", "--role", "pump", "--value", "levle=1"), "did you mean level"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    assert said in complaint(letdown("capture", "label", "l.yaml", *arguments, cwd=tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


# capture show --html


@pytest.mark.system
def test_a_page_with_the_frames_is_written(folder: Path) -> None:
    labels = ("--labels", "labels.yaml")
    done = letdown("capture", "show", "capture.log", "--html", "frames.html", *labels, cwd=folder)
    assert done.returncode == 0, done.stderr
    page = (folder / "frames.html").read_text(encoding="utf-8")
    assert "adjust: phase stimulation, vacuum mmhg 60" in page
    assert "--ground" in page
    assert "<script" not in page


def test_labels_without_a_page_are_refused(folder: Path) -> None:
    said = complaint(letdown("capture", "show", "capture.log", "--labels", "labels.yaml", cwd=folder), 2)
    assert "go with --html" in said


# capture contribute


def test_a_folder_is_made_without_questions(folder: Path) -> None:
    done = letdown("capture", "contribute", *FIXTURE, "--yes", "--by", "Somebody", cwd=folder)
    assert done.returncode == 0, done.stderr
    made = folder / "contribution/tests/devices/captures/open-pump"
    assert (made / "decoded.yaml").read_bytes() == (SHARED / "decoded.yaml").read_bytes()
    assert "By: Somebody" in (made / "PROVENANCE.md").read_text(encoding="utf-8")
    assert (folder / "contribution/config/profiles/open-pump.yaml").read_bytes() == PROFILE.read_bytes()
    again = complaint(letdown("capture", "contribute", *FIXTURE, "--yes", cwd=folder), 2)
    assert "contribution is there already: name another folder with --out" in again


def test_a_text_to_hide_is_not_too_short(folder: Path) -> None:
    said = complaint(letdown("capture", "contribute", *FIXTURE, "--yes", "--hide", "A1", cwd=folder), 2)
    assert "--hide takes texts of 4 characters and more" in said


@pytest.mark.parametrize(("answers", "code"), [(("", "", "y", "y"), 0), (("", "", "n"), 1), (("", "", "y", "n"), 1)])
def test_what_will_be_shared_is_shown_and_written_only_after_a_yes(
    answers: tuple[str, ...], code: int, folder: Path
) -> None:
    words, said = load_words("en"), io.StringIO()
    terminal = SetupTerminal({**words.setup, **words.capture}, Answers(answers), Console(file=said, width=100))
    out = folder / "out"
    done = asyncio.run(
        contribute(
            folder / "capture.log",
            folder / "labels.yaml",
            PROFILE,
            out,
            None,
            None,
            Story(),
            words,
            yes=False,
            terminal=terminal,
        )
    )
    assert done == code
    assert out.exists() is (code == 0)
    assert "tests/devices/captures/open-pump/extract.btsnoop" in said.getvalue()
    assert "9 commands and 351 reports" in " ".join(said.getvalue().split())
