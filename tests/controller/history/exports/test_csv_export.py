"""The CSV: its columns, numbers and times, and that no text of it is a formula for a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.contract.session_record import Milk, SessionRecord
from controller.contract.units import Units
from controller.history.exports.csv_export import csv_lines
from devices.roles import Side
from tests.helpers.session_records import BEGAN, record

BERLIN = ZoneInfo("Europe/Berlin")
COLUMNS = (
    "id,station,began_at,ended_at,routine,side,outcome,left_ml,right_ml,both_ml,total_ml,source,let_down_seconds,"
    "let_down_by,peak_vacuum_mmhg,highest_target_mmhg,rate_cpm,warmest_celsius,suction_seconds,heat_seconds,"
    "massage_seconds,cautions,reason,revision,note,seconds"
)


def rows(*records: SessionRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(csv_lines(records, BERLIN)), newline=""), strict=True))


def test_the_header_stays_as_it_is_and_lines_end_as_in_rfc_4180() -> None:
    assert list(csv_lines([])) == [f"{COLUMNS}\r\n"]
    assert all(line.endswith("\r\n") and "\n" not in line[:-2] for line in csv_lines([record(left=1.0)]))


def test_a_session_is_one_row_with_its_milk_and_where_it_comes_from() -> None:
    milk = (
        Milk(side=Side.LEFT, source="measured", ml=40.0),
        Milk(side=Side.LEFT, source="entered", ml=61.25),
        Milk(side=Side.RIGHT, source="measured", ml=50.0),
    )
    (row,) = rows(record("s1", milk=milk, revision=2, note='he said "ok"\nthen slept', let_down_seconds=81.5))
    assert (row["left_ml"], row["right_ml"], row["both_ml"], row["total_ml"]) == ("61.25", "50", "", "111.25")
    assert row["source"] == "measured entered"
    assert row["began_at"] == "2026-03-01T03:30:00+01:00"
    assert datetime.fromisoformat(row["ended_at"]) == BEGAN + timedelta(minutes=25)
    assert (row["let_down_seconds"], row["revision"], row["note"]) == ("81.5", "2", 'he said "ok"\nthen slept')


def test_how_long_it_took_is_a_column_also_without_an_end() -> None:
    first, second = rows(record("s1", seconds=1520.5), record("s2", minutes=None, seconds=12.0))
    assert (first["seconds"], second["seconds"], second["ended_at"]) == ("1520.5", "12", "")


def test_milk_is_in_ounces_where_that_is_asked_for_and_the_columns_say_so() -> None:
    text = "".join(csv_lines([record("s1", left=60.0, right=29.5735, suction_seconds=900.0)], BERLIN, Units.OZ))
    (row,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert list(row) == COLUMNS.replace("_ml", "_oz").split(",")
    assert (row["left_oz"], row["right_oz"], row["both_oz"], row["total_oz"]) == ("2.029", "1", "", "3.029")
    assert row["suction_seconds"] == "900"


def test_what_is_unknown_is_empty_and_nothing_is_made_up() -> None:
    (row,) = rows(record("s1", minutes=None))
    unknown = {
        "ended_at",
        "outcome",
        "left_ml",
        "right_ml",
        "both_ml",
        "total_ml",
        "source",
        "let_down_seconds",
        "note",
    }
    assert {name for name, value in row.items() if not value} >= unknown


@pytest.mark.parametrize(
    "text", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'quoted", "\uff1d1", "''=1"]
)
@pytest.mark.parametrize("field", ["note", "id", "station", "routine", "reason"])
def test_no_text_is_a_formula_and_the_original_comes_back(text: str, field: str) -> None:
    given: dict[str, Any] = {"id_": "s1"} | ({"id_": text} if field == "id" else {field: text})
    (row,) = rows(record(**given))
    assert row[field] == f"'{text}"
    assert row[field].removeprefix("'") == text


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_every_note_comes_back(note: str) -> None:
    (row,) = rows(record(note=note))
    found = row["note"]
    assert (found[1:] if found.startswith("'") else found) == note
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
