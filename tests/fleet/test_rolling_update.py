"""Twenty controllers are updated one after the other, and no session ends otherwise than it would have.

LETDOWN_TEST_CONTROLLERS=4 .venv/bin/python -m pytest -q -s -m fleet tests/fleet/test_rolling_update.py
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.network import may_isolate
from tests.helpers.command_line import ROOT

pytestmark = pytest.mark.fleet

CONTROLLERS = int(os.environ.get("LETDOWN_TEST_CONTROLLERS", "20"))
STATIONS = math.ceil(0.6 * CONTROLLERS)  # more would keep two cores busy with suction alone


def test_a_fleet_is_updated_controller_by_controller_without_losing_a_session(tmp_path: Path) -> None:
    if not may_isolate():
        if "CI" in os.environ:
            pytest.fail("a fleet is tested in a network of its own, which only root may make")
        pytest.skip("needs root, for a network of its own")
    folder = tmp_path / "records"
    arguments = ("--controllers", str(CONTROLLERS), "--stations", str(STATIONS), "--folder", str(folder))
    command = (sys.executable, "-m", "tests.fleet.rolling_update", *arguments)
    subprocess.run(command, cwd=ROOT, check=False, timeout=300 + 60 * CONTROLLERS)
    found = json.loads((folder / "update.json").read_text(encoding="utf-8"))
    assert found["violations"] == []
    assert found["tracebacks"] == []
    assert list(found["session_ends"]) == ["completed/completed"]
    assert found["session_ends"]["completed/completed"] >= CONTROLLERS
    assert set(found["run_ends"]) == {"commanded"}  # no device was left to its lease, its link or its timer
    assert [each["node"] for each in found["updates"]] == [f"c{number + 1}" for number in range(CONTROLLERS)]
    assert {each["exit_code"] for each in found["updates"]} == {0}
    assert sum(each["waited_for_a_session"] for each in found["updates"]) >= CONTROLLERS / 4  # there was one to lose
