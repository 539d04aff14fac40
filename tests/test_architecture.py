"""The shape of the code: which package may import which, that names are unique, and how long a file may get."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.command_line import ROOT

MODULES = [*sorted((ROOT / "controller").rglob("*.py")), *sorted((ROOT / "devices").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 400
DOCSTRING = re.compile(r'"""\S')
CLASS = re.compile(r"^\s*class (\w+)", re.MULTILINE)
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|[^\n;]+)|import[ \t]+[\w., ]+)", re.MULTILINE
)
NOT_FOR_IMPORT = re.compile(r"tests(\.\w+)*\.(test_\w+|conftest)$")


def test_imports_keep_the_contracts_between_packages() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_every_module_has_a_docstring() -> None:
    assert MODULES
    assert [name(file) for file in MODULES if not DOCSTRING.match(text(file))] == []


def test_no_module_is_too_long_to_be_read_in_one_go() -> None:
    lines = {name(file): len(text(file).splitlines()) for file in MODULES}
    assert {file: count for file, count in lines.items() if count > MOST_LINES} == {}


def test_no_two_modules_share_a_name() -> None:
    modules: dict[str, list[str]] = defaultdict(list)
    for file in MODULES:
        if file.stem not in ("__init__", "__main__"):
            modules[file.stem].append(name(file))
    assert {each: files for each, files in modules.items() if len(files) > 1} == {}


def test_no_two_classes_share_a_name() -> None:
    classes: dict[str, list[str]] = defaultdict(list)
    for file in MODULES:
        for found in CLASS.findall(text(file)):
            classes[found].append(name(file))
    assert {each: files for each, files in classes.items() if len(files) > 1} == {}


def test_no_two_modules_import_each_other() -> None:
    """Not even inside a function or for type hints: who reads one would have to read the other."""
    imports = {module(file): set(imported(file)) for file in MODULES}
    both_ways = [
        (one, other) for one in imports for other in imports[one] if one in imports.get(other, ()) and one < other
    ]
    assert both_ways == []


@pytest.mark.system
def test_what_tests_share_is_in_helpers_and_imported_from_no_test_module_or_conftest() -> None:
    found = [f"{name(file)} imports {module}" for file in TESTS for module in imported(file)]
    assert [each for each in found if NOT_FOR_IMPORT.search(each)] == []


@cache
def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def imported(file: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it; what it imports from a package may be a module, too.

    Only the imports are parsed: to parse each file whole takes seconds.
    """
    for found in IMPORT.findall(text(file)):
        (node,) = ast.parse(found.strip()).body
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
