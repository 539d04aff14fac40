"""The error of a file that cannot be used: every problem with its line, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MOST_SHOWN = 50


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, and what would fit. `line` is 0 where there is none to name."""

    line: int
    key: str
    message: str


class FileError(Exception):
    """A file that cannot be used. `str()` gives one line a problem, and at most 50."""

    def __init__(self, file: Path | str, problems: Sequence[Problem]) -> None:
        self.file = str(file)
        self.problems = tuple(problems)
        lines = [f"{self._place(p)}: {p.key}{': ' if p.key else ''}{p.message}" for p in problems[:_MOST_SHOWN]]
        if (more := len(problems) - _MOST_SHOWN) > 0:
            lines.append(f"{self.file}: and {more} more problems")
        super().__init__("\n".join(lines))

    def _place(self, problem: Problem) -> str:
        return f"{self.file}:{problem.line}" if problem.line else self.file
