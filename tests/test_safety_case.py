"""docs/safety-case.md is what the tables of docs/safety.md say, and cannot be made where a test is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.safety_case_page import safety_case
from docs.safety_tables import read_safety

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "safety.md").read_text(encoding="utf-8")


def test_the_page_is_the_one_that_the_tables_make() -> None:
    written = (DOCS / "safety-case.md").read_text(encoding="utf-8")
    assert written == safety_case(read_safety()), "run `make docs`"


def test_every_hazard_has_a_promise_and_every_table_was_read() -> None:
    safety = read_safety()
    assert len(safety.hazards) >= 13
    for group, least in ((safety.limits, 60), (safety.budgets, 7), (safety.trips, 9), (safety.promises, 37)):
        assert len(group) >= least
    assert {each.id for each in safety.hazards} == {id_ for row in safety.promises for id_ in row.against}


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("::test_three_hundred_trip_at_once", "::test_that_was_deleted", "there is no .*test_that_was_deleted"),
        ("guard/test_blocks.py::", "guard/test_gone.py::", "there is no tests/controller/safety/guard/test_gone.py"),
        (
            "| `link_lost` | the Bluetooth link is gone | H10 |",
            "| `link_lost` | gone | H99 |",
            "there is no hazard H99",
        ),
        ("against: H13\n", "against: H12\n", "nothing is against H13"),
    ],
)
def test_it_cannot_be_made_where_something_is_missing(there: str, instead: str, said: str) -> None:
    text = TEXT.replace("H12, H13", "H12").replace("H2, H13", "H2").replace("H4, H13", "H4") if "H13" in there else TEXT
    assert there in text
    with pytest.raises(ValueError, match=said):
        safety_case(read_safety(text.replace(there, instead)))


def test_a_trip_without_a_test_is_noticed() -> None:
    test = "tests/controller/safety/guard/test_blocks.py::test_a_block_that_stays_longer_than_it_may_trips"
    cells = f"| H3, H5, H6 | `{test}` |"
    assert cells in TEXT
    with pytest.raises(ValueError, match="`time`: no test shows it"):
        safety_case(read_safety(TEXT.replace(cells, "| H3, H5, H6 | |")))
