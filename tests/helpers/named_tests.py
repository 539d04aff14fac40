"""Tests that documents name: whether they exist, by reading the files as pytest collects them."""

from __future__ import annotations

import ast
import difflib
import functools
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NODE = re.compile(r"tests/(?:\w+/)*test_\w+\.py::(?:Test\w+::)?test_\w+")


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


def problem_of(node: str) -> str | None:
    """Say why there is no such test, or return None if there is."""
    if not NODE.fullmatch(node):
        return f"{node!r} is not a test: tests/FOLDER/test_FILE.py::test_NAME"
    file = node.partition("::")[0]
    if not (ROOT / file).is_file():
        return f"there is no {file}"
    if node not in nodes_of(file):
        near = difflib.get_close_matches(node, nodes_of(file), n=1, cutoff=0)
        return f"there is no {node}; the nearest is {near}"
    return None
