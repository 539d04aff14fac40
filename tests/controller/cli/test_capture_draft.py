"""`letdown capture draft`, as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from devices.capture.conversation import Capture, CapturedDevice
from tests.helpers.command_line import complaint
from tests.helpers.in_process import letdown
from tests.helpers.made_up_protocols import made_up, recorded


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A capture that any file stands for, and its labels."""
    device, labels = recorded(made_up(1))

    def read(_: Path, __: object = None) -> Capture:
        return Capture("btsnoop (H4)", _devices(device), len(device.messages), ("The end is cut off.",))

    monkeypatch.setattr("controller.cli.capture_show.read_capture", read)
    (tmp_path / "app.log").write_bytes(b"-")
    written = yaml.safe_dump(labels.model_dump(mode="json", exclude_none=True))
    (tmp_path / "labels.yaml").write_text(written, encoding="utf-8")
    return tmp_path


def _devices(device: CapturedDevice) -> tuple[CapturedDevice, ...]:
    watch = CapturedDevice("D0:01:02:03:04:05", "Watch", (), {})
    return watch, device


def draft(folder: Path, *more: str) -> Sequence[str]:
    return ("capture", "draft", str(folder / "app.log"), "--labels", str(folder / "labels.yaml"), *more)


@pytest.mark.system
def test_it_writes_a_profile_that_passes_its_check(files: Path) -> None:
    done = letdown(*draft(files), cwd=files, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    assert "! The end is cut off." in done.stdout
    assert "frame.checksum" in done.stdout
    assert "Written to made-pump.yaml" in done.stdout
    assert "letdown devices test" in done.stdout
    assert "F0:0D" not in done.stdout
    checked = letdown("profiles", "check", "made-pump.yaml", cwd=files)
    assert checked.returncode == 0, checked.stdout
    assert "passed" in checked.stdout


def test_it_never_overwrites_a_profile(files: Path) -> None:
    (files / "mine.yaml").write_text("id: mine", encoding="utf-8")
    done = letdown(*draft(files, "--out", "mine.yaml"), cwd=files)
    assert "mine.yaml is there already" in complaint(done, 2)
    assert (files / "mine.yaml").read_text(encoding="utf-8") == "id: mine"


def test_as_json_it_prints_everything_and_writes_nothing(files: Path) -> None:
    done = letdown(*draft(files, "--id", "moon", "--name", "Moon", "--json"), cwd=files)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["profile"]["id"], row["profile"]["name"], row["file"]) == ("moon", "Moon", None)
    assert row["evidence"]
    assert not list(files.glob("m*.yaml"))


def test_an_id_that_is_taken_is_refused(files: Path) -> None:
    done = letdown(*draft(files, "--id", "open-pump"), cwd=files)
    assert "comes with Letdown" in complaint(done, 2)


def test_nothing_to_draft_is_said(files: Path) -> None:
    done = letdown(*draft(files, "--device", "1"), cwd=files)
    assert done.returncode == 1
    assert "No draft. The app wrote nothing" in done.stdout
    missing = letdown(*draft(files, "--device", "3"), cwd=files)
    assert "has 2 devices" in complaint(missing, 2)
