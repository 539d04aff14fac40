"""What is cut does not pass, in the direction that was cut, and passes again afterwards. In a network of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.fleet.network import isolated, may_isolate, network
from tests.helpers.command_line import ROOT

pytestmark = pytest.mark.fleet


def test_a_cut_drops_one_direction_or_both() -> None:
    if not may_isolate():
        if "CI" in os.environ:
            pytest.fail("needs a network of its own, which only root may make")
        pytest.skip("needs root, for a network of its own")
    done = subprocess.run(
        isolated((sys.executable, "-m", "tests.fleet.network_check")),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "joined": [True, True],
        "out": [False, True],
        "another": [True, True],
        "both": [False, False],
        "in": [True, False],
        "again": [True, True],
    }


def test_the_network_of_the_machine_is_never_changed() -> None:
    with pytest.raises(RuntimeError, match="in a namespace of its own"), network():
        pass
