"""Whatever the standard streams are: closed, full, without a reader, or without the characters that are printed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli import standard_streams
from tests.helpers.command_line import LETDOWN, environment, fork_server

FULL = Path("/dev/full")
UNWRITTEN = "letdown: the output cannot be written: No space left on device; make room there, or send it elsewhere\n"
DEMO = ("demo", "--speed", "1000", "--routine", "soften-for-latch")
SEVERAL = [("routines",), ("profiles", "--json"), ("--help",), ("--version",), ("devices", "--virtual"), DEMO]
SEVERAL += [("scan", "--virtual", "--seconds", "0.5"), ("devices", "test", "left-pump", "--virtual", "--yes")]


@contextlib.contextmanager
def without_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def run(*arguments: str, folder: Path, stdout: int = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*LETDOWN, *arguments],
        cwd=folder,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )


def run_forked(*arguments: str, folder: Path, stdout: int) -> tuple[int | None, str]:
    """Run it with this standard output; return its code, and what it complains of."""
    with tempfile.TemporaryFile() as errors:
        process = fork_server().begin(*arguments, cwd=folder, env=environment(), stdout=stdout, stderr=errors)
        code = process.wait_blocking(120)
        errors.seek(0)
        return code, errors.read().decode()


def test_a_character_that_cannot_be_written_becomes_one_that_can() -> None:
    standard_streams.prepare()
    found = "✓ 37 °C → Wärme, größer … ▁█ naïve 你 \udcff".encode("ascii", "letdown.readable")
    assert found == b"+ 37 degC -> Waerme, groesser ... _# naive ? ?"
    assert "\udcff".encode("utf-8", "letdown.readable") == b"?"


@pytest.mark.system
@pytest.mark.parametrize("arguments", SEVERAL, ids=" ".join)
def test_an_output_that_nobody_reads_ends_it_silently(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with without_reader() as writer:
        assert run_forked(*arguments, folder=tmp_path, stdout=writer) == (1, "")


@pytest.mark.system
def test_the_end_of_python_itself_says_nothing_of_an_output_that_nobody_reads(tmp_path: Path) -> None:
    with without_reader() as writer:
        done = run("routines", folder=tmp_path, stdout=writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.system
@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", SEVERAL, ids=" ".join)
def test_an_output_that_is_full_is_said_in_one_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        assert run_forked(*arguments, folder=tmp_path, stdout=full.fileno()) == (1, UNWRITTEN)


@pytest.mark.system
@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_the_end_of_python_itself_says_nothing_of_an_output_that_is_full(tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        done = run("routines", folder=tmp_path, stdout=full.fileno())
    assert (done.returncode, done.stderr.decode()) == (1, UNWRITTEN)


@pytest.mark.system
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
@pytest.mark.parametrize("arguments", [("routines",), ("history",), DEMO], ids=" ".join)
def test_a_closed_stream_changes_nothing(closed: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *LETDOWN, *arguments],
        cwd=tmp_path,
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.system
@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C"},
        {"LC_ALL": "xx", "TERM": "", "TZ": "Nowhere/Nothing"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
def test_any_encoding_can_be_written(env: dict[str, str], tmp_path: Path) -> None:
    for arguments in (("routines", "--language", "de"), ("doctor", "--seconds", "0.1")):
        done = run(*arguments, folder=tmp_path, **env)
        assert done.returncode in (0, 1), done.stderr
        assert done.stdout
        assert done.stderr == b""
    rows = json.loads(run("routines", "--language", "de", "--json", folder=tmp_path, **env).stdout.decode())
    assert {row["name"] for row in rows} > {"Klassisch", "Wärme"}
