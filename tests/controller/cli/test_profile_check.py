"""`letdown profiles check`: what a profile's examples prove, and what is wrong with it, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.command_line import ROOT, complaint, printed
from tests.helpers.in_process import letdown


def test_a_good_profile_is_checked(tmp_path: Path) -> None:
    rows = printed(letdown("profiles", "check", str(ROOT / "config/profiles/open-pump.yaml"), "--json", cwd=tmp_path))
    assert {row["what"] for row in rows} >= {"commands.start", "reports.status", "channels.battery"}
    assert {row["state"] for row in rows} == {"holds"}
    assert all(each["holds"] and each["line"] > 0 and each["found"] for row in rows for each in row["examples"])


def test_a_wrong_profile_is_named_with_file_and_line(tmp_path: Path) -> None:
    text = (ROOT / "config/profiles/open-pump.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(f"{text}\nnonsense: 1\n", encoding="utf-8")
    said = complaint(letdown("profiles", "check", "mine.yaml", cwd=tmp_path), 2)
    line = f"{text}\n".count("\n") + 1
    assert f"mine.yaml:{line}: nonsense: is not known here" in said


MINE = """\
id: mine
name: My pump
roles: [pump]
confidence: unverified
provenance: my own capture
match: {name: "MINE-*"}
channels: {tx: {service: "fff0", characteristic: "fff1", write: without-response, notify: true}}
commands:
  start: {payload: "01"}
  stop: {payload: "00"}
reports:
  level: {payload: [{level: u8}]}
"""


@pytest.mark.parametrize(("taken", "why"), [("open-pump", "comes with Letdown"), ("controller", "topics use")])
def test_an_id_that_is_taken_is_refused(taken: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("id: mine", f"id: {taken}"), encoding="utf-8")
    said = complaint(letdown("profiles", "check", "mine.yaml", cwd=tmp_path), 2)
    assert "mine.yaml:1: id: " in said
    assert why in said


def test_a_profile_without_examples_is_not_said_to_hold(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE, encoding="utf-8")
    done = letdown("profiles", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "My pump: 3 of 3 have no example" in done.stdout
    assert done.stdout.count("no example") == 4
    assert "would send tx 01" in done.stdout
    rows = printed(letdown("profiles", "check", "mine.yaml", "--json", cwd=tmp_path))
    assert {row["what"]: row["state"] for row in rows} == dict.fromkeys(
        ("commands.start", "commands.stop", "reports.level"), "no example"
    )
    assert rows[0]["lowest"] == "tx 01"


def test_an_example_that_fails_is_named_with_file_and_line_expected_and_found(tmp_path: Path) -> None:
    examples = 'examples:\n  - {send: {stop: {}}, bytes: "07"}\n  - {receive: "05", means: {level: 5}}\n'
    (tmp_path / "mine.yaml").write_text(MINE + examples, encoding="utf-8")
    done = letdown("profiles", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 1
    line = MINE.count("\n") + 2
    assert f"mine.yaml:{line}: commands.stop: expected 07; found 00" in done.stdout
    assert "My pump: 1 of 3 failed, 1 of 3 has no example" in done.stdout
    failed = letdown("profiles", "check", "mine.yaml", "--json", cwd=tmp_path)
    assert failed.returncode == 1
    (row,) = [row for row in json.loads(failed.stdout) if row["state"] == "fails"]
    assert row["what"] == "commands.stop"
    assert row["examples"] == [{"line": line, "holds": False, "expected": "07", "found": "00", "seen_in": None}]


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    assert "mine.yaml" in complaint(letdown("profiles", "check", "mine.yaml", cwd=tmp_path), 2)


UNPULSED = MINE.replace("{level: u8}", "{vacuum_mmhg: u16, range: [0, 250]}")


def test_a_mapping_that_defeats_a_check_is_warned_of_and_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(UNPULSED, encoding="utf-8")
    done = letdown("profiles", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0
    line = MINE[: MINE.index("  level:")].count("\n") + 1
    assert f"mine.yaml:{line}: warning: reports.level.payload.0: the vacuum comes too seldom" in done.stdout
    assert "above 250 mmHg is dropped, and everything is to stop at 300" in done.stdout
    assert "My pump: 3 of 3 have no example, 2 warnings" in done.stdout
    rows = printed(letdown("profiles", "check", "mine.yaml", "--json", cwd=tmp_path))
    warnings = [row for row in rows if row["state"] == "warning"]
    assert {row["line"] for row in warnings} == {line}
    assert all(row["problem"] and row["remedy"] for row in warnings)


def test_an_encrypted_one_has_nothing_to_check(tmp_path: Path) -> None:
    text = MINE[: MINE.index("channels:")] + "encrypted: its app exchanges a key first\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    done = letdown("profiles", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "My pump: recognised, and never connected: its protocol is encrypted" in done.stdout
