"""`letdown capture show`, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.capture_bytes import ADDRESS, Recording, btsnoop, on_air, talk
from tests.helpers.command_line import complaint
from tests.helpers.in_process import letdown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A capture of a pump, which tells its address in a value, and of a watch."""
    it = talk(rounds=12)
    it.connect()
    it.app("12 1300 0a", seconds=0.2)
    it.device("13", "1b 1000 " + on_air(ADDRESS).hex())
    it.app("12 1300 0b")
    it.device("01 12 1300 03")
    it.handle = 0x41
    it.connect("D0:01:02:03:04:05")
    (tmp_path / "app.log").write_bytes(btsnoop(it.records))
    return tmp_path / "app.log"


def test_it_shows_devices_services_and_what_was_said(file: Path) -> None:
    done = letdown("capture", "show", str(file), cwd=file.parent, COLUMNS="160")
    assert done.returncode == 0
    assert done.stderr == ""
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("btsnoop (H4), ")
    assert "│ 1 │ Pump │ C4…33 │ 2 │ 28 │ 0xfff0 │" in lines
    assert "│ 2 │ │ D0…05 │ 1 │ 0 │ │" in lines
    assert "service 0xfff0" in lines
    assert "0x0013 0xfff2 write, write-without-response" in lines
    assert any(line.startswith("Connection 1: began at 0.0 s, ended at ") for line in lines)
    assert any(line.endswith("app → 0xfff2 write 55 01 00 handshake") for line in lines)
    assert any(line.endswith("← device 0xfff1 notify aa 00 64 handshake") for line in lines)
    assert any(line.endswith("app → 0xfff2 write 55 01 01 ×11, until 10.2 s later") for line in lines)  # noqa: RUF001
    assert any(line.endswith("← device 0xfff1 notify .. .. .. .. .. .. handshake") for line in lines)
    assert any(line.endswith("write 0b answers after 10 ms refused: write not permitted") for line in lines)


def test_addresses_are_masked_everywhere_unless_they_are_asked_for(file: Path) -> None:
    forms = (ADDRESS, on_air(ADDRESS).hex(" "), on_air(ADDRESS)[::-1].hex(" "))
    for options in ((), ("--json",)):
        masked = letdown("capture", "show", str(file), *options, cwd=file.parent).stdout
        whole = letdown("capture", "show", str(file), "--addresses", *options, cwd=file.parent).stdout
        assert not any(form in masked for form in forms)
        assert ADDRESS in whole
        assert on_air(ADDRESS).hex(" ") in whole


def test_json_has_every_value_of_the_chosen_device(file: Path) -> None:
    row = json.loads(letdown("capture", "show", str(file), "--json", cwd=file.parent).stdout)
    assert (row["format"], row["shown_device"], row["problems"]) == ("btsnoop (H4)", 1, [])
    assert len(row["messages"]) == row["devices"][0]["values"] == 28
    assert row["messages"][0]["value"] == "55 01 00"
    assert row["messages"][-1]["error"] == 3
    assert row["characteristics"][0]["properties"] == ["notify"]
    other = json.loads(letdown("capture", "show", str(file), "--device", "2", "--json", cwd=file.parent).stdout)
    assert (other["shown_device"], other["messages"]) == (2, [])


def test_what_does_not_fit_is_one_sentence(file: Path) -> None:
    said = complaint(letdown("capture", "show", str(file), "--device", "3", cwd=file.parent), 2)
    assert "--device 3: the capture has 2 devices" in said
    said = complaint(letdown("capture", "show", "nowhere.zip", cwd=file.parent), 2)
    assert "nowhere.zip: cannot be read (No such file or directory); check its name" in said
    (file.parent / "a.pdf").write_bytes(b"%PDF-1.7\n")
    said = complaint(letdown("capture", "show", "a.pdf", cwd=file.parent), 2)
    assert "a.pdf: is a PDF; use an Android bug report" in said


def test_problems_are_shown_and_a_capture_without_a_connection_is_no_failure(tmp_path: Path) -> None:
    it = Recording()
    it.advertise()
    (tmp_path / "app.log").write_bytes(btsnoop(it.records)[:-3] + b"\x01")
    it.advertise()
    (tmp_path / "app.log").write_bytes(btsnoop(it.records)[:-3])
    done = letdown("capture", "show", "app.log", cwd=tmp_path)
    assert done.returncode == 0
    assert "! The file ends in the middle of a packet; all before it was read." in done.stdout
    assert "! No Bluetooth LE connection with readable data is in it; 1 device advertised." in done.stdout


def test_a_name_cannot_change_the_terminal(tmp_path: Path) -> None:
    it = Recording()
    it.advertise(data=b"\x07\x09a\x1b[31m")
    it.connect()
    (tmp_path / "app.log").write_bytes(btsnoop(it.records))
    for options in ((), ("--json",)):
        assert "\x1b" not in letdown("capture", "show", "app.log", *options, cwd=tmp_path).stdout
