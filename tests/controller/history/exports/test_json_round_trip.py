"""What is exported as JSON is read again as it was, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from controller.contract.session_record import EventRecord, Milk, SessionDetails
from controller.history.exports.json_export import TAIL, head, session
from controller.history.exports.json_import import read_sessions
from devices.roles import Side
from tests.helpers.session_records import BEGAN, details, record

MILK = tuple(Milk(side=Side.LEFT, source=source, ml=41.7) for source in ("measured", "weighed", "entered"))
STRANGE = 'ünïcödé 🍼 "quoted" \\ \n\t </script> \u2028 \'x'


def sessions() -> list[SessionDetails]:
    one = details(record("s1", milk=MILK, note=STRANGE, revision=3, let_down_seconds=80.5, cautions=("no_timer",)))
    bare = SessionDetails(record=record("s2", BEGAN.replace(day=2), minutes=None))
    event = EventRecord(id="e1", seconds=0.25, type="limited", data={"a": [1, None, {"b": "ß"}], "c": 1.5, "d": True})
    return [one, bare, SessionDetails(record=record("s3", BEGAN.replace(day=3)), events=(event,))]


def export(all_: Iterable[SessionDetails]) -> str:
    return "".join([head(BEGAN), *(session(each, first=not number) for number, each in enumerate(all_)), TAIL])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    assert list(read_sessions(write(tmp_path / "all.json", export(sessions())))) == sessions()
    assert list(read_sessions(write(tmp_path / "none.json", export([])))) == []


def test_it_is_json_with_a_format_a_version_and_a_line_for_each_session() -> None:
    text = export(sessions())
    document = json.loads(text)
    assert (document["format"], document["version"]) == ("letdown-history", 1)
    assert document["written_at"] == "2026-03-01T02:30:00+00:00"
    assert [each["record"]["id"] for each in document["sessions"]] == ["s1", "s2", "s3"]
    assert [json.loads(line.removesuffix(","))["record"]["id"] for line in text.split("\n")[1:-2]] == ["s1", "s2", "s3"]


def test_another_layout_and_order_of_the_same_json_is_read_too(tmp_path: Path) -> None:
    document = json.loads(export(sessions()))
    pretty = "\ufeff" + json.dumps(document, indent=4, ensure_ascii=False)
    assert list(read_sessions(write(tmp_path / "pretty.json", pretty))) == sessions()
