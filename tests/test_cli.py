"""The command `letdown`, run as people run it: in a process of its own, in a folder that is not the repository."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

slow = pytest.mark.system  # not that they need other programs, but they take their time

ROOT = Path(__file__).parent.parent
LETDOWN = (sys.executable, "-c", "import sys; sys.argv[0] = 'letdown'; from controller.cli import app; app()")

COMMANDS = ("demo", "run", "scan", "doctor", "devices", "profiles", "routines", "history", "schema", "virtual")
ROUTINES = {"classic", "duct-vibration", "first-days", "gentle", "power-pumping", "soften-for-latch", "warmth"}
SHORT = ("demo", "--routine", "soften-for-latch")
WHOLE_ADDRESS = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", re.IGNORECASE)
NUMBER = int | float


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    ours = ("LETDOWN_", "PYTHON", "COLUMNS", "TERM", "FORCE_COLOR", "NO_COLOR", "GITHUB_", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "dumb", **more}


def letdown(
    *arguments: str, cwd: Path, seconds: float = 60.0, python: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Whatever was wrong, nobody is ever shown a traceback."""
    done = subprocess.run(
        [LETDOWN[0], *python, *LETDOWN[1:], *arguments],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON on stdout, where there is nothing else."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the one sentence of a command that failed, and said so only on stderr."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("letdown: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


class Started:
    """A command that runs on, and what it printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, words: str, seconds: float = 60.0) -> str:
        """Read until these words came; return all that came so far, with its lines unwrapped."""
        assert self.process.stdout is not None
        bound = threading.Timer(seconds, self.process.kill)
        bound.start()
        try:
            for line in self.process.stdout:
                self.lines.append(line)
                said = " ".join(" ".join(self.lines).split())
                if words in said:
                    return said
        finally:
            bound.cancel()
        raise AssertionError(f"{words!r} did not come, but {self.lines}")

    def end_by(self, number: signal.Signals) -> tuple[int, float, str]:
        """Send a signal; return the exit code, the seconds that it took, and what came after on stdout and stderr."""
        began = time.monotonic()
        self.process.send_signal(number)
        rest = "".join(part or "" for part in self.process.communicate(timeout=30))
        return self.process.returncode, time.monotonic() - began, rest


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start commands that are ended after the test at the latest."""
    processes = []

    def begin(*arguments: str, stdin: int = subprocess.DEVNULL) -> Started:
        process = subprocess.Popen(
            [*LETDOWN, *arguments],
            cwd=tmp_path,
            env=environment(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return Started(process)

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


# The demo


def test_the_demo_prints_one_json_object(tmp_path: Path) -> None:
    done = letdown("demo", "--speed", "1000", "--json", cwd=tmp_path)
    session = printed(done)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""

    kinds: dict[str, Any] = {
        "outcome": str,
        "reason": str,
        "session_id": str,
        "routine": str,
        "side": str,
        "steps": list,
        "let_down_seconds": NUMBER,
        "let_down_by": str,
        "volume_ml": dict,
        "peak_vacuum_mmhg": NUMBER,
        "warmest_celsius": NUMBER,
        "limits": list,
        "mqtt": dict,
    }
    assert session.keys() == kinds.keys()
    for key, kind in kinds.items():
        assert isinstance(session[key], kind), key

    assert (session["outcome"], session["routine"], session["side"]) == ("completed", "classic", "both")
    assert [step["name"] for step in session["steps"]] == ["check", "warm", "massage", "stimulate", "express"]
    for step in session["steps"]:
        assert step.keys() == {"name", "seconds", "outcome", "by_hand", "parts"}
        assert step["seconds"] > 0
    assert [step["outcome"] for step in session["steps"]] == ["done", "done", "done", "let_down", "done"]
    assert [step["by_hand"] for step in session["steps"]] == [False, False, True, False, False]

    techniques = ["spiral", "palm-sweep", "roll", "roll-around"]
    parts = session["steps"][2]["parts"]
    assert [(part["name"], part["side"]) for part in parts] == [(t, s) for s in ("left", "right") for t in techniques]
    assert all(part["outcome"] == "done" and part["seconds"] == 30 for part in parts)
    assert all(step["parts"] == [] for step in session["steps"] if step["name"] != "massage")

    assert session["volume_ml"].keys() == {"left", "right"}
    assert all(0 < volume < 500 for volume in session["volume_ml"].values())
    assert 0 < session["let_down_seconds"] <= 120
    assert 100 < session["peak_vacuum_mmhg"] <= 250
    assert 38 < session["warmest_celsius"] < 43
    assert session["mqtt"]["published"] > 50


@slow
def test_a_seed_is_one_mother_at_any_speed_and_another_seed_another(tmp_path: Path) -> None:
    def session(seed: str, speed: str) -> dict[str, Any]:
        data = printed(letdown(*SHORT, "--seed", seed, "--speed", speed, "--json", cwd=tmp_path))
        assert data.pop("session_id")
        assert data.pop("mqtt")["published"] > 0
        return data

    seven = session("7", "1000")
    assert session("7", "150") == seven
    assert session("8", "1000")["volume_ml"] != seven["volume_ml"]


@slow
def test_without_a_terminal_the_demo_prints_plain_lines_and_warns_of_nothing(tmp_path: Path) -> None:
    strict = ("-W", "error")
    done = letdown("demo", "--routine", "first-days", "--speed", "1000", cwd=tmp_path, python=strict)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0].startswith("virtual devices, seed 2, at 1000 times the speed of life")
    assert [line for line in lines if line.endswith(" ...")] == ["check ...", "massage ...", "prompt ..."]
    assert "first-days: completed" in lines


def test_the_demo_ends_in_order_in_the_middle(start: Any) -> None:
    demo = start("demo", "--speed", "1")
    demo.until("check ...")
    code, seconds, rest = demo.end_by(signal.SIGINT)
    assert code in (0, 130)
    assert seconds < 5
    assert "Traceback" not in rest


@slow
def test_keep_goes_on_until_it_is_ended(start: Any) -> None:
    demo = start("demo", "--routine", "first-days", "--speed", "1000", "--keep")
    said = demo.until("go on until you press Ctrl+C")
    port = int(re.findall(r"mqtt://127\.0\.0\.1:(\d+)", said)[-1])
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert demo.process.poll() is None
    code, seconds, rest = demo.end_by(signal.SIGTERM)
    assert code == 0
    assert seconds < 5
    assert "Traceback" not in rest


# Lists


def test_scan_hears_the_virtual_devices_and_masks_addresses(tmp_path: Path) -> None:
    done = letdown("scan", "--virtual", "--seconds", "0.5", "--json", cwd=tmp_path)
    rows = printed(done)
    assert {row["name"]: row["profile"] for row in rows} == {
        "Letdown Pump L": "open-pump",
        "Letdown Pump R": "open-pump",
        "Letdown Pad": "open-warm-pad",
        "Letdown Massager": "open-massager",
    }
    for row in rows:
        assert row.keys() == {"name", "address", "rssi_dbm", "services", "profile", "why", "settings"}
        assert re.fullmatch(r"[0-9A-F]{2}…[0-9A-F]{2}", row["address"])
        assert f"  advertised_name: {row['name']}" in row["settings"]
    assert WHOLE_ADDRESS.search(done.stdout + done.stderr) is None


def test_scan_shows_whole_addresses_when_asked(tmp_path: Path) -> None:
    rows = printed(letdown("scan", "--virtual", "--seconds", "0.5", "--json", "--addresses", cwd=tmp_path))
    assert len(rows) == 4
    for row in rows:
        assert WHOLE_ADDRESS.fullmatch(row["address"])
        assert f'  address: "{row["address"]}"' in row["settings"]


def test_devices_lists_what_is_configured(tmp_path: Path) -> None:
    rows = printed(letdown("devices", "--virtual", "--json", cwd=tmp_path))
    assert [row["name"] for row in rows] == ["left-pump", "right-pump", "warm-pad", "massager"]
    for row in rows:
        assert row.keys() == {
            *("station", "name", "side", "profile", "known_by", "confidence", "roles", "can", "mind", "on_link_loss"),
            "needs",
        }
        assert row["needs"] == []
        assert row["station"] == "home"
        assert "start" in row["can"]
        assert row["on_link_loss"] == "stops"


def test_devices_of_no_settings_are_none(tmp_path: Path) -> None:
    assert printed(letdown("devices", "--json", cwd=tmp_path)) == []
    table = letdown("devices", cwd=tmp_path)
    assert table.returncode == 0
    assert "letdown scan" in table.stdout


def test_devices_masks_an_address_of_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "letdown.yaml"
    settings.write_text(
        "stations:\n  home:\n    devices:\n"
        '      - {name: pump, profile: open-pump, side: left, address: "AA:BB:CC:DD:EE:FF"}\n',
        encoding="utf-8",
    )
    done = letdown("devices", "--config", "letdown.yaml", "--json", cwd=tmp_path)
    assert [row["known_by"] for row in printed(done)] == ["AA…FF"]
    assert WHOLE_ADDRESS.search(done.stdout + done.stderr) is None


def test_routines_are_listed_in_both_languages(tmp_path: Path) -> None:
    english = printed(letdown("routines", "--json", cwd=tmp_path))
    german = printed(letdown("routines", "--json", "--language", "de", cwd=tmp_path))
    for rows in (english, german):
        assert {row["id"] for row in rows} == ROUTINES
        for row in rows:
            assert row.keys() == {"id", "name", "summary", "steps", "minutes_at_most", "opt_in"}
            assert row["name"]
            assert row["summary"]
            assert row["minutes_at_most"] > 0
    assert [row["id"] for row in english if row["opt_in"]] == ["duct-vibration"]
    names = {row["id"]: row["name"] for row in german}
    assert names["gentle"] == "Sanft"
    table = letdown("routines", "--language", "de", cwd=tmp_path)
    assert table.returncode == 0
    assert "Sanft" in table.stdout


def test_the_shipped_settings_are_good(tmp_path: Path) -> None:
    assert printed(letdown("devices", "--config", str(ROOT / "config/letdown.yaml"), "--json", cwd=tmp_path)) == []


# Profiles, and one device


def test_profiles_are_listed(tmp_path: Path) -> None:
    rows = printed(letdown("profiles", "--json", cwd=tmp_path))
    by_id = {row["id"]: row for row in rows}
    assert set(by_id) == {file.stem for file in (ROOT / "config/profiles").glob("*.yaml")}
    assert by_id["open-pump"]["roles"] == ["pump"]
    assert all(row["provenance"] for row in rows)


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
    examples = 'examples:\n  - {send: {stop: {}}, bytes: "07"}\n  - {receive: "05", gives: {level: 5}}\n'
    (tmp_path / "mine.yaml").write_text(MINE + examples, encoding="utf-8")
    done = letdown("profiles", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 1
    line = MINE.count("\n") + 2
    assert f"mine.yaml:{line}: commands.stop: expected 07; found 00" in done.stdout
    assert "My pump: 1 of 3 fails, 1 of 3 has no example" in done.stdout
    failed = letdown("profiles", "check", "mine.yaml", "--json", cwd=tmp_path)
    assert failed.returncode == 1
    (row,) = [row for row in json.loads(failed.stdout) if row["state"] == "fails"]
    assert row["what"] == "commands.stop"
    assert row["examples"] == [{"line": line, "holds": False, "expected": "07", "found": "00", "seen_in": None}]


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    assert "mine.yaml" in complaint(letdown("profiles", "check", "mine.yaml", cwd=tmp_path), 2)


@slow
def test_one_device_is_tried(tmp_path: Path) -> None:
    done = letdown("devices", "test", "left-pump", "--virtual", "--yes", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    said = [next(line for line in lines if line.startswith(word)) for word in ("running:", "paused:", "resumed:")]
    assert [re.search(r"run state (\w+)", line)[1] for line in said] == ["running", "paused", "running"]
    assert "it takes a change of its setting" in lines
    assert lines[-1].startswith("stopped")


def test_without_any_device_no_bluetooth_is_needed(start: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mqtt: {embedded_port: 0}\n", encoding="utf-8")
    service = start("run", "--config", "mine.yaml")
    assert "serving home" in service.process.stderr.readline()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(3) == 0


def test_nothing_is_tried_without_a_yes(tmp_path: Path) -> None:
    done = letdown("devices", "test", "left-pump", "--virtual", cwd=tmp_path)  # with nobody to answer
    assert done.returncode == 1
    assert "Nobody may be attached" in done.stdout
    assert "running" not in done.stdout


def test_the_question_can_be_left(start: Any) -> None:
    trial = start("devices", "test", "left-pump", "--virtual", stdin=subprocess.PIPE)
    trial.until("says: run state stopped")
    time.sleep(0.5)  # the question has no line end by which it could be awaited
    trial.process.send_signal(signal.SIGINT)
    trial.process.wait(3)


def test_a_device_that_is_not_configured(tmp_path: Path) -> None:
    said = complaint(letdown("devices", "test", "nope", "--virtual", "--yes", cwd=tmp_path), 2)
    assert "there are: left-pump, right-pump, warm-pad, massager" in said


def test_nothing_is_tried_while_a_service_may_be_using_it(tmp_path: Path) -> None:
    device = "{name: pump, profile: open-pump, side: left, advertised_name: Pump}"
    lines = f"store: {{path: letdown.db}}\nstations: {{home: {{devices: [{device}]}}}}\n"
    (tmp_path / "mine.yaml").write_text(lines, encoding="utf-8")
    from controller.store.files import hold  # here, since many tests import this file, and SQLAlchemy takes its time

    lock = hold(tmp_path / "letdown.db")
    try:
        done = letdown("devices", "test", "pump", "--yes", "--config", "mine.yaml", cwd=tmp_path)
    finally:
        lock.release()
    assert "a service runs, and pump may be in use: stop it first" in complaint(done, 2)


# The doctor


def test_the_doctor_says_what_to_do_and_fails_where_something_is_to_be_done(tmp_path: Path) -> None:
    well = letdown("doctor", "--seconds", "0.1", cwd=tmp_path)
    assert well.returncode == 0
    assert "✓ versions" in well.stdout
    ill = letdown("doctor", "--seconds", "0.1", "--json", "--broker", "mqtt://127.0.0.1:1", cwd=tmp_path)
    assert ill.returncode == 1
    assert ill.stderr == ""
    rows = {row["about"]: row for row in json.loads(ill.stdout)}
    assert (rows["broker"]["state"], rows["broker"]["remedy"]) == (
        "trouble",
        "start the broker there, or correct mqtt.brokers",
    )


# Help


@pytest.mark.parametrize("command", [*COMMANDS, "devices test", "profiles check"])
def test_each_command_has_help(command: str, tmp_path: Path) -> None:
    done = letdown(*command.split(), "--help", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"Usage: letdown {command} [OPTIONS]" in done.stdout


def test_help_names_every_command(tmp_path: Path) -> None:
    done = letdown("--help", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0
    assert set(re.findall(r"^│ (\w+)  ", done.stdout, re.MULTILINE)) == set(COMMANDS)


# What is wrong is said in one sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("demo", "--bogus"), "No such option: --bogus"),
        (("nothing",), "No such command 'nothing'"),
        (("demo", "--speed", "0"), "'--speed'"),
        (("demo", "--speed", "nan"), "'--speed'"),
        (("demo", "--side", "up"), "'left', 'right', 'both'"),
        (("scan", "--seconds", "0"), "'--seconds'"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = letdown(*arguments, cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr


@pytest.mark.parametrize("command", ["demo", "routines"])
def test_an_unknown_language_is_named_with_those_there_are(command: str, tmp_path: Path) -> None:
    said = complaint(letdown(command, "--language", "xx", "--json", cwd=tmp_path), 2)
    assert "there are words in de, en, not in xx" in said


def test_an_unknown_routine_is_wrong_usage(tmp_path: Path) -> None:
    done = letdown("demo", "--routine", "nope", "--json", cwd=tmp_path)
    assert done.returncode == 2


def test_an_unknown_routine_is_named_with_those_there_are(tmp_path: Path) -> None:
    done = letdown("demo", "--routine", "nope", "--json", cwd=tmp_path)
    said = complaint(done, done.returncode)
    assert done.returncode != 0
    assert "there is no routine nope" in said
    assert all(routine in said for routine in ROUTINES)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("language: en\nlimits:\n  comfort_vacuum_mmhg: 300\n", 3, "limits.comfort_vacuum_mmhg"),
        ("limits: {heat_celsius: 43}\n", 1, "limits.heat_celsius"),
        ("language: en\nlimit: {heat_celsius: 40}\n", 2, "limit: is not known here"),
        ("mqtt:\n  base_topic: a\n  base_topic: b\n", 3, "is said twice"),
        ("stations: [\n", 2, "not valid YAML"),
    ],
)
def test_wrong_settings_are_named_with_file_and_line(text: str, line: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    said = complaint(letdown("run", "--virtual", "--config", "mine.yaml", cwd=tmp_path), 2)
    assert f"mine.yaml:{line}: " in said
    assert words in said


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    assert "mine.yaml" in complaint(letdown("devices", "--config", "mine.yaml", cwd=tmp_path), 2)


def test_a_limit_raised_by_the_environment(tmp_path: Path) -> None:
    said = complaint(letdown("devices", cwd=tmp_path, LETDOWN_LIMITS__HEAT_CELSIUS="50"), 2)
    assert "LETDOWN_" in said
    assert "limits.heat_celsius" in said


def test_a_limit_raised_by_the_environment_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("limits:\n  heat_celsius: 40\n", encoding="utf-8")
    done = letdown("devices", "--config", "mine.yaml", cwd=tmp_path, LETDOWN_LIMITS__HEAT_CELSIUS="50")
    assert "LETDOWN_" in complaint(done, 2)


@slow
def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    began = time.monotonic()
    done = letdown("demo", "--broker", "mqtt://ann:s3cret@127.0.0.1:1", "--json", cwd=tmp_path)
    assert time.monotonic() - began < 20  # five seconds of patience, and the start of Python on a busy machine
    assert done.returncode in (1, 2)
    assert "nothing answers at mqtt://127.0.0.1:1" in complaint(done, done.returncode)
    assert "s3cret" not in done.stderr


def test_a_broker_address_that_is_none(tmp_path: Path) -> None:
    done = letdown("demo", "--broker", "http://ann:s3cret@broker.lan", cwd=tmp_path)
    assert "mqtt://" in complaint(done, 2)
    assert "s3cret" not in done.stderr


def test_a_real_body_lives_in_real_time(tmp_path: Path) -> None:
    assert "--speed is for virtual devices" in complaint(letdown("run", "--speed", "5", cwd=tmp_path), 2)


def test_a_transport_where_nobody_serves(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("radio: {kind: bumble, transport: 'tcp-client:127.0.0.1:1'}", encoding="utf-8")
    for command in ("run", "scan"):
        said = complaint(letdown(command, "--config", "mine.yaml", cwd=tmp_path), 1)
        assert "Start what serves the virtual devices there first" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--transport", "nonsense"), "nonsense"),
        (("--transport", "tcp-server:nonsense"), "Cannot listen on tcp-server:nonsense"),
        (("--transport", "usb:0", "--device", "nope"), "there are left-pump, right-pump, warm-pad, massager"),
    ],
)
def test_virtual_devices_that_cannot_be_served(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    done = letdown("virtual", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert words in complaint(done, done.returncode)
