"""The commands that the documentation gives people to type: each line of each block of shell, taken apart."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.command_line import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(r"^( *)```(?:sh|bash|shell|console)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_ASSIGNED = re.compile(r"[A-Z][A-Z0-9_]*=")
_BETWEEN = {"&&", "||", "|", ";"}
_INTO = {">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Typed:
    """One command: the page, the program without its folder, and its arguments."""

    page: str
    program: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join((self.program, *self.arguments))}"


def typed(page: Path) -> Iterator[Typed]:
    """Yield the commands on a page."""
    name = page.relative_to(ROOT).as_posix()
    for _, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in textwrap.dedent(block).replace("\\\n", " ").splitlines():
            yield from commands_in(name, line.removeprefix("$ "))


def commands_in(page: str, line: str) -> Iterator[Typed]:
    """Yield the commands of one line, without what only goes before them: variables, `sudo -u USER`."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _BETWEEN:
            words.append(word)
            continue
        if found := _without_prefix(words):
            end = next((at for at, each in enumerate(found) if each in _INTO), len(found))
            yield Typed(page, found[0].rpartition("/")[2], tuple(found[1:end]))
        words = []


def _without_prefix(words: list[str]) -> list[str]:
    while words and (_ASSIGNED.match(words[0]) or words[0] in ("sudo", "-u")):
        words = words[2:] if words[0] == "-u" else words[1:]
    return words
