"""The shape of the code: which room may know which, and how long a file may get."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.test_cli import ROOT

MODULES = [*sorted((ROOT / "controller").rglob("*.py")), *sorted((ROOT / "devices").rglob("*.py"))]
MOST_LINES = 400


def test_every_arrow_between_the_rooms_points_as_it_may() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_every_module_says_what_it_is_for() -> None:
    assert MODULES
    assert [name(file) for file in MODULES if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))] == []


def test_every_module_can_be_read_in_one_go() -> None:
    lines = {name(file): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    assert {file: count for file, count in lines.items() if count > MOST_LINES} == {}


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
