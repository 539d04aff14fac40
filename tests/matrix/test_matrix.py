"""Each moment of a session with one of the faults, and what the document says of the whole matrix."""

from __future__ import annotations

import re

import pytest

from tests.matrix.checked_cell import RecordProperty, check, parameters
from tests.matrix.fault import Fault, GoesOn
from tests.matrix.faults import FAULTS
from tests.matrix.moments import ALL_MOMENTS, MOMENTS, Moment
from tests.matrix.table import DOCUMENT, FAIL, Found, document, text_of

Cells = list[tuple[Fault, Moment]]


def sample() -> Cells:
    """Return each moment once, with another fault that concerns it."""
    every = len(FAULTS) // len(MOMENTS)
    concerned = [[fault for fault in FAULTS if moment.name in fault.concerns] for moment in MOMENTS]
    return [
        (faults[at * every % len(faults)], moment)
        for at, (faults, moment) in enumerate(zip(concerned, MOMENTS, strict=True))
    ]


@pytest.mark.system
@pytest.mark.parametrize(("fault", "moment"), parameters(sample()))
async def test_cell_of_the_sample(fault: Fault, moment: Moment, record_property: RecordProperty) -> None:
    await check(fault, moment, record_property)


# The table


def test_every_fault_has_a_name_of_its_own_and_concerns_places_that_there_are() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.concerns
        assert ALL_MOMENTS >= fault.concerns >= fault.elsewhere.keys() | fault.known.keys(), fault.name


def test_the_sample_has_every_moment_and_as_many_faults() -> None:
    assert {moment.name for _, moment in sample()} == ALL_MOMENTS
    assert len({fault.name for fault, _ in sample()}) == len(ALL_MOMENTS)


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
    table = rows(text, "fault", *(moment.name for moment in MOMENTS))
    assert [row[0] for row in table] == [fault.name for fault in FAULTS]
    assert rows(text, "moment") == [[f"`{moment.name}`", moment.what] for moment in MOMENTS]
    assert rows(text, "fault", "what happens") == [[fault.name, fault.what] for fault in FAULTS]
    assert re.findall(r"^- (.*), at `(\w+)`: ", text, re.MULTILINE) == [
        (fault.name, moment) for fault in FAULTS for moment in fault.known
    ]


def test_the_document_shows_the_expected_outcome_in_each_cell() -> None:
    seconds = r"\d+\.\d"
    table = rows(DOCUMENT.read_text(encoding="utf-8"), "fault", *(moment.name for moment in MOMENTS))
    for fault, row in zip(FAULTS, table, strict=True):
        for moment, shown in zip(MOMENTS, row[1:], strict=True):
            ends = moment.name not in fault.known and not isinstance(fault.outcome_at(moment), GoesOn)
            assert bool(re.fullmatch(seconds, shown)) is ends, (fault.name, moment.name)
            if not ends:
                assert shown == text_of(fault, moment, {(fault.name, moment.name): Found("passed", 0.0)})


def test_a_cell_that_failed_or_was_not_run_is_shown_as_failed() -> None:
    fault, moment = FAULTS[0], MOMENTS[0]
    assert text_of(fault, moment, {}) == FAIL
    assert text_of(fault, moment, {(fault.name, moment.name): Found("failed", 0.1)}) == FAIL
    assert text_of(fault, moment, {(fault.name, moment.name): Found("passed", 0.11)}) == "0.2"
    assert f"| {fault.name} | {FAIL} |" in document({})
