"""`letdown devices test`: one device is tried, and only after a yes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.command_line import complaint
from tests.helpers.in_process import letdown


@pytest.mark.system
def test_one_device_is_tried(tmp_path: Path) -> None:
    done = letdown("devices", "test", "left-pump", "--virtual", "--yes", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    said = [next(line for line in lines if line.startswith(word)) for word in ("running:", "paused:", "resumed:")]
    assert [re.search(r"run state (\w+)", line)[1] for line in said] == ["running", "paused", "running"]
    assert "its setting can be changed while it runs" in lines
    assert lines[-1].startswith("stopped")


def test_nothing_is_tried_without_a_yes(tmp_path: Path) -> None:
    done = letdown("devices", "test", "left-pump", "--virtual", cwd=tmp_path)  # with nobody to answer
    assert done.returncode == 1
    assert "Nobody may be attached" in done.stdout
    assert "running" not in done.stdout


@pytest.mark.system
def test_the_question_can_be_left(start: Any) -> None:
    trial = start("devices", "test", "left-pump", "--virtual", stdin=subprocess.PIPE)
    trial.until("(pump): run state stopped")
    time.sleep(0.5)  # the question has no line end by which it could be awaited
    trial.process.send_signal(signal.SIGINT)
    assert trial.process.wait(3) == 130
    assert "run state running" not in trial.process.stdout.read()


def test_a_device_that_is_not_configured(tmp_path: Path) -> None:
    said = complaint(letdown("devices", "test", "nope", "--virtual", "--yes", cwd=tmp_path), 2)
    assert "there are left-pump, right-pump, warm-pad, massager" in said


def test_nothing_is_tried_while_a_service_may_be_using_it(tmp_path: Path) -> None:
    device = "{name: pump, profile: open-pump, side: left, advertised_name: Pump}"
    lines = f"store: {{path: letdown.db}}\nstations: {{home: {{devices: [{device}]}}}}\n"
    (tmp_path / "mine.yaml").write_text(lines, encoding="utf-8")
    from controller.journal.store_files import lock_store

    lock = lock_store(tmp_path / "letdown.db")
    try:
        done = letdown("devices", "test", "pump", "--yes", "--config", "mine.yaml", cwd=tmp_path)
    finally:
        lock.release()
    assert "a service is running and may use pump: stop it first" in complaint(done, 2)


@pytest.mark.system
def test_what_is_asked_for_beside_its_commands_is_tried_and_printed_as_json(tmp_path: Path) -> None:
    done = letdown(
        *("devices", "test", "left-pump", "--virtual", "--yes", "--json"),
        *("--repeated-stop", "--link-loss", "--own-timer", "1"),
        cwd=tmp_path,
    )
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert (result["device"], result["passed"]) == ("left-pump", True)
    lines = {step["kind"]: step["profile_line"] for step in result["steps"]}
    assert lines["link_loss"] == "on_link_loss: stops"
    assert "not_tried" in lines  # its timer is sent with each start
    assert [step["kind"] for step in result["steps"]].count("stopped_again") == 2
    assert "Keep left-pump off your body" in done.stderr


@pytest.mark.parametrize("minutes", ["0", "61", "x"])
def test_the_time_for_its_own_timer_is_bounded(minutes: str, tmp_path: Path) -> None:
    done = letdown("devices", "test", "left-pump", "--virtual", "--yes", "--own-timer", minutes, cwd=tmp_path)
    assert done.returncode == 2
    assert "--own-timer" in done.stderr
