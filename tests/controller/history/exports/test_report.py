"""The report: every figure is one that was recorded, and there is nothing in it that was not asked for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.contract.session_record import Milk, SessionRecord
from controller.contract.session_state import SessionState
from controller.contract.units import Units
from controller.contract.words import languages, load_words
from controller.history.exports.report import ReportRange, report_chunks
from devices.roles import Side
from tests.helpers.session_records import BEGAN, days_of_sessions, record

NOW = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
DASH = "\N{EN DASH}"
VOID = {"meta", "line", "rect", "circle", "path"}


class Page(HTMLParser):
    """What is in a document: its elements, which must be closed in order, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if self._open and self._open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def page(*records: SessionRecord, language: str = "en", **options: Any) -> Page:
    return Page("".join(report_chunks(records, load_words(language), NOW, zone=BERLIN, **options)))


@pytest.mark.parametrize("language", languages())
def test_it_is_one_file_without_script_and_without_anything_from_elsewhere(language: str) -> None:
    document = "".join(report_chunks(days_of_sessions(NOW, 14), load_words(language), NOW))
    found = Page(document)
    assert "script" not in found.tags
    assert found.tags.count("svg") == 3
    assert not {"src", "href", "onload", "onclick"} & {name for name, _ in found.attributes}
    assert re.findall(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", document) == []
    assert f'<html lang="{language}">' in document


def test_a_day_has_the_sums_of_its_sessions_and_says_of_how_many_the_milk_is_known() -> None:
    found = page(
        record("s1", left=40.0, right=30.4),
        record("s2", BEGAN.replace(hour=9), both=50.0),
        record("s3", BEGAN.replace(hour=15)),
        record("s4", BEGAN.replace(day=3), left=20.4),
    )
    rows = {row[0]: row[1:] for row in found.rows if len(row) == 8}
    assert rows["Sun 3/1"] == ["3", "2", "40", "30", "50", "120", DASH]
    assert rows["Mon 3/2"] == ["0", "", DASH, DASH, DASH, DASH, DASH]
    assert rows["All"] == ["4", "3", "60", "30", "50", "141", DASH]
    assert "known for 3 of 4" in found.text


def test_milk_is_in_ounces_throughout_where_that_is_asked_for() -> None:
    found = page(record("s1", left=59.147, right=29.5735), units=Units.OZ)
    rows = {row[0]: row[1:] for row in found.rows if len(row) == 7}
    assert rows["All"] == ["1", "1", "2.0", "1.0", "3.0", DASH]
    assert "Milk, oz" in found.text
    assert "3.0\N{NO-BREAK SPACE}oz" in found.text
    assert re.findall(r"\bmL\b", found.text.replace("(29.57 mL)", "")) == []


def test_it_says_what_was_measured_weighed_entered_and_unknown() -> None:
    milk = tuple(
        Milk(side=side, source=source, ml=1.0)
        for side, source in ((Side.LEFT, "measured"), (Side.LEFT, "entered"), (Side.RIGHT, "weighed"))
    )
    found = page(record("s1", milk=milk), record("s2", BEGAN.replace(hour=9)))
    assert "Measured (" not in found.text  # the entered one counts in its place
    assert "Weighed (1): by a scale." in found.text
    assert "Entered (1): by the person, by hand." in found.text
    assert "Unknown (1 of the sessions)" in found.text
    assert any(row[-3:-1] == ["weighed, entered", DASH] for row in found.rows)


def test_what_ended_before_anything_took_place_is_listed_but_does_not_count() -> None:
    empty = record("s2", BEGAN.replace(hour=9)).model_copy(update={"outcome": SessionState.STOPPED})
    found = page(record("s1", left=40.0), empty)
    assert "Not counted (1 of the sessions)" in found.text
    assert "known for 1 of 1" in found.text
    assert sum(row[0] in ("03:30", "10:30") for row in found.rows if row) == 2


def test_notes_and_a_name_are_in_it_only_where_asked_for_and_are_only_text() -> None:
    note = "<script>alert(1)</script> & tired"
    plain = page(record("s1", left=1.0, note=note))
    assert "tired" not in plain.text
    asked = page(record("s1", left=1.0, note=note), notes=True, name="<b>Ann</b>")
    assert note in asked.text
    assert "<b>Ann</b>" in asked.text
    assert {"script", "b"}.isdisjoint(asked.tags)


def test_the_days_that_were_asked_for_are_those_it_names() -> None:
    asked = ReportRange(date(2026, 2, 1), date(2026, 3, 31))
    assert f"February 1, 2026 {DASH} March 31, 2026" in page(record(left=1.0), asked=asked).text
    assert "1. März 2026" in page(record(left=1.0), language="de").text
    nothing = page(asked=asked)
    assert "No sessions were recorded in this time." in nothing.text
    assert "svg" not in nothing.tags


def test_a_day_of_the_clock_change_is_one_day() -> None:
    evening, night = datetime(2026, 3, 28, 22, 30, tzinfo=UTC), datetime(2026, 3, 29, 21, 30, tzinfo=UTC)
    found = page(record("s1", evening, left=10.0), record("s2", night, left=20.0))
    assert [row[0] for row in found.rows if len(row) == 7 and row[0].startswith("S")] == ["Sat 3/28", "Sun 3/29"]
