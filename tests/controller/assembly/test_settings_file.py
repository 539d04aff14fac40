"""Where settings are found when no command line names a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.assembly.settings_file import SYSTEM_FILE, SettingsSearch, find_settings, places, user_file


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / folder / "letdown.yaml" for folder in ("here", "user", "etc")]
    for file in found:
        file.parent.mkdir()
    return found


def test_the_working_folder_comes_first_then_the_user_then_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert places() == (tmp_path / "letdown.yaml", tmp_path / "xdg/letdown/letdown.yaml", SYSTEM_FILE)
    assert Path("/etc/letdown/letdown.yaml") == SYSTEM_FILE


@pytest.mark.parametrize("named", ["", "relative/does/not/count"])
def test_without_xdg_it_is_in_the_home_folder(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", named)
    assert user_file() == tmp_path / ".config/letdown/letdown.yaml"


def test_the_first_that_exists_is_found(files: list[Path]) -> None:
    assert find_settings(files) == SettingsSearch(None)
    for file in reversed(files):
        file.write_text("language: en\n")
        assert find_settings(files) == SettingsSearch(file)


def test_a_folder_of_that_name_is_not_a_settings_file(files: list[Path]) -> None:
    files[0].mkdir()
    files[1].touch()
    assert find_settings(files).file == files[1]


def test_a_broken_link_is_found_so_that_reading_it_says_so(files: list[Path]) -> None:
    files[0].symlink_to("gone.yaml")
    files[1].touch()
    assert find_settings(files).file == files[0]


def test_one_that_may_not_be_read_is_passed_over_and_reported(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in files[1:]:
        file.touch()
    allowed = Path.open

    def opened(file: Path, *args: Any) -> Any:
        if file == files[1]:
            raise PermissionError(file)
        return allowed(file, *args)

    monkeypatch.setattr(Path, "open", opened)  # root, who runs the tests in CI, may read everything
    assert find_settings(files) == SettingsSearch(files[2], (files[1],))
