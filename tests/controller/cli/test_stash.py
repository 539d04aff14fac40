"""`letdown stash`: stored, moved and used from the command line, and what does not fit is one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "letdown").mkdir()
    file = tmp_path / "letdown.yaml"
    file.write_text("language: en\n", encoding="utf-8")
    return file


def run(settings: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["stash", *arguments, "--config", str(settings)])
    return done.exit_code, done.output


@pytest.mark.system
def test_milk_is_stored_thawed_and_used(settings: Path) -> None:
    assert "no stored milk" in run(settings)[1]
    assert not list((settings.parent / "letdown").iterdir()), "only what stores milk creates the history"
    assert run(settings, "add", "bag 12", "120", "freezer")[0] == 0
    assert run(settings, "add", "blue", "90", "fridge", "--expressed", "2020-03-01T06:30")[0] == 0
    code, text = run(settings)
    assert code == 0
    assert text.index("blue") < text.index("bag 12")
    assert "past its time" in text
    assert run(settings, "thaw", "bag 12")[0] == 0
    assert run(settings, "use", "bag 12", "50")[0] == 0
    assert run(settings, "discard", "blue")[0] == 0
    (kept,) = json.loads(run(settings, "--json")[1])
    assert (kept["name"], kept["ml"], kept["place"], kept["thawed"]) == ("bag 12", 70.0, "fridge", True)
    assert run(settings, "use", "bag 12")[0] == 0
    assert json.loads(run(settings, "--json")[1]) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("use", "none"),
        ("thaw", "none"),
        ("add", "bag", "0", "fridge"),
        ("add", "bag", "50", "cellar"),
        ("add", "bag", "2000", "fridge"),
        ("add", "bag", "50", "fridge", "--expressed", "2999-01-01"),
        ("add", "bag", "50", "fridge", "--station", "elsewhere"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(settings: Path, arguments: tuple[str, ...]) -> None:
    assert run(settings, *arguments)[0] != 0
    assert arguments[0] == "add" or not list((settings.parent / "letdown").iterdir())
    assert json.loads(run(settings, "--json")[1]) == []
