"""The doctor and Baby Buddy: what is wrong and what would fit, without a change there or here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.doctor.baby_buddy_checks import baby_buddy
from controller.settings import Settings
from tests.helpers.baby_buddy_server import TOKEN, Answer, BabyBuddyServer
from tests.helpers.session_records import numbered
from tests.helpers.uploading import Uploading


def settings(url: str, folder: Path, **more: Any) -> Settings:
    found = {"url": url, "child": 1, "token": TOKEN} | more
    return Settings.model_validate({"baby_buddy": found, "store": {"path": folder / "letdown.db"}})


async def test_where_it_is_off_nothing_is_said() -> None:
    assert await baby_buddy(Settings()) == []


async def test_it_asks_for_the_child_and_changes_nothing(tmp_path: Path) -> None:
    server = BabyBuddyServer()
    async with server.serving() as url:
        (found,) = await baby_buddy(settings(url, tmp_path))
    assert (found.state, found.message.split(";")[0]) == ("note", "it answers, and knows the child")
    assert {method for method, _ in server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"token": "wrong"}, "did not accept the token"),
        ({"child": 7}, "there is no child 7"),
        ({"child": "nobody"}, "there is no child nobody"),
        ({"token": None, "token_file": "/nowhere/token"}, "token of Baby Buddy cannot be read"),
    ],
)
async def test_what_is_wrong_is_said_with_what_would_fit(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    async with BabyBuddyServer().serving() as url:
        (found,) = await baby_buddy(settings(url, tmp_path, **more))
    assert found.state == "problem"
    assert words in found.message
    if "child" in more:
        assert "1 or mia-smith" in str(found.remedy)


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    async with BabyBuddyServer().serving() as url:
        pass
    (found,) = await baby_buddy(settings(url, tmp_path))
    assert (found.state, found.message.split(".")[0]) == ("problem", "Baby Buddy cannot be reached")


async def test_rejected_sessions_are_a_problem_with_a_remedy(tmp_path: Path) -> None:
    async with BabyBuddyServer().serving() as url:
        async with Uploading.opened(tmp_path / "letdown-history.db", url=url) as house:
            house.server.before = lambda method, path: Answer(400, {"x": ["y"]}) if method == "POST" else None
            await house.keep(numbered(1, left=40))
            await house.send()
        _, found = await baby_buddy(settings(url, tmp_path))
    assert (found.state, found.message) == ("problem", "sessions that it did not accept: 1")
    assert "letdown history uploads" in str(found.remedy)
