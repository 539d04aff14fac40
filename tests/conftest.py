"""What holds for every test."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def a_state_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a service that names no store away from the person's own, and from that of the test before."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
