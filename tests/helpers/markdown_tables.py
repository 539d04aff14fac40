"""Tables and sections of the Markdown documents, for tests that compare them with the code."""

from __future__ import annotations

import itertools


def table(text: str, *first: str) -> list[list[str]]:
    """Return the rows of the first table whose header begins with `first`."""
    lines = iter(text.splitlines())
    for line in lines:
        if _cells(line)[: len(first)] == list(first):
            next(lines)
            return [_cells(row) for row in itertools.takewhile(lambda row: row.startswith("|"), lines)]
    raise AssertionError(f"there is no table with {first}")


def section(text: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level."""
    level = heading.split(maxsplit=1)[0]
    return text.split(f"\n{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
