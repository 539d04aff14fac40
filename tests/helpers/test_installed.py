"""What the system tests do where a program with a Python of its own is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import installed
from tests.helpers.command_line import ROOT

PINNED = "tests/clients/requirements.txt"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "letdown-tests/clients"
    folder.mkdir(parents=True)
    return folder


def test_a_program_is_used_where_all_is_there_that_its_file_lists(environment: Path) -> None:
    (environment / "installed.txt").write_bytes((ROOT / PINNED).read_bytes())
    assert installed.program("clients", PINNED, "python") == environment / "bin/python"


@pytest.mark.parametrize("there", [None, b"tikal==1.0.0\n"], ids=["nothing", "older"])
def test_where_it_is_missing_or_older_the_tests_fail_and_name_what_installs_it(
    environment: Path, there: bytes | None
) -> None:
    if there is not None:
        (environment / "installed.txt").write_bytes(there)
    with pytest.raises(RuntimeError, match="make test-system"):
        installed.program("clients", PINNED, "python")
