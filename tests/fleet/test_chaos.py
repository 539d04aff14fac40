"""A fleet through two hundred random faults: one owner at a time, nothing runs beyond its lease, no event is lost.

    LETDOWN_TEST_SEED=7 LETDOWN_TEST_FAULTS=20 .venv/bin/python -m pytest -q -s -m fleet tests/fleet

hits it with the first of the same faults once more, as far as many processes can do the same twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fleet.network import may_isolate
from tests.helpers.command_line import ROOT

pytestmark = pytest.mark.fleet

FAULTS = int(os.environ.get("LETDOWN_TEST_FAULTS", "200"))


def test_a_fleet_has_one_owner_and_loses_nothing_through_random_faults(tmp_path: Path) -> None:
    if not may_isolate():
        if "CI" in os.environ:
            pytest.fail("a fleet is tested in a network of its own, which only root may make")
        pytest.skip("needs root, for a network of its own")
    folder = tmp_path / "records"
    command = (sys.executable, "-m", "tests.fleet", "--faults", str(FAULTS), "--folder", str(folder))
    subprocess.run(command, cwd=ROOT, check=False, timeout=300 + 4 * FAULTS)
    found = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    assert found["violations"] == [], json.dumps(found["moments"], indent=1)
    assert found["crashes"] == []
    assert found["tracebacks"] == []
    assert sum(found["faults"].values()) == FAULTS
    assert found["sessions"] > FAULTS / 10  # so that there was something to break
    if FAULTS >= 50:
        assert found["taken_over"] > 0
