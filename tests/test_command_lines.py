"""Every `letdown …` that anybody reads, in documents, settings, messages and help, is a command that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from controller.cli.main import app
from tests.helpers.command_line import ROOT
from tests.helpers.command_parser import misnamed, parse, walk

DOCUMENTS = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "tests").rglob("*.md"))]
SETTINGS = [each for each in sorted((ROOT / "config").rglob("*")) if each.is_file() and each.suffix != ".png"]
SOURCES = [*sorted((ROOT / "controller").rglob("*.py")), *sorted((ROOT / "devices").rglob("*.py"))]

QUOTED = re.compile(r"`(?:\S*/)?letdown ((?:[a-z]|--?[a-z])[^`]*)`")
TYPED = re.compile(r"(?:^|\s|bin/)letdown ((?:--?)?[a-z-]+(?![\w./:]).*)")
SAID = re.compile(r"(?<![\w/.-])letdown ((?:--?)?[a-z-]+(?![\w./:])[^`\n]*)")
IN_NO_COMMAND = re.compile(r"[|&;>#]|  ")
# Where the word stands for a user, a service or the project, as in `systemctl restart letdown and …`.
NOT_A_COMMAND = re.compile(
    r"(?:systemctl \w+|-u|-g|user|pip install|install --\S+|journalctl -u|docker (?:compose )?\w+(?: --\S+)*) letdown\b"
)


def lines_of(file: Path) -> Iterator[str]:
    """Yield what follows `letdown` in each command line of a document."""
    text = file.read_text(encoding="utf-8")
    yield from QUOTED.findall(" ".join(text.split("\n")) if file.suffix == ".md" else text)
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if file.suffix == ".md" else []
    comments = re.findall(r"^#   (letdown .*)$|^ExecStart=(.*)$", text, re.MULTILINE) if file.suffix != ".md" else []
    for line in "\n".join([*blocks, *("".join(each) for each in comments)]).splitlines():
        if found := TYPED.search(NOT_A_COMMAND.sub("", line)):
            yield IN_NO_COMMAND.split(found[1])[0].strip()


@pytest.mark.parametrize("file", [*DOCUMENTS, *SETTINGS], ids=lambda file: str(file.relative_to(ROOT)))
def test_documents_and_settings_name_commands_that_exist(file: Path) -> None:
    assert {line: wrong for line in lines_of(file) if (wrong := misnamed(line))} == {}


def test_the_command_lines_are_found() -> None:
    found = {line for file in (*DOCUMENTS, *SETTINGS) for line in lines_of(file)}
    assert len(found) > 30
    assert {"setup", "run", "devices test NAME"} <= found
    assert {"virtual --profile lovense --profile tuya-warmer", "run --config /etc/letdown/letdown.yaml"} <= found


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Yield each text in a module with its line; an expression in it becomes `…`."""
    source = file.read_text(encoding="utf-8")
    if "letdown" not in source:
        return
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = [each.value if isinstance(each, ast.Constant) else "…" for each in node.values]
            yield node.lineno, "".join(map(str, pieces))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


@pytest.mark.system
def test_messages_name_commands_that_exist() -> None:
    found, wrong = 0, {}
    for file in SOURCES:
        for number, text in texts(file):
            for said in (*QUOTED.findall(text), *SAID.findall(NOT_A_COMMAND.sub("", re.sub("`[^`]*`", "", text)))):
                found += 1
                if missing := misnamed(said):
                    wrong[f"{file.relative_to(ROOT)}:{number}: letdown {said}"] = missing
    assert wrong == {}
    assert found > 20


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("scan --addresses shows them", []),
        ("devices test NAME", []),
        ("try", ["try"]),
        ("scan --adresses", ["--adresses"]),
        ("devices --take-over", ["--take-over"]),
    ],
)
def test_what_does_not_exist_is_found(line: str, wrong: list[str]) -> None:
    assert misnamed(line) == wrong


# Help


def commands(command: Any = None, path: str = "letdown") -> Iterator[tuple[str, Any]]:
    command = command or typer.main.get_command(app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS)
def test_every_help_ends_with_examples_of_this_very_command_that_parse(path: str) -> None:
    heading, *examples = (COMMANDS[path].epilog or "").splitlines()
    assert heading == ("Example:" if len(examples) == 1 else "Examples:")
    assert examples
    for example in examples:
        assert example.strip().startswith(path)
        parse(example.strip())
        assert misnamed(example.strip().removeprefix("letdown ")) == []


def test_every_command_says_what_it_does_and_knows_h() -> None:
    for path, command in COMMANDS.items():
        assert command.help, path
        assert walk(path.split()[1:])[0] is not None
        context = command.make_context(path, [], resilient_parsing=True)
        assert path != "letdown" or context.help_option_names == ["-h", "--help"]
