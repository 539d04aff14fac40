"""Every fault in every place of a session: the same must hold in each cell. All of it: `make fault-matrix`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.matrix.cell import run
from tests.matrix.fault import Fault, GoesOn
from tests.matrix.faults import FAULTS
from tests.matrix.invariants import INVARIANTS
from tests.matrix.places import EVERYWHERE, PLACES, Place
from tests.matrix.table import DOCUMENT, FAIL, Found, document, text_of

Cells = list[tuple[Fault, Place]]
RecordProperty = Callable[[str, object], None]

ALL: Cells = [(fault, place) for fault in FAULTS for place in PLACES]


def sample() -> Cells:
    """Return each fault once, in a place that it concerns, another from fault to fault: so each place is there, too."""
    concerned = [(fault, [place for place in PLACES if place.name in fault.concerns]) for fault in FAULTS]
    return [(fault, places[at % len(places)]) for at, (fault, places) in enumerate(concerned)]


def parameters(cells: Iterable[tuple[Fault, Place]]) -> list[Any]:
    return [
        pytest.param(
            fault,
            place,
            id=f"{fault.name}, in {place.name}",
            marks=[pytest.mark.xfail(strict=True, reason=fault.known[place.name])] if place.name in fault.known else [],
        )
        for fault, place in cells
    ]


async def check(fault: Fault, place: Place, record_property: RecordProperty) -> None:
    cell = await run(fault, place)
    record_property("cell", [fault.name, place.name, cell.off_seconds])
    for invariant in INVARIANTS:
        invariant(cell)


@pytest.mark.matrix
@pytest.mark.parametrize(("fault", "place"), parameters(ALL))
async def test_cell(fault: Fault, place: Place, record_property: RecordProperty) -> None:
    await check(fault, place, record_property)


@pytest.mark.parametrize(("fault", "place"), parameters(sample()))
async def test_cell_of_the_sample(fault: Fault, place: Place, record_property: RecordProperty) -> None:
    await check(fault, place, record_property)


# The table


def test_every_fault_has_a_name_of_its_own_and_concerns_places_that_there_are() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.concerns
        assert EVERYWHERE >= fault.concerns >= fault.elsewhere.keys() | fault.known.keys(), fault.name


def test_the_sample_has_every_place() -> None:
    assert {place.name for _, place in sample()} == EVERYWHERE


def rows(text: str, *first: str) -> list[list[str]]:
    """Return the rows of all tables whose header begins with `first`."""
    found: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        inside = bool(cells) and (inside or cells[: len(first)] == list(first))
        if inside and cells[: len(first)] != list(first) and not set(cells[0]) <= {"-", ":"}:
            found.append(cells)
    return found


def test_the_document_is_of_these_faults_and_places() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    table = rows(text, "fault", *(place.name for place in PLACES))
    assert [row[0] for row in table] == [fault.name for fault in FAULTS]
    assert rows(text, "place") == [[f"`{place.name}`", place.what] for place in PLACES]
    assert rows(text, "fault", "what happens") == [[fault.name, fault.what] for fault in FAULTS]
    assert re.findall(r"^- (.*), in `(\w+)`: ", text, re.MULTILINE) == [
        (fault.name, place) for fault in FAULTS for place in fault.known
    ]


def test_the_document_shows_in_each_cell_what_must_come_of_it() -> None:
    seconds = r"\d+\.\d"
    table = rows(DOCUMENT.read_text(encoding="utf-8"), "fault", *(place.name for place in PLACES))
    for fault, row in zip(FAULTS, table, strict=True):
        for place, shown in zip(PLACES, row[1:], strict=True):
            ends = place.name not in fault.known and not isinstance(fault.outcome_in(place), GoesOn)
            assert bool(re.fullmatch(seconds, shown)) is ends, (fault.name, place.name)
            if not ends:
                assert shown == text_of(fault, place, {(fault.name, place.name): Found("passed", 0.0)})


def test_a_cell_that_failed_or_was_not_run_is_shown_as_failed() -> None:
    fault, place = ALL[0]
    assert text_of(fault, place, {}) == FAIL
    assert text_of(fault, place, {(fault.name, place.name): Found("failed", 0.1)}) == FAIL
    assert text_of(fault, place, {(fault.name, place.name): Found("passed", 0.11)}) == "0.2"
    assert f"| {fault.name} | {FAIL} |" in document({})
