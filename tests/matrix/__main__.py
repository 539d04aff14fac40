"""Run every cell of the fault matrix, show the table, and write it to `docs/fault-matrix.md`; fail if any cell does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.matrix.table import DOCUMENT, Found, document, show

ROOT = Path(__file__).parents[2]
WIDTH = 130  # of the table: a narrower terminal wraps it


class Collector:
    """Gathers what each cell came to, from whichever process ran it."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], Found] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one report."""
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "cell":
                    assert isinstance(value, list)  # as `checked_cell` recorded it
                    fault, moment, off_seconds = value
                    self.results[fault, moment] = Found(report.outcome, off_seconds)


def main() -> int:
    """Run the matrix. Return pytest's exit code."""
    collector = Collector()
    tests = str(Path(__file__).with_name("test_every_cell.py"))
    options = ["-q", "-n", str(os.cpu_count() or 1), "-m", "matrix", "--rootdir", str(ROOT)]
    code = pytest.main([*options, tests], plugins=[collector])
    console = Console()
    show(collector.results, Console(width=max(console.width, WIDTH)))
    if code == 0:
        DOCUMENT.write_text(document(collector.results), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
