"""`letdown history uploads`: what Baby Buddy did not take is shown, and a person decides, also beside a service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.cli.main import app
from tests.helpers.baby_buddy_server import TOKEN, Answer
from tests.helpers.session_records import numbered
from tests.helpers.uploading import Uploading

Run = Callable[..., Result]


@pytest.fixture
def rejected(tmp_path: Path) -> None:
    asyncio.run(_reject(tmp_path))


async def _reject(folder: Path) -> None:
    async with Uploading.opened(folder / "letdown-history.db", url="http://localhost:8000") as house:
        await house.keep(numbered(1, left=40))
        await house.keep(numbered(2, left=41))
        await house.keep(numbered(3))
        await house.send()
        house.server.before = lambda method, path: (
            Answer(400, {"non_field_errors": ["Another entry <b>intersects</b>"]}) if method == "PATCH" else None
        )
        await house.edit("s2", left_ml=50)
        await house.send()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = tmp_path / "letdown.yaml"
    text = f"store: {{path: letdown.db}}\nbaby_buddy: {{url: 'http://localhost:8000', child: 1, token: {TOKEN}}}\n"
    config.write_text(text, encoding="utf-8")

    def call(*arguments: str) -> Result:
        found = CliRunner().invoke(app, ["history", "uploads", *arguments, "--config", str(config)])
        assert TOKEN not in found.output
        return found

    return call


def test_what_is_open_comes_first_with_the_reason(rejected: None, run: Run) -> None:
    rows = json.loads(run("--json").stdout)
    assert [(each["session_id"], each["state"]) for each in rows] == [
        ("s2", "rejected"),
        ("s3", "not_sent"),
        ("s1", "sent"),
    ]
    assert rows[0]["detail"] == "400 Another entry intersects"
    text = run().stdout
    assert "not accepted" in text


@pytest.mark.system
def test_a_person_retries_or_skips(rejected: None, run: Run) -> None:
    assert run("retry").stdout == "Sent again: 1\n"
    assert json.loads(run("--json").stdout)[0]["state"] == "waiting"
    assert run("skip", "s2").stdout == "Skipped: 1\n"
    found = run("skip", "s9")
    assert found.exit_code == 2
    assert "s9 is not among the sessions for Baby Buddy" in found.stderr


def test_without_a_history_or_without_baby_buddy_it_says_so(run: Run, tmp_path: Path) -> None:
    assert "there is no history yet" in run().stderr
    (tmp_path / "letdown.yaml").write_text("language: en\n", encoding="utf-8")
    found = run()
    assert found.exit_code == 2
    assert "baby_buddy is not in the settings" in found.stderr
