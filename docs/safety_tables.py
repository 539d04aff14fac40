"""What docs/safety.md says, read from its tables: hazards, and the measures and tests against each."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = Path(__file__).with_name("safety.md")
_TEST = re.compile(r"`(tests/[^`]+::[^`]+)`")


@dataclass(frozen=True)
class Hazard:
    """A row of the hazards."""

    id: str
    words: str
    causes: str


@dataclass(frozen=True)
class Row:
    """A limit, a budget, a trip, or what software cannot do: its words, the hazards it concerns, and its tests."""

    words: str
    against: tuple[str, ...]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Promise(Row):
    """A promise, which names places in the code, too."""

    code: str = ""

    def __str__(self) -> str:
        return self.words[:40]

    @property
    def title(self) -> str:
        """Its first sentence."""
        return re.split(r"(?<=[.])\s", self.words.replace("**", ""), maxsplit=1)[0].rstrip(".")


@dataclass(frozen=True)
class Safety:
    """All of it."""

    hazards: tuple[Hazard, ...]
    limits: tuple[Row, ...]
    budgets: tuple[Row, ...]
    trips: tuple[Row, ...]
    promises: tuple[Promise, ...]
    remaining: tuple[Row, ...]

    @property
    def measures(self) -> tuple[Row, ...]:
        """Everything that is against a hazard."""
        return (*self.limits, *self.budgets, *self.trips, *self.promises)


def read_safety(text: str | None = None) -> Safety:
    """Read the page, or a text of its form."""
    text = text if text is not None else _PAGE.read_text(encoding="utf-8")
    limits, budgets, trips = (_section(text, name) for name in ("Hard limits", "Budgets of a body", "Trips"))
    of_limits, of_budgets = tuple(_TEST.findall(limits)), tuple(_TEST.findall(budgets))
    return Safety(
        hazards=tuple(Hazard(*row) for row in _table(_section(text, "Hazards"), "id")),
        limits=tuple(Row(f"{row[0]}: {row[1]}", _ids(row[4]), of_limits) for row in _table(limits, "what")),
        budgets=tuple(
            Row(f"{row[0]}: {row[1]} in any {row[2]}", _ids(row[4]), of_budgets) for row in _table(budgets, "energy")
        ),
        trips=tuple(Row(row[0], _ids(row[2]), tuple(_TEST.findall(row[3]))) for row in _table(trips, "trip")),
        promises=tuple(_promises(_section(text, "Promises"))),
        remaining=tuple(
            Row(row[0].split("**")[1].rstrip("."), _ids(row[3]))
            for row in _table(_section(text, "What software cannot do"), "what")
        ),
    )


def _promises(section: str) -> Iterator[Promise]:
    """Read the list: a line of words, one of hazards, one of code, one of tests."""
    lines = [line for line in section.splitlines() if re.match(r" *- ", line)]
    for words, against, code, tests in zip(lines[::4], lines[1::4], lines[2::4], lines[3::4], strict=True):
        for line, start in ((words, "- "), (against, "  - against: "), (code, "  - code: "), (tests, "  - tests: ")):
            if not line.startswith(start):
                raise ValueError(f"expected {start!r} at the beginning of {line!r}")
        tested = tuple(re.findall(r"`([^`]+)`", tests))
        yield Promise(words[2:], _ids(against.partition(":")[2]), tested, code.removeprefix("  - code: "))


def _ids(cell: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in cell.split(","))


def _section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def _table(section: str, first: str) -> list[list[str]]:
    """Return the rows of the first table of which the header begins with this."""
    lines = iter(section.splitlines())
    for line in lines:
        if _cells(line)[:1] == [first]:
            next(lines)
            return [_cells(row) for row in itertools.takewhile(lambda row: row.startswith("|"), lines)]
    raise ValueError(f"there is no table that begins with {first!r}")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
