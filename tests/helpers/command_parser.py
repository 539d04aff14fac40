"""Command lines held against the real command line: whether a command and its options exist, without running it."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer.main

from controller.cli.main import app


def walk(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that these words name, such as `devices test`, and the words after its name."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options_of(command: Any) -> set[str]:
    """Return every option that a command knows."""
    named = {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")}
    return named | {"-h", "--help"}


def parse(line: str) -> None:
    """Parse `letdown …` as it would be typed. Raise the parser's error where it does not fit."""
    program, *arguments = shlex.split(line.partition(" > ")[0], comments=True)
    assert program == "letdown"
    command: Any = typer.main.get_command(app)
    name, context = program, None
    while True:
        context = command.make_context(name, list(arguments), parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "commands") or not rest:
            return
        name, command, arguments = command.resolve_command(context, rest)


def misnamed(words: str) -> list[str]:
    """Return what does not exist of the command and the options in `words`, which follow `letdown` in a sentence."""
    sentence = re.split(r"[.;:,)](?:\s|$)", words)[0]
    tokens = sentence.split()
    command, rest = walk(tokens)
    if rest == tokens and tokens and not tokens[0].startswith("-"):
        return [tokens[0]]
    return [each for each in rest if re.match(r"--?[a-z]", each) and each.split("=")[0] not in options_of(command)]
