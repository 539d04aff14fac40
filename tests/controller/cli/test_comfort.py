"""`letdown comfort`: what was learned, in words and as JSON; accepted, reset, and turned off and on."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from controller.contract.comfort import LearnedVacuum
from controller.history.comfort.comfort_state import save_learned
from controller.history.history_store import HistoryStore
from devices.roles import Phase, Side


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "letdown.yaml"
    file.write_text("language: en\n", encoding="utf-8")
    (tmp_path / "letdown").mkdir()

    async def fill() -> None:
        vacuum = LearnedVacuum(
            side=Side.LEFT,
            phase=Phase.EXPRESSION,
            mmhg=120,
            because="pain",
            since=datetime(2026, 3, 1, 12, tzinfo=UTC),
        )
        async with HistoryStore.opened(tmp_path / "letdown" / "letdown-history.db") as store:
            await save_learned(store, "home", [vacuum])

    asyncio.run(fill())
    return file


def run(settings: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["comfort", *arguments, "--config", str(settings)])
    return done.exit_code, done.output


def test_it_shows_what_was_learned_and_why(settings: Path) -> None:
    code, text = run(settings)
    assert code == 0
    assert "Left breast, expression: begins at 120 mmHg at most, since 1 Mar 2026: it hurt" in text
    shown = json.loads(run(settings, "--json")[1])
    assert [(each["side"], each["mmhg"]) for each in shown["learned"]] == [("left", 120.0)]


def test_it_can_be_turned_off_and_on_and_reset(settings: Path) -> None:
    assert "not used now" in run(settings, "off")[1]
    assert json.loads(run(settings, "--json")[1])["learning"] is False
    assert "not used now" not in run(settings, "on")[1]
    assert "Nothing is learned yet" in run(settings, "reset")[1]


def test_a_station_that_does_not_exist_and_nothing_to_accept_are_errors(settings: Path) -> None:
    code, text = run(settings, "--station", "hom")
    assert code != 0
    assert "home" in text
    assert run(settings, "accept")[0] != 0
