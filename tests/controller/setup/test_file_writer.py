"""The settings are written whole or not at all, and are private where they have to be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.setup.file_writer import FileText, SettingsWriteError, backup_of, check_writable, write_files
from tests.helpers.command_line import ROOT, environment


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "letdown.yaml"


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def written(file: Path, text: str = "new\n", *, secret: bool = False) -> Path | None:
    return write_files(file, {file: FileText(text, secret)})


def test_a_new_file_is_private_and_has_no_copy(file: Path) -> None:
    file = file.parent / "deep/er" / file.name
    assert written(file) is None
    assert file.read_text() == "new\n"
    assert mode(file) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_the_settings_before_are_kept_beside_it(file: Path) -> None:
    file.write_text("old\n")
    assert written(file) == backup_of(file)
    assert (file.read_text(), backup_of(file).read_text()) == ("new\n", "old\n")
    written(file, "newer\n")
    assert (file.read_text(), backup_of(file).read_text()) == ("newer\n", "new\n")
    assert {each.name for each in file.parent.iterdir()} == {file.name, backup_of(file).name}


@pytest.mark.parametrize(
    ("before", "secret", "after"),
    [(0o644, False, 0o644), (0o644, True, 0o600), (0o640, True, 0o640), (0o600, True, 0o600), (0o600, False, 0o600)],
)
def test_its_mode_stays_unless_others_could_read_a_secret(file: Path, before: int, secret: bool, after: int) -> None:
    file.write_text("old\n")
    file.chmod(before)
    written(file, secret=secret)
    assert mode(file) == after
    assert mode(backup_of(file)) == after


def test_a_password_beside_it_can_be_read_by_whoever_reads_the_settings(file: Path) -> None:
    password = file.with_name("mqtt-password")
    for before, after in ((None, 0o600), (0o640, 0o640), (0o644, 0o600)):
        if before is not None:
            file.chmod(before)
        password.unlink(missing_ok=True)
        write_files(file, {password: FileText("x\n", secret=True), file: FileText("new\n", secret=False)})
        assert mode(password) == after


def test_a_link_stays_a_link(file: Path) -> None:
    real = file.with_name("real.yaml")
    real.write_text("old\n")
    file.symlink_to(real.name)
    written(file)
    assert file.is_symlink()
    assert real.read_text() == "new\n"


@pytest.mark.parametrize("step", ["fsync", "open"])
def test_a_full_disk_changes_nothing(file: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("old\n")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(SettingsWriteError, match=r"letdown\.yaml cannot be written: No space left on device"):
        written(file)
    monkeypatch.undo()
    assert file.read_text() == "old\n"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_limit_on_the_size_of_files_changes_nothing(file: Path) -> None:
    file.write_text("old\n")
    code = (
        "import resource, signal; from pathlib import Path;"
        "from controller.setup.file_writer import *; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); file = Path('letdown.yaml');"
        "write_files(file, {file.with_name('mqtt-password'): FileText('x', True), file: FileText('y' * 100, False)})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=file.parent, env=environment(), capture_output=True, text=True, check=False
    )
    assert "SettingsWriteError: letdown.yaml cannot be written: File too large" in done.stderr, (done.stderr, ROOT)
    assert file.read_text() == "old\n"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_where_it_cannot_be_written_is_known_before_anything_is_asked(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(file)
    check_writable(file.parent / "not/yet/there" / file.name)
    file.write_text("")
    with pytest.raises(SettingsWriteError, match="is not a folder"):
        check_writable(file / file.name)
    with pytest.raises(SettingsWriteError, match="it is a folder"):
        check_writable(file.parent)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who runs the tests in CI, may write everywhere
    with pytest.raises(SettingsWriteError, match="this user may not write in"):
        check_writable(file)
