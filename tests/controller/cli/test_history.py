"""`letdown history` and its commands: what they print, write and refuse."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import shlex
import shutil
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.cli import history_erase
from controller.cli.line_reader import EndOfInputError
from controller.contract.session_record import Milk, SessionDetails
from controller.history.history_store import HistoryStore
from controller.history.session_import import import_sessions
from devices.roles import Side
from tests.helpers.command_line import ROOT
from tests.helpers.in_process import Ended, run_in_process
from tests.helpers.session_records import details, record

FAILED, WRONG = 1, 2
NOW = datetime.now(UTC).replace(microsecond=0)
DASH = "\N{EN DASH}"


def session(number: int, hours_ago: float, **more: Any) -> SessionDetails:
    began_at = NOW - timedelta(hours=hours_ago)
    one = record(f"{began_at:%Y%m%dT%H%M%S}-00000{number}", began_at, **{"let_down_seconds": 80.0, **more})
    return details(one)


ENTERED = (
    Milk(side=Side.LEFT, source="measured", ml=40.0),
    Milk(side=Side.LEFT, source="entered", ml=61.0),
    Milk(side=Side.RIGHT, source="measured", ml=50.0),
)
SESSIONS = (
    session(1, 1, left=40.0, right=50.0, note="a quiet one"),
    session(2, 20, milk=ENTERED, revision=1),
    session(3, 30, minutes=20.0, let_down_seconds=None),
    session(4, 240, both=90.0, note="\x1b[31mred\x1b[0m\nsecond line"),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a history that is written once."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder, SESSIONS)
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """Return a folder with that history beside the store of the settings."""
    for each in filled.iterdir():
        shutil.copy(each, tmp_path)
    return tmp_path


def fill(folder: Path, sessions: Iterable[SessionDetails]) -> None:
    async def work() -> None:
        async with HistoryStore.opened(folder / "letdown-history.db") as store:
            await import_sessions(store, sessions, replace=False)

    asyncio.run(work())


def history(folder: Path, *arguments: str, **env: str) -> Ended:
    settings = {"LETDOWN_STORE__PATH": str(folder / "letdown.db"), "XDG_CONFIG_HOME": "/nonexistent", "COLUMNS": "80"}
    return run_in_process(("history", *arguments), folder, {**settings, **env})


def listed(folder: Path, *arguments: str) -> Any:
    done = history(folder, *arguments, "--json")
    assert (done.code, done.stderr) == (0, "")
    return json.loads(done.stdout)


# The list


def test_without_a_history_there_are_no_sessions_and_no_file_is_made(tmp_path: Path) -> None:
    for arguments in ((), ("--since", "7d"), ("export",)):
        done = history(tmp_path, *arguments)
        assert (done.code, done.stderr) == (0, "")
    assert history(tmp_path).stdout == "There are no sessions yet: `letdown run` saves them.\n"
    assert listed(tmp_path)["sessions"] == []
    assert history(tmp_path, "show", "latest").code == WRONG
    assert list(tmp_path.iterdir()) == []


def test_the_totals_are_at_the_top_and_say_of_how_many_they_are(home: Path) -> None:
    lines = history(home).stdout.splitlines()
    assert lines[1] == "Last 24 h  2 sessions, 201 mL (left 101, right 100)"
    assert lines[0].startswith("Today      ")
    assert re.fullmatch(r"Latest     3[5-9] min ago", lines[2])  # of real time


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_session_is_one_line_that_fits(width: int, home: Path) -> None:
    lines = history(home, COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, lines)) <= width
    (entered,) = [line for line in lines if line.startswith("000002")]
    assert "61*" in entered
    (unknown,) = [line for line in lines if line.startswith("000003")]
    assert unknown.count(DASH) >= 4
    assert "\x1b" not in "".join(lines)


def test_it_says_where_earlier_ones_are_not_shown(home: Path) -> None:
    words = "Earlier ones are not shown; --last shows more."
    assert words in history(home, "--last", "3").stdout
    assert words not in history(home, "--last", "4").stdout


def test_it_is_german_where_that_is_asked_for(home: Path) -> None:
    done = history(home, "--language", "de")
    assert "Letzte 24 h  2 Sitzungen, 201 mL (links 101, rechts 100)" in done.stdout
    assert "von Hand eingetragen" in done.stdout


def test_the_json_has_everything_of_the_records(home: Path) -> None:
    data = listed(home)
    assert data.keys() == {"version", "today", "last_24_hours", "sessions"}
    assert data["version"] == 1
    assert data["last_24_hours"] == {
        "sessions": 2,
        "known": 2,
        "volume_ml": {"left": 101.0, "right": 100.0, "both": None, "total": 201.0},
    }
    first = data["sessions"][0]
    assert first["volume_ml"] == {"left": 40.0, "right": 50.0, "both": None, "total": 90.0}
    assert first["note"] == "a quiet one"
    assert [each["id"] for each in data["sessions"]] == [each.record.id for each in SESSIONS]
    assert data["sessions"][2]["volume_ml"]["total"] is None


def ids(folder: Path, *arguments: str) -> list[str]:
    return [each["id"][-1] for each in listed(folder, *arguments)["sessions"]]


def test_days_hours_and_numbers_choose_sessions(home: Path) -> None:
    assert ids(home, "--since", "24h") == ["1", "2"]
    assert ids(home, "--since", "25h", "--until", "2h") == ["2"]
    assert ids(home, "--since", "3d") == ["1", "2", "3"]
    assert ids(home, "--until", "3d") == ["4"]
    assert ids(home, "--last", "1") == ["1"]
    assert ids(home, "--station", "home", "--last", "2") == ["1", "2"]
    ten_days_ago = (NOW - timedelta(hours=240)).astimezone().date()
    assert ids(home, "--since", str(ten_days_ago), "--until", str(ten_days_ago)) == ["4"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "soon"), "--since: 'soon' is no time; a date such as 2026-03-01"),
        (("--until", "2026-02-30"), "--until: '2026-02-30' is no time"),
        (("--since", "9999999w"), "is too long ago"),
        (("--since", "1d", "--until", "2d"), "--since 1d is not before --until 2d"),
        (("--station", "hom"), "unknown station 'hom'; did you mean home?"),
        (("show", "nothing"), "there is no session 'nothing'; `letdown history` lists them"),
        (("show", "00000"), "there is no session '00000'"),
        (("show", "2"), "sessions fit '2': 20"),
        (("edit", "latest"), "say what to change: --left, --right or --note"),
        (("edit", "latest", "--left", "much"), "--left: 'much' is no amount; 0 to 1000 would fit, in mL, or none"),
        (("edit", "latest", "--right", "-5"), "--right: '-5' is no amount"),
        (("edit", "latest", "--left", "nan"), "--left: 'nan' is no amount"),
        (("edit", "latest", "--note", "x" * 2001), "--note has 2001 characters; 2000 would fit"),
        (("export", "--patient", "Ann", "--format", "fhir"), "a patient is named as in Patient/123"),
        (("export", "--patient", "Patient/1"), "--patient goes with --format fhir"),
        (("export", "--name", "Ann"), "--name goes with --format html"),
        (("erase",), "say what to erase: ids of sessions, or --since, --until and --station, or --all"),
        (("erase", "--all", "--since", "7d"), "say what to erase"),
        (("erase", "nothing", "--yes"), "there is no session 'nothing'"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_changes_nothing(
    arguments: tuple[str, ...], words: str, home: Path
) -> None:
    before = (home / "letdown-history.db").read_bytes()
    done = history(home, *arguments)
    assert (done.code, done.stdout) == (WRONG, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert (home / "letdown-history.db").read_bytes() == before


# One session


def test_a_session_is_shown_with_its_curves_steps_and_let_down(home: Path) -> None:
    done = history(home, "show", "000001")
    lines = done.stdout.splitlines()
    assert done.code == 0
    assert max(map(len, lines)) <= 80
    assert lines[0] == f"Session {SESSIONS[0].record.id}"
    assert "Milk       90 mL" in lines
    assert "           left 40.0 mL, counted by a pump" in lines
    assert "vacuum, mmHg, left-pump" in lines
    assert "milk flow, mL/s, right-pump" in lines
    assert any("^ Let-down" in line for line in lines)
    assert any("| Expressing" in line for line in lines)
    assert "\x1b" not in done.stdout


def test_what_is_not_counted_is_shown_as_such(home: Path) -> None:
    shown = history(home, "show", "000002").stdout
    assert "left 40.0 mL, counted by a pump, not counted" in shown
    assert "left 61.0 mL, entered by hand\n" in shown


def test_an_imported_note_cannot_move_the_cursor(home: Path) -> None:
    shown = history(home, "show", "000004").stdout
    assert "\x1b" not in shown
    assert "red" in shown
    assert "second line" in shown
    wide = history(home, COLUMNS="140").stdout
    assert "red" in wide
    assert "\x1b" not in wide


def test_the_json_of_a_session_has_all_of_it(home: Path) -> None:
    data = listed(home, "show", SESSIONS[0].record.id)
    assert data["record"]["volume_ml"]["total"] == 90.0
    assert [each["name"] for each in data["steps"]] == ["check", "warm", "massage", "stimulate", "express"]
    assert len(data["curves"]) == 5
    assert len(data["curves"][0]["values"]) == 1500


# Corrections


def test_an_edit_is_kept_beside_what_was_measured_and_can_be_removed(home: Path) -> None:
    done = history(home, "edit", "latest", "--left", "55,5", "--note", "better")
    assert done.code == 0
    assert "left 55.5 mL, entered by hand" in done.stdout
    edited = listed(home)["sessions"][0]
    assert (edited["volume_ml"]["left"], edited["volume_ml"]["right"]) == (55.5, 50.0)
    assert (edited["note"], edited["revision"]) == ("better", 1)
    assert {"side": "left", "source": "measured", "ml": 40.0} in edited["milk"]
    back = json.loads(history(home, "edit", "latest", "--left", "none", "--note", "", "--json").stdout)
    assert (back["volume_ml"]["left"], back["note"], back["revision"]) == (40.0, None, 2)


def test_an_edit_of_an_earlier_revision_is_refused(home: Path) -> None:
    assert history(home, "edit", "latest", "--left", "50", "--revision", "0").code == 0
    done = history(home, "edit", "latest", "--left", "60", "--revision", "0")
    assert (done.code, done.stdout) == (FAILED, "")
    assert "is not changed: it was changed meanwhile" in done.stderr
    assert "(revision 1)" in done.stderr
    assert listed(home)["sessions"][0]["volume_ml"]["left"] == 50.0


# Exports


def test_csv_goes_to_the_output_and_to_a_file_for_its_owner_only(home: Path, tmp_path: Path) -> None:
    done = history(home, "export", "--since", "24h")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["id"][-1] for row in rows] == ["2", "1"]  # the earliest first
    file = tmp_path / "out.csv"
    written = history(home, "export", "-o", str(file))
    assert (written.code, written.stdout) == (0, "")
    assert written.stderr == f"letdown: 4 sessions written to {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(list(csv.DictReader(file.open(newline="")))) == 4
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_a_file_that_is_there_is_not_replaced_unasked(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.html"
    file.write_text("mine")
    refused = history(home, "export", "-o", str(file))
    assert (refused.code, file.read_text()) == (WRONG, "mine")
    assert "is there already; --force replaces it" in refused.stderr
    assert history(home, "export", "-o", str(file), "--force").code == 0
    assert "<!DOCTYPE html>" in file.read_text()


@pytest.mark.system
def test_each_format_is_chosen_by_name_or_by_the_file(home: Path, tmp_path: Path) -> None:
    assert json.loads(history(home, "export", "--format", "fhir").stdout)["resourceType"] == "Bundle"
    assert json.loads(history(home, "export", "--format", "json").stdout)["format"] == "letdown-history"
    german = history(home, "export", "--format", "html", "--language", "de", "--name", "Ann").stdout
    assert '<html lang="de">' in german
    assert "Ann" in german
    assert "a quiet one" not in german
    assert "a quiet one" in history(home, "export", "--format", "html", "--notes").stdout
    history(home, "export", "-o", str(tmp_path / "x.json"))
    assert json.loads((tmp_path / "x.json").read_text())["format"] == "letdown-history"


def test_units_go_with_what_a_person_reads(home: Path) -> None:
    (row, *_) = csv.DictReader(io.StringIO(history(home, "export", "--since", "24h", "--units", "oz").stdout))
    assert (row["left_oz"], "left_ml" in row) == ("2.063", False)
    refused = history(home, "export", "--format", "fhir", "--units", "oz")
    assert refused.code == WRONG
    assert "--units oz goes with --format csv or html; fhir is in mL" in refused.stderr


def test_a_folder_that_is_not_there_is_one_sentence(home: Path) -> None:
    done = history(home, "export", "-o", str(home / "nowhere" / "x.csv"))
    assert done.code == FAILED
    assert "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1


# Import


@pytest.mark.system
def test_an_export_is_imported_elsewhere_and_twice_changes_nothing(home: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "all.json", tmp_path / "other"
    history(home, "export", "-o", str(file))
    first = history(other, "import", str(file))
    assert (first.code, first.stdout) == (0, "4 imported, 0 replaced, 0 were here already\n")
    assert listed(other)["sessions"] == listed(home)["sessions"]
    assert listed(other, "show", "000001") == listed(home, "show", "000001")
    again = json.loads(history(other, "import", str(file), "--json").stdout)
    assert (again["added"], len(again["same"])) == ([], 4)
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o700


@pytest.mark.system
def test_what_differs_is_named_and_replaced_only_where_asked(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    history(home, "export", "-o", str(file))
    history(home, "edit", "000002", "--left", "10")
    done = history(home, "import", str(file))
    assert done.code == FAILED
    assert f"1 here differ from the file and stay as they are: {SESSIONS[1].record.id}" in done.stdout
    assert listed(home)["sessions"][1]["volume_ml"]["left"] == 10.0
    assert history(home, "import", str(file), "--replace").code == 0
    assert listed(home)["sessions"][1]["volume_ml"]["left"] == 61.0


def test_a_damaged_file_imports_nothing_and_creates_nothing(home: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "all.json", tmp_path / "other"
    history(home, "export", "-o", str(file))
    file.write_text(file.read_text()[:-40])
    done = history(other, "import", str(file))
    assert (done.code, done.stdout) == (WRONG, "")
    assert f"{file}:" in done.stderr
    assert "it ends too early" in done.stderr
    assert not other.exists()
    missing = history(other, "import", str(tmp_path / "missing.json"))
    assert missing.code == FAILED
    assert "missing.json" in missing.stderr


# Erasing


class Typed:
    """A person who types one line, or nothing any more."""

    def __init__(self, line: str | None) -> None:
        self._line = line

    async def line(self) -> str:
        if self._line is None:
            raise EndOfInputError
        return self._line


def types(monkeypatch: pytest.MonkeyPatch, line: str | None) -> None:
    monkeypatch.setattr(history_erase, "LineReader", lambda: Typed(line))


@pytest.mark.parametrize("line", ["no", "", None, "all", "erase all"])
def test_nothing_is_erased_unless_the_person_says_yes(
    line: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types(monkeypatch, line)
    done = history(home, "erase", "000001")
    assert done.code == FAILED
    assert "Nothing was erased." in done.stdout
    assert len(listed(home)["sessions"]) == 4


def test_what_will_go_is_shown_and_gone_after_a_yes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Yes")
    done = history(home, "erase", "--until", "3d")
    assert done.code == 0
    assert "1 session, of " in done.stdout
    assert "Erased: 1." in done.stdout
    assert ids(home) == ["1", "2", "3"]
    named = history(home, "erase", "000002", "000003", "--yes")
    assert "2 sessions, from " in named.stdout
    assert ids(home) == ["1"]
    assert any(b"a quiet one" in each.read_bytes() for each in home.iterdir()) is not False  # that of 1 is still there


@pytest.mark.parametrize("line", ["yes", "y", None])
def test_everything_needs_words_also_with_yes(line: str | None, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, line)
    done = history(home, "erase", "--all", "--yes")
    assert done.code == FAILED
    assert "type erase all" in done.stdout
    assert len(listed(home)["sessions"]) == 4


def test_everything_is_gone_after_the_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, "Erase  all")
    assert history(home, "erase", "--all").code == 0
    assert listed(home)["sessions"] == []
    content = b"".join(each.read_bytes() for each in home.iterdir())
    assert b"a quiet one" not in content
    assert b"classic" not in content
    assert history(home, "erase", "--traces").code == 0


def test_a_session_under_way_is_not_erased_while_the_controller_runs(home: Path) -> None:
    from controller.journal.store_files import lock_store

    fill(home, [session(5, 0.1, minutes=None)])
    lock = lock_store(home / "letdown.db")
    try:
        done = history(home, "erase", "latest", "--yes")
    finally:
        lock.release()
    assert done.code == WRONG
    assert "is under way; stop it first" in done.stderr
    assert history(home, "erase", "latest", "--yes").code == 0  # the controller crashed: it never ends
    assert os.path.lexists(home / "letdown-history.db")


# The documentation


def typed_lines() -> list[list[str]]:
    """Return the words of each `letdown history` in docs/history.md."""
    text = (ROOT / "docs/history.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = (line for block in blocks for line in block.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line.startswith("letdown history")]


@pytest.mark.system
def test_every_command_in_the_documentation_works(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    types(monkeypatch, "yes")
    lines = typed_lines()
    assert len(lines) > 12
    for _, _, *arguments in lines:
        if "move" in arguments:  # needs a database: `tests/controller/history/test_earlier_file.py`
            continue
        if "--all" in arguments:
            types(monkeypatch, "erase all")
        done = history(home, *arguments)
        assert done.code == 0, (arguments, done.stderr)
    assert listed(home)["sessions"] == []
    assert {"sessions.csv", "everything.json", "bundle.json", "march.html"} <= {each.name for each in home.iterdir()}
