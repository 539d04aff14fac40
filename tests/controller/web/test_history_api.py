"""The history over HTTP: pages of sessions, one session, the summary, corrections, and every problem."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from controller.contract.session_record import SessionEdit
from controller.web import history_reading
from tests.helpers.kept_history import Kept, Unreachable
from tests.helpers.session_records import BEGAN, days_of_sessions, record
from tests.helpers.web_client import BEARER, LAN, client, problem

HISTORY = "/api/v1/stations/home/history"
SUMMARY = "/api/v1/stations/home/summary"
JSON = {"content-type": "application/json"}


async def test_page_by_page_the_latest_first(kept: Kept) -> None:
    sessions = list(days_of_sessions(BEGAN, 4))
    await kept.put(*sessions)
    seen: list[str] = []
    async with kept.client() as here:
        query: dict[str, Any] = {"last": 10}
        while True:
            page = (await here.get(HISTORY, params=query)).json()
            seen += [each["id"] for each in page["sessions"]]
            if page["next_until"] is None:
                break
            query["until"] = page["next_until"]
        few = (await here.get(HISTORY, params={"since": (BEGAN - timedelta(hours=12)).isoformat()})).json()
    assert seen == [each.id for each in sessions]
    assert 0 < len(few["sessions"]) < 10
    assert few["next_until"] is None


async def test_a_session_has_the_milk_that_counts_beside_all_figures(kept: Kept) -> None:
    await kept.put(record("a", left=61.0, right=50.0))
    await kept.history.edit(SessionEdit(session_id="a", left_ml=44))
    async with kept.client() as here:
        (listed,) = (await here.get(HISTORY)).json()["sessions"]
        found = (await here.get(f"{HISTORY}/a")).json()
    assert listed == found["session"]
    assert (listed["volume_ml"], listed["volume_total_ml"]) == ({"left": 44, "right": 50, "both": None}, 94)
    assert {(each["side"], each["source"], each["ml"]) for each in listed["milk"]} == {
        ("left", "measured", 61),
        ("left", "entered", 44),
        ("right", "measured", 50),
    }
    assert found["steps"] == found["events"] == found["curves"] == []


async def test_the_summary(kept: Kept) -> None:
    now = datetime.now(UTC)
    await kept.put(record("a", now - timedelta(hours=1), left=61.0), record("b", now - timedelta(hours=30), left=9.0))
    async with kept.client() as here:
        found = (await here.get(SUMMARY)).json()
    assert (found["last_session_id"], found["rolling_24h_ml"], found["rolling_24h_sessions"]) == ("a", 61, 1)


async def test_a_correction(kept: Kept) -> None:
    await kept.put(record("a", left=61.0))
    async with kept.client() as here:
        answer = await here.patch(f"{HISTORY}/a", json={"revision": 0, "left_ml": 60, "note": "half asleep"})
        assert answer.status_code == 200
        assert (answer.json()["volume_ml"]["left"], answer.json()["note"], answer.json()["revision"]) == (
            60,
            "half asleep",
            1,
        )
        assert kept.service.commands[0].args == {
            "session_id": "a", "revision": 0, "left_ml": 60.0, "note": "half asleep",
        }  # fmt: skip
        # Null removes what was entered; what is left out stays.
        answer = await here.patch(f"{HISTORY}/a", json={"left_ml": None})
        assert (answer.json()["volume_ml"]["left"], answer.json()["note"]) == (61, "half asleep")
        assert "right_ml" not in kept.service.commands[1].args


async def test_a_correction_that_comes_too_late_gets_the_session_as_it_is(kept: Kept) -> None:
    await kept.put(record("a", left=61.0))
    await kept.history.edit(SessionEdit(session_id="a", left_ml=44, note="first"))
    async with kept.client() as here:
        answer = await here.patch(f"{HISTORY}/a", json={"revision": 0, "left_ml": 60})
        assert "changed meanwhile" in problem(answer, 409)
        assert (answer.json()["session"]["revision"], answer.json()["session"]["note"]) == (1, "first")
        assert "reply" not in answer.json()
    (after,) = await kept.history.sessions()
    assert after.volume_ml.left == 44


async def test_a_revision_may_be_written_with_a_point(kept: Kept) -> None:
    await kept.put(record("a", left=61.0))
    async with kept.client() as here:
        answer = await here.patch(f"{HISTORY}/a", content='{"revision": 0.0, "left_ml": 60}', headers=JSON)
        assert answer.json()["volume_ml"]["left"] == 60


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"left_ml": -1}', "left_ml"),
        ('{"left_ml": 1001}', "left_ml"),
        ('{"left_ml": "60"}', "left_ml"),
        ('{"left_ml": NaN}', "left_ml"),
        ('{"session_id": "b"}', "session_id"),
        ('{"revision": -1}', "revision"),
        ('{"revision": 0.5}', "revision"),
        ('{"note": "%s"}' % ("x" * 2001), "note"),
    ],
)
async def test_a_correction_that_is_none_says_what_is_wrong(kept: Kept, body: str, words: str) -> None:
    await kept.put(record("a", left=61.0))
    async with kept.client() as here:
        assert words in problem(await here.patch(f"{HISTORY}/a", content=body, headers=JSON), 422)
    assert kept.service.commands == []


async def test_each_other_problem_has_its_status(kept: Kept) -> None:
    await kept.put(record("a"), record("b").model_copy(update={"station": "attic"}))
    async with kept.client() as here:
        for path in (
            f"{HISTORY}/none",
            f"{HISTORY}/b",
            "/api/v1/stations/cellar/history",
            "/api/v1/stations/cellar/summary",
        ):
            problem(await here.get(path), 404)
        problem(await here.patch(f"{HISTORY}/b", json={"left_ml": 1}), 404)
        problem(await here.patch(f"{HISTORY}/a", content="{}"), 415)
        problem(await here.patch(f"{HISTORY}/a", content="x" * 20_000, headers=JSON), 413)
        for query in ("last=0", "last=201", "last=x", "since=yesterday", "until=2026-03-01T00:00:00"):
            problem(await here.get(f"{HISTORY}?{query}"), 422)


async def test_an_unreachable_history_is_a_503_and_so_is_none(kept: Kept) -> None:
    for history in (Unreachable(), None):
        kept.parts = replace(kept.parts, history=history)  # type: ignore[arg-type]
        async with kept.client() as here:
            for path in (HISTORY, SUMMARY, f"{HISTORY}/a"):
                problem(await here.get(path), 503)
            problem(await here.patch(f"{HISTORY}/a", json={"left_ml": 1}), 503)


async def test_a_database_that_hangs_does_not_hang_the_client(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        async def sessions(self, *_: object, **__: object) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(history_reading.in_time, "__defaults__", (0.01,))
    kept.parts = replace(kept.parts, history=Hanging())  # type: ignore[arg-type]
    async with kept.client() as here:
        problem(await here.get(HISTORY), 503)
        assert (await here.get("/history")).status_code == 503


async def test_nothing_of_it_can_be_read_without_the_token(kept: Kept) -> None:
    await kept.put(record("a", left=61.0, note="secret"))
    paths = (HISTORY, SUMMARY, f"{HISTORY}/a", "/history", "/history/sessions", "/history/session/a")
    async with client(kept.parts, LAN, peer="192.168.1.9", base="http://192.168.1.5:8080") as stranger:
        for path in paths:
            answer: httpx.Response = await stranger.get(path)
            assert problem(answer, 401)
            assert "61" not in answer.text
            assert "secret" not in answer.text
        problem(await stranger.patch(f"{HISTORY}/a", json={"left_ml": 1}), 401)
        for path in paths:
            assert (await stranger.get(path, headers=BEARER)).status_code == 200
