"""Every command in a block of the documentation: the real command line, Makefile, API and command model accept it."""

from __future__ import annotations

import functools
import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controller.cli.openapi_document import openapi_document
from controller.contract.commands import parse_command
from controller.contract.features.feature import accepting
from controller.contract.features.station_features import station_features
from controller.safety.limits import OwnerLimits
from controller.session.routine import load_routines
from tests.helpers.command_blocks import PAGES, Typed, commands_in, typed
from tests.helpers.command_line import ROOT
from tests.helpers.command_parser import parse
from tests.helpers.in_process import letdown

COMMANDS = [each for page in PAGES for each in typed(page)]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
OUR_FOLDERS = re.compile(r"(?:\./)?(?:config|requirements|tests|docs|controller|devices)/[\w./*-]+")
# Programs of others. What they do is theirs; the files of the project that they are given have to be there.
OF_OTHERS = {
    *("apt", "apt-get", "brew", "cat", "cd", "chmod", "chown", "cp", "cosign", "dnf", "docker", "dpkg", "export"),
    *("gh", "git", "gpg", "helm", "install", "journalctl", "kubectl", "loginctl", "ls", "mkdir", "mv", "nohup"),
    *(
        "openssl",
        "pip",
        "pip-audit",
        "pipx",
        "podman",
        "psql",
        "rm",
        "sh",
        "sha256sum",
        "ssh",
        "systemctl",
        "tar",
        "useradd",
        "userdel",
    ),
    *("usermod", "createuser", "createdb", "uv", "wget", "winget", "flatpak", "pacman", "zypper", "tee", "unzip"),
    *("datamodel-codegen", "npx", "head"),
}
# Such a command ends at once, and needs no device, no broker, no history and no file of the reader.
AT_ONCE = ("routines", "schema")


def of(*programs: str) -> list[Typed]:
    found = [each for each in COMMANDS if each.program in programs]
    assert found, f"no page has {programs}"
    return found


def ends_at_once() -> list[Typed]:
    """Return each such command once, whichever page it is on."""
    return list({each.arguments: each for each in of("letdown") if each.arguments[0] in AT_ONCE}.values())


def test_the_blocks_are_found() -> None:
    assert len(COMMANDS) > 150
    assert len({each.page for each in COMMANDS}) > 15


def test_no_program_is_unknown() -> None:
    ours = {"letdown", "make", "mosquitto_pub", "mosquitto_sub", "curl", "python", "python3"}
    assert [str(each) for each in COMMANDS if each.program not in ours | OF_OTHERS] == []


@pytest.mark.parametrize("command", of("letdown"), ids=str)
def test_the_command_line_takes_each_command(command: Typed) -> None:
    parse(shlex.join(("letdown", *command.arguments)))


@pytest.mark.parametrize("command", ends_at_once(), ids=str)
def test_what_ends_at_once_does_what_it_says(command: Typed, tmp_path: Path) -> None:
    done = letdown(*command.arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    if command.arguments[0] == "schema":
        assert json.loads(done.stdout)


def test_make_has_each_target() -> None:
    wanted = {each for command in of("make") for each in command.arguments if re.fullmatch(r"[a-z-]+", each)}
    assert wanted <= TARGETS


def test_each_file_of_the_project_is_there() -> None:
    named = {(each.page, word) for each in COMMANDS for word in each.arguments if OUR_FOLDERS.fullmatch(word)}
    missing = [each for each in named if not list(ROOT.glob(each[1].removeprefix("./")))]
    assert len(named) >= 5
    assert [each for each in missing if "MINE" not in each[1]] == []


# MQTT


def topic_and_payload(command: Typed) -> tuple[str, str | None]:
    options = dict(zip(command.arguments, command.arguments[1:], strict=False))
    return options["-t"], options.get("-m")


@functools.cache
def settable() -> set[str]:
    return {feature.id for feature in accepting(station_features(OwnerLimits(), load_routines()))}


@pytest.mark.parametrize("command", of("mosquitto_pub", "mosquitto_sub"), ids=str)
def test_what_is_published_is_a_command_or_a_feature(command: Typed) -> None:
    topic, payload = topic_and_payload(command)
    assert topic.startswith(("letdown/", "homeassistant/"))
    if command.program == "mosquitto_sub":
        return
    assert payload is not None
    if topic.endswith("/command"):
        parse_command(payload.encode())
    else:
        assert topic.endswith("/set")
        assert topic.split("/")[-2] in settable() or "/device/" in topic


# The HTTP API


@functools.cache
def operations() -> list[tuple[str, str]]:
    """Return method and path of each operation of the API, the path as a regular expression."""
    paths = openapi_document()["paths"]
    return [
        (method.upper(), re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in paths for method in paths[path]
    ]


@pytest.mark.parametrize(
    "command", [each for each in of("curl") if any("/api/v1" in x for x in each.arguments)], ids=str
)
def test_the_api_has_what_is_asked_for(command: Typed) -> None:
    options = dict(zip(command.arguments, command.arguments[1:], strict=False))
    (address,) = [each for each in command.arguments if each.startswith("http")]
    asked = (options.get("-X", "GET"), urlsplit(address).path)
    assert asked[1] == "/api/v1/openapi.json" or any(
        method == asked[0] and re.fullmatch(path, asked[1]) for method, path in operations()
    )
    if "-d" in options:
        assert isinstance(json.loads(options["-d"]), dict)


# What must be found


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sudo -u letdown /opt/letdown/bin/letdown doctor", [("letdown", ("doctor",))]),
        ("A=1 B=2 letdown run > out.txt # go", [("letdown", ("run",))]),
        ("cd / && letdown scan | head -3", [("cd", ("/",)), ("letdown", ("scan",)), ("head", ("-3",))]),
        ('mosquitto_pub -t a/b -m \'{"id": "1"}\'', [("mosquitto_pub", ("-t", "a/b", "-m", '{"id": "1"}'))]),
    ],
)
def test_a_line_is_taken_apart(line: str, wanted: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(each.program, each.arguments) for each in commands_in("page", line)] == wanted


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(Exception, match="--spede"):
        parse("letdown demo --spede 3")
