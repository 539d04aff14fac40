"""A file that is damaged, foreign or made up is an error that says where, and what would fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.history.exports.json_import import read_sessions
from controller.history.exports.json_stream import JsonStream, JsonStreamError
from devices.support.file_error import FileError
from tests.helpers.session_records import BEGAN, details, record

ONE = details(record("s1", left=40.0, note="ok")).model_dump(mode="json")
HEAD: dict[str, Any] = {"format": "letdown-history", "version": 1}


def why(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileError) as error:
        list(read_sessions(path))
    assert str(error.value).startswith(str(path))
    return str(error.value).removeprefix(str(path))


def document(*sessions: Any, **head: Any) -> str:
    return json.dumps({**HEAD, **head, "sessions": list(sessions)})


FOREIGN = {
    "nothing": ("", "it is empty"),
    "words": ("hello", "it is no JSON export of Letdown"),
    "csv": ("id,station,began_at\r\n", "it is CSV; only the JSON export has everything in it"),
    "html": ("<!DOCTYPE html>", "it is a report in HTML"),
    "bytes": (b"\x89PNG\r\n\x1a\n\xff", "UTF-8"),
    "utf-16": ("{}".encode("utf-16"), "UTF-8"),
    "list": ("[1, 2]", "it is no JSON export of Letdown"),
    "fhir": ('{"resourceType": "Bundle", "type": "collection"}', "there is no list 'sessions' in it"),
    "other": ('{"format": "other", "sessions": []}', "format: is 'other', not 'letdown-history'"),
    "no version": ('{"format": "letdown-history", "sessions": []}', "version: is None"),
    "true": (document(version=True), "version: is True"),
    "newer": (document(version=2), "version: is 2, but this Letdown knows only 1; use a newer Letdown"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_one_clear_error(name: str, tmp_path: Path) -> None:
    content, expected = FOREIGN[name]
    assert expected in why(tmp_path / "file.json", content)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_not_complete(share: float, tmp_path: Path) -> None:
    text = document(ONE, {**ONE, "record": {**ONE["record"], "id": "s2"}})
    assert "it ends too early: it is not complete" in why(tmp_path / "cut.json", text[: int(len(text) * share)])


def test_damage_is_said_with_its_line(tmp_path: Path) -> None:
    lines = [
        '{"format": "letdown-history", "version": 1, "sessions": [',
        json.dumps(ONE) + ",",
        '{"record": oops}',
        "]}",
    ]
    assert why(tmp_path / "file.json", "\n".join(lines)).startswith(":3: it is not valid JSON")
    after = "\n".join([lines[0], lines[1].removesuffix(","), "]}", "more"])
    assert ":4: something follows after the end" in why(tmp_path / "file.json", after)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(ONE))
    change(copy)
    return copy


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no id": (lambda s: s["record"].pop("id"), "sessions.1.record.id: Field required"),
    "empty id": (lambda s: s["record"].update(id=" "), "sessions.1.record.id: is empty"),
    "typo": (
        lambda s: s["record"].update(rotine="x"),
        "sessions.1.record.rotine: is not known here; did you mean routine?",
    ),
    "side": (lambda s: s["record"].update(side="middle"), "sessions.1.record.side"),
    "negative": (lambda s: s["record"]["milk"][0].update(ml=-1), "sessions.1.record.milk.0.ml"),
    "below 0": (
        lambda s: s["record"].update(suction_seconds=-1),
        "record.suction_seconds: is -1, and cannot be below 0",
    ),
    "much milk": (lambda s: s["record"]["milk"][0].update(ml=1e300), "record.milk.0.ml: is 1e+300, which is too large"),
    "late": (lambda s: s["events"][1].update(seconds=1e308), "sessions.1.events.1.seconds: is 1e+308, which is too"),
    "long": (lambda s: s["steps"][0].update(began_seconds=-1e12), "sessions.1.steps.0.began_seconds: is -1e+12"),
    "no offset": (
        lambda s: s["record"].update(began_at="2026-03-01T03:00:00"),
        "record.began_at: has no offset from UTC",
    ),
    "year": (lambda s: s["record"].update(began_at="0001-01-01T00:00:00+00:00"), "record.began_at: is in the year 1"),
    "end": (lambda s: s["record"].update(ended_at="2026-02-01T00:00:00Z"), "record.ended_at: is before it began"),
    "note": (lambda s: s["record"].update(note="x" * 2001), "sessions.1.record.note"),
    "nul": (lambda s: s["record"].update(note="a\0b"), "sessions.1.record.note: has a character that cannot be stored"),
    "surrogate": (lambda s: s["events"][0]["data"].update(x=["\ud800"]), "events.0.data.x.0: has a character"),
    "revision": (lambda s: s["record"].update(revision=2**40), "record.revision: is 1099511627776, which is too large"),
    "twice": (lambda s: s["record"]["milk"].append(s["record"]["milk"][0]), "record.milk: has two figures of one side"),
    "event": (lambda s: s["events"].append(s["events"][0]), "sessions.1.events: has two events of one id"),
    "curve": (lambda s: s["curves"].append(s["curves"][0]), "sessions.1.curves: has two curves"),
    "quantity": (lambda s: s["curves"][0].update(quantity="mood"), "sessions.1.curves.0.quantity"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_session_that_cannot_be_is_an_error_with_its_key(name: str, tmp_path: Path) -> None:
    change, expected = WRONG[name]
    first = changed(lambda s: s["record"].update(id="s0"))
    assert expected in why(tmp_path / "file.json", document(first, changed(change)))


@pytest.mark.parametrize("item", [1, "x", None, [], [{}]])
def test_what_is_no_session_is_an_error(item: Any, tmp_path: Path) -> None:
    assert "sessions.0: needs keys below it" in why(tmp_path / "file.json", document(item))


def test_the_same_id_twice_is_an_error(tmp_path: Path) -> None:
    assert "sessions.1.record.id: is the same as in sessions.0" in why(tmp_path / "file.json", document(ONE, ONE))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_numbers_that_are_none_are_refused(number: str, tmp_path: Path) -> None:
    text = document(ONE).replace('"ml": 40.0', f'"ml": {number}')
    assert number in text
    assert ":1: " in why(tmp_path / "file.json", text)


def test_what_is_nested_without_end_is_an_error(tmp_path: Path) -> None:
    assert ":1: " in why(tmp_path / "file.json", document()[:-2] + "[" * 200_000)


class Trickle:
    """A file that gives one character at a time."""

    def __init__(self, text: str) -> None:
        self._rest = text

    def read(self, _size: int = -1) -> str:
        first, self._rest = self._rest[:1], self._rest[1:]
        return first


def test_it_does_not_matter_where_a_piece_of_the_file_ends() -> None:
    text = ' {"a" : 12.5e1, "b": {"c": ["x\\n", null]} ,\n "items": [1, 23, {"d": true}, "e"] }\n'
    stream = JsonStream(Trickle(text))  # type: ignore[arg-type]
    assert dict(stream.fields("items")) == {"a": 125.0, "b": {"c": ["x\n", None]}}
    assert list(stream.items()) == [1, 23, {"d": True}, "e"]
    for end in range(1, len(text.rstrip())):
        stream = JsonStream(Trickle(text[:end]))  # type: ignore[arg-type]
        with pytest.raises(JsonStreamError):
            _ = dict(stream.fields("items")), list(stream.items())


def test_times_in_another_zone_are_the_same_moment(tmp_path: Path) -> None:
    moved = changed(lambda s: s["record"].update(began_at="2026-03-01T05:30:00+03:00", ended_at=None))
    path = tmp_path / "file.json"
    path.write_text(document(moved), encoding="utf-8")
    (found,) = read_sessions(path)
    assert found.record.began_at == BEGAN
