"""`letdown setup` as a command: for scripts, and what it says where nothing can be set up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.settings import load_settings
from tests.helpers.command_line import complaint, printed
from tests.helpers.in_process import letdown

SECRET = "hunter2-geheim"


@pytest.mark.system
def test_a_script_adds_what_it_asks_for_and_gets_json(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# mine\nlanguage: de\n", encoding="utf-8")
    flags = ["--device", "left=Pump L", "--device", "right=AA:BB:CC:DD:EE:FF", "--profile", "open-pump"]
    more = ["--side", "left", "--side", "right", "--comfort", "120", "--yes", "--json", "--config", "mine.yaml"]
    result = printed(letdown("setup", *flags, *more, cwd=tmp_path))
    assert result == {
        "file": str(tmp_path / "mine.yaml"),
        "written": True,
        "backup": str(tmp_path / "mine.yaml.bak"),
        "language": "de",
        "devices": [
            {
                "name": "left",
                "profile": "open-pump",
                "side": "left",
                "known_by": "Pump L",
                "allow_unverified": False,
            },
            {
                "name": "right",
                "profile": "open-pump",
                "side": "right",
                "known_by": "AA…FF",
                "allow_unverified": False,
            },
        ],
        "broker": None,
        "comfort_vacuum_mmhg": 120.0,
    }
    assert (tmp_path / "mine.yaml").read_text().startswith("# mine\nlanguage: de\n")
    again = printed(letdown("setup", *flags, *more, cwd=tmp_path))
    assert again["devices"] == result["devices"]


def test_virtual_devices_are_all_set_up_in_this_folder(tmp_path: Path) -> None:
    done = letdown("setup", "--virtual", "--yes", "--language", "de", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Gespeichert in {tmp_path / 'letdown.yaml'}.\n"
    devices = load_settings(tmp_path / "letdown.yaml").stations["home"].devices
    assert {(each.name, each.profile, each.side.value) for each in devices} == {
        ("letdown-pump-l", "open-pump", "left"),
        ("letdown-pump-r", "open-pump", "right"),
        ("letdown-pad", "open-warm-pad", "both"),
        ("letdown-massager", "open-massager", "both"),
    }
    listed = printed(letdown("devices", "--virtual", "--json", cwd=tmp_path))
    assert {each["name"] for each in listed} == {each.name for each in devices}


def test_without_a_name_the_settings_are_those_of_the_user(tmp_path: Path) -> None:
    xdg = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    result = printed(letdown("setup", "--yes", "--comfort", "100", "--json", cwd=tmp_path, **xdg))
    assert result["file"] == str(tmp_path / "xdg/letdown/letdown.yaml")
    assert Path(result["file"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--json",), 2, "go with --yes"),
        (("--yes", "--device", "x"), 2, "write NAME=ADDRESS"),
        (("--yes", "--device", "a=X", "--side", "up"), 2, "it is left, right or both"),
        (("--yes", "--device", "a=X", "--profile", "nope"), 2, "there is no profile nope"),
        (("--yes", "--comfort", "300"), 2, "from 60 to 250"),
        (("--yes", "--language", "xx"), 2, "unknown language 'xx'"),
        (("--yes", "--broker", f"mqtt://ann:{SECRET}@127.0.0.1:1"), 1, "nothing answers at mqtt://127.0.0.1:1"),
        (("--yes", "--virtual", "--device", "a=Nobody"), 1, "a (Nobody) was not found"),
        (("--yes", "--device", "a/b=X", "--profile", "open-pump"), 2, "must not be empty, begin with $, or contain"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_changes_nothing(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    said = complaint(letdown("setup", *arguments, "--config", "mine.yaml", cwd=tmp_path), code)
    assert words in said
    assert SECRET not in said
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_file_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letdown.yaml").write_text("language: en\nlimit: {}\n", encoding="utf-8")
    for arguments in (("--virtual",), ("--virtual", "--yes")):
        said = complaint(letdown("setup", *arguments, cwd=tmp_path), 2)
        assert "letdown.yaml:2: limit: is not known here" in said
    assert (tmp_path / "letdown.yaml").read_text() == "language: en\nlimit: {}\n"


@pytest.mark.parametrize("arguments", [(), ("--yes",)])
def test_a_place_that_cannot_be_written_is_known_at_once(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = letdown("setup", *arguments, "--virtual", "--config", "file/letdown.yaml", cwd=tmp_path)
    said = complaint(done, 1)
    assert "letdown.yaml cannot be written" in said
    assert "nothing was changed" in said


def test_where_nobody_answers_nothing_is_changed(tmp_path: Path) -> None:
    done = letdown("setup", "--virtual", "--language", "en", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nobody answers, so nothing was changed; in a script use --yes" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_bluetooth_it_says_so(tmp_path: Path) -> None:
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
    done = letdown("setup", "--yes", "--device", "a=X", "--config", "mine.yaml", cwd=tmp_path, **nowhere)
    assert "Bluetooth" in complaint(done, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_password_of_the_command_line_is_not_repeated(tmp_path: Path) -> None:
    done = letdown("setup", "--yes", "--broker", f"http://ann:{SECRET}@x", "--config", "mine.yaml", cwd=tmp_path)
    assert SECRET not in complaint(done, 2)
    assert json.dumps(SECRET) not in done.stdout
