"""The examples of services for launchd and Windows say what the unit of systemd says. They are untested there."""

from __future__ import annotations

import plistlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from controller.assembly.settings_file import FILE_NAME

CONFIG = Path(__file__).parents[1] / "config"
UNIT = (CONFIG / "letdown.service").read_text(encoding="utf-8")
AGENT = plistlib.loads((CONFIG / "letdown.plist").read_bytes())
WINDOWS = ET.parse(CONFIG / "letdown-service.xml").getroot()


def of_windows(name: str) -> str:
    return WINDOWS.findtext(name) or ""


def unit(key: str) -> str:
    found = re.search(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    assert found
    return found[1]


def test_each_runs_the_service_with_its_settings() -> None:
    of_unit = unit("ExecStart").split()
    windows = [of_windows("executable"), *(each.strip('"') for each in of_windows("arguments").split())]
    for program, command, option, file in (of_unit, AGENT["ProgramArguments"], windows):
        assert re.split(r"[/\\]", program)[-1].removesuffix(".exe") == "letdown"
        assert (command, option) == ("run", "--config")
        assert re.split(r"[/\\]", file)[-1] == FILE_NAME


def test_each_restarts_it_a_second_after_it_ended() -> None:
    assert (unit("Restart"), unit("RestartSec")) == ("always", "1")
    assert (AGENT["KeepAlive"], AGENT["RunAtLoad"], AGENT["ThrottleInterval"]) == (True, True, 1)
    failure = WINDOWS.find("onfailure")
    assert failure is not None
    assert failure.attrib == {"action": "restart", "delay": "1 sec"}


def test_each_gives_it_ten_seconds_to_stop_every_device() -> None:
    assert (unit("TimeoutStopSec"), AGENT["ExitTimeOut"], of_windows("stoptimeout")) == ("10", 10, "10 sec")


def test_the_agent_writes_what_only_its_user_may_read() -> None:
    assert AGENT["Umask"] == int(unit("UMask"), 8) == 0o077


@pytest.mark.parametrize("name", ["Label", "StandardErrorPath"])
def test_the_agent_has_a_name_and_a_log(name: str) -> None:
    assert "letdown" in AGENT[name]
