"""The command `letdown`, run as people run it: in a process of its own, in a folder that is not the repository."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from devices.virtual.transports import Air, serve_controller
from tests.helpers import command_line
from tests.helpers.command_line import complaint
from tests.helpers.in_process import letdown

COMMANDS = ("demo", "setup", "run", "watch", "scan", "doctor", "devices", "profiles", "routines", "history", "schema")
COMMANDS += ("virtual", "web", "comfort", "stash", "capture", "fleet")
CAPTURE = tuple(f"capture {each}" for each in ("show", "draft", "guide", "label", "contribute"))
FLEET = tuple(f"fleet {each}" for each in ("status", "page", "drain", "undrain", "assign", "config"))
FLEET += tuple(f"fleet config {each}" for each in ("show", "diff", "apply", "rollback"))


@pytest.mark.system
def test_without_any_device_no_bluetooth_is_needed(start: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mqtt: {embedded_port: 0}\n", encoding="utf-8")
    service = start("run", "--config", "mine.yaml")
    assert "serving home" in service.process.stderr.readline()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(3) == 0


# The doctor


@pytest.mark.system
async def test_the_doctor_says_what_to_do_and_fails_where_something_is_to_be_done(tmp_path: Path) -> None:
    async with serve_controller(Air(), "tcp-server:127.0.0.1:0") as transport:
        (tmp_path / "mine.yaml").write_text(f"radio: {{kind: bumble, transport: '{transport}'}}\n", encoding="utf-8")
        asked = ("doctor", "--seconds", "0.1", "--config", "mine.yaml")
        well = await asyncio.to_thread(command_line.letdown, *asked, cwd=tmp_path)
        ill = await asyncio.to_thread(
            command_line.letdown, *asked, "--json", "--broker", "mqtt://127.0.0.1:1", cwd=tmp_path
        )
    assert well.returncode == 0
    assert "✓ versions" in well.stdout
    assert ill.returncode == 1
    assert ill.stderr == ""
    rows = {row["subject"]: row for row in json.loads(ill.stdout)}
    assert (rows["broker"]["state"], rows["broker"]["remedy"]) == (
        "problem",
        "start the broker there, or correct mqtt.brokers",
    )


# Help


@pytest.mark.parametrize("command", [*COMMANDS, "devices test", "profiles check", *CAPTURE, *FLEET])
def test_each_command_has_help(command: str, tmp_path: Path) -> None:
    done = letdown(*command.split(), "--help", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"Usage: letdown {command} [OPTIONS]" in done.stdout


def test_help_names_every_command(tmp_path: Path) -> None:
    done = letdown("--help", cwd=tmp_path, COLUMNS="200")
    assert done.returncode == 0
    assert set(re.findall(r"^│ (\w+)  ", done.stdout, re.MULTILINE)) == set(COMMANDS)


# What is wrong is said in one sentence: most of it is in `test_wrong_inputs`


def test_a_service_without_any_settings_is_told_of_setup(tmp_path: Path) -> None:
    said = complaint(letdown("run", cwd=tmp_path), 2)
    assert "there are no settings yet: `letdown setup` finds your devices" in said
    assert str(tmp_path / "letdown.yaml") in said


def test_settings_are_found_in_the_usual_places_and_the_file_is_named(tmp_path: Path) -> None:
    users, here = tmp_path / "xdg/letdown/letdown.yaml", tmp_path / "letdown.yaml"
    users.parent.mkdir(parents=True)
    device = "stations: {home: {devices: [{name: %s, profile: open-warm-pad, advertised_name: Pad}]}}\n"
    users.write_text(device % "of-the-user", encoding="utf-8")
    for file, name in ((users, "of-the-user"), (here, "of-this-folder")):
        if file == here:
            here.write_text(device % name, encoding="utf-8")
        done = letdown("devices", "--json", cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg"))
        assert [row["name"] for row in json.loads(done.stdout)] == [name]
        assert done.stderr == f"letdown: using the settings in {file}\n"
    done = letdown("devices", "--json", "--config", str(users), cwd=tmp_path)
    assert [row["name"] for row in json.loads(done.stdout)] == ["of-the-user"]
    assert done.stderr == ""


def test_found_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    (tmp_path / "letdown.yaml").write_text("languag: en\n", encoding="utf-8")
    done = letdown("routines", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'letdown.yaml'}:1: languag: is not known here" in done.stderr


def test_a_limit_raised_by_the_environment_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("limits:\n  heat_celsius: 40\n", encoding="utf-8")
    done = letdown("devices", "--config", "mine.yaml", cwd=tmp_path, LETDOWN_LIMITS__HEAT_CELSIUS="50")
    assert "LETDOWN_" in complaint(done, 2)


@pytest.mark.system
def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    began = time.monotonic()
    done = letdown("demo", "--broker", "mqtt://ann:s3cret@127.0.0.1:1", "--json", cwd=tmp_path)
    assert time.monotonic() - began < 20  # five seconds of patience, and the start of Python on a busy machine
    assert "nothing answers at mqtt://127.0.0.1:1" in complaint(done, 2)
    assert "s3cret" not in done.stderr


def test_a_transport_where_nobody_serves(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("radio: {kind: bumble, transport: 'tcp-client:127.0.0.1:1'}", encoding="utf-8")
    for command in ("run", "scan"):
        said = complaint(letdown(command, "--config", "mine.yaml", cwd=tmp_path), 1)
        assert "first start what serves the virtual devices there" in said
