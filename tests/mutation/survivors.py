"""Which changes of a module its tests let pass. Only copies in a temporary folder are changed, never the project."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.mutation.changes import Change, changes

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
AT_MOST_SECONDS = 120
# The same examples for every change, without a deadline that a busy machine could miss: what is killed was really seen.
PYTEST = ("-x", "-q", "--assert=plain", "--tb=no", "-p", "_hypothesis_pytestplugin", "--hypothesis-profile=ci")
OUTPUT = "output.txt"
RAN = 10  # is added to pytest's exit code: a process that did not get so far has another
PASSED, SEEN = RAN, {RAN + 1, RAN + 2}  # seen: a test failed, or the module could not even be imported

# Each change has a process of its own, forked from one that has imported what takes long, and nothing of the project.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["_hypothesis_pytestplugin", "hypothesis.strategies", "pydantic", "pytest", "yaml"])


class Outcome(NamedTuple):
    """All changes that were tried, and those that no test noticed."""

    tried: list[Change]
    survived: list[Change]


def survivors(project: Path, module: str, tests: Sequence[str], at_once: int = os.cpu_count() or 1) -> Outcome:
    """Try every change of a module of a project, several at once, each in a copy of its own."""
    with tempfile.TemporaryDirectory() as folder:
        original = shutil.copytree(project, Path(folder, "original"), ignore=NOT_COPIED)
        source = (original / module).read_text()
        copies: queue.Queue[Path] = queue.Queue()
        for number in range(at_once):
            copies.put(shutil.copytree(original, Path(folder, str(number))))

        def passes(changed: str) -> bool:
            compile(changed, module, "exec")  # or it would count as killed, and show nothing
            copy = copies.get()
            try:
                (copy / module).write_text(changed)
                return _pass(copy, tests)
            finally:
                copies.put(copy)

        if not passes(source):
            raise RuntimeError(f"the tests fail without any change: {' '.join(tests)}")
        tried = changes(source, module)
        with ThreadPoolExecutor(at_once) as pool:
            passed = list(pool.map(passes, [change.source for change in tried]))
        return Outcome(tried, [change for change, unnoticed in zip(tried, passed, strict=True) if unnoticed])


def _pass(copy: Path, tests: Sequence[str]) -> bool:
    """Run the tests of a copy in a process of their own. Tests that never end noticed nothing."""
    files = [str(file) for test in tests for file in sorted(copy.glob(test))]
    process = FORKS.Process(target=_run, args=(copy, files))
    process.start()
    process.join(AT_MOST_SECONDS)
    if process.exitcode is None:
        process.kill()
        return True
    if process.exitcode != PASSED and process.exitcode not in SEEN:
        raise RuntimeError(f"the tests could not be run: {(copy / OUTPUT).read_text()}")
    return process.exitcode == PASSED


def _run(copy: Path, files: list[str]) -> None:
    sys.dont_write_bytecode = True  # two changes within a second, of the same length, would look like one
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(copy)
    with Path(OUTPUT).open("w") as output, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main([*PYTEST, *files])
    sys.exit(RAN + code)
