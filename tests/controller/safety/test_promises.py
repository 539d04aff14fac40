"""Every promise of docs/safety.md names code and tests that exist."""

from __future__ import annotations

import ast
import difflib
import functools
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "docs/safety.md").read_text(encoding="utf-8").split("\n## Promises\n")[1].split("\n## ")[0]
NODE = re.compile(r"tests/[\w/]+/test_\w+\.py::(?:Test\w+::)?test_\w+")


class Promise(NamedTuple):
    """A promise, the places in the code that keep it, and the tests that show it."""

    words: str
    code: str
    tests: str

    def __str__(self) -> str:
        return self.words[:40]


def promises() -> list[Promise]:
    """Read the list: a line of words, one of code, one of tests."""
    lines = [line for line in SECTION.splitlines() if re.match(r" *- ", line)]
    return [
        Promise(words.removeprefix("- "), code.removeprefix("  - code: "), tests.removeprefix("  - tests: "))
        for words, code, tests in zip(lines[::3], lines[1::3], lines[2::3], strict=True)
    ]


@functools.cache
def nodes_of(file: str) -> frozenset[str]:
    """Return the tests that pytest collects from a file: its test functions, and those of its test classes."""
    found: set[str] = set()
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    classes = [(f"{each.name}::", each.body) for each in body if isinstance(each, ast.ClassDef)]
    for prefix, statements in [("", body), *classes]:
        functions = [each for each in statements if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        found |= {f"{file}::{prefix}{each.name}" for each in functions if each.name.startswith("test_")}
    return frozenset(found)


def test_there_are_promises() -> None:
    assert len(promises()) >= 37
    assert len({promise.words for promise in promises()}) == len(promises())


@pytest.mark.parametrize("promise", promises(), ids=str)
def test_every_promise_names_its_place_in_the_code(promise: Promise) -> None:
    for place in promise.code.split("; "):
        file, *names = re.findall(r"`([^`]+)`", place)
        code = (ROOT / file).read_text(encoding="utf-8")
        assert names
        assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


@pytest.mark.parametrize("promise", promises(), ids=str)
def test_every_promise_names_tests_that_exist(promise: Promise) -> None:
    nodes = re.findall(r"`([^`]+)`", promise.tests)
    assert nodes
    for node in nodes:
        assert NODE.fullmatch(node)
        file = node.partition("::")[0]
        assert (ROOT / file).is_file(), f"there is no {file}"
        near = difflib.get_close_matches(node, nodes_of(file), n=1, cutoff=0)
        assert node in nodes_of(file), f"there is no {node}; the nearest is {near}"
