"""What holds for every test."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers import quick_bumble, quick_catalog, quick_typer
from tests.helpers.air_losses import add_losses
from tests.helpers.body_controls import add_controls
from tests.helpers.body_faults import add_faults
from tests.helpers.sampling import QUICK, THOROUGH
from tests.helpers.twin_records import add_records

# On a shared disk one sync may take long, and a test of something else would find that its disk does not answer.
_IN_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 2 * 1024**3
if _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(_IN_MEMORY)

# A virtual home without pauses keeps the interpreter busy, and gives it up for moments only: too short for a thread to
# take it, and too often for one to insist, which it does after this interval. A store would seem not to answer.
sys.setswitchinterval(0.0002)

add_controls()
add_faults()
add_records()
add_losses()

# How fast a machine is, says nothing about the code. Every run tries other examples. `--hypothesis-profile` selects.
for name, count in (("quick", QUICK), ("thorough", THOROUGH)):
    settings.register_profile(name, max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("quick")

gc.disable()  # until all tests are collected: nothing of them is garbage

_numbers = itertools.count()


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through all tests, and libraries from doing again what nobody needs."""
    quick_bumble.speed_up()
    quick_catalog.speed_up()
    quick_typer.speed_up()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def state_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of this process keep what they say nothing of."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def a_state_folder_of_its_own(state_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a service that names no store away from the person's own, and from that of the test before.

    The folder is made by what needs it: to make and remove a thousand that stay empty takes seconds.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(state_folders / str(next(_numbers))))
    monkeypatch.setenv("LETDOWN_WEB__ENABLED", "false")  # tests of the web page turn it on
