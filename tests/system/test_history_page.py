"""The history in a real browser: charts, corrections without script, barriers, layout, and five years of sessions."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from controller.contract.session_record import SessionEdit, SessionRecord
from controller.database.database import Database
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from devices.roles import Side
from tests.helpers.browser import PHONE, SHARED, barriers, browser
from tests.helpers.history_views import VIEWS, seconds_of_views
from tests.helpers.kept_history import history_of
from tests.helpers.page_browser import both_schemes
from tests.helpers.postgres import PostgresEngine, postgres_server
from tests.helpers.session_records import days_of_sessions
from tests.helpers.web_service import web_service

pytestmark = [pytest.mark.system, *SHARED]

WAIT_MS = 15_000
SMALL = {"width": 320, "height": 568}
PATHS = (*VIEWS, "history/session/none")
# How far what is there moves while a page loads; Chromium's own measure.
_SHIFT = """() => new Promise((done) => {
  let moved = 0;
  new PerformanceObserver((list) => { for (const each of list.getEntries()) moved += each.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(moved), 300);
})"""


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


@dataclass
class Opened:
    """A browser on a service with a history."""

    page: Page
    base: str
    store: HistoryStore
    sessions: Sequence[SessionRecord]

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path.format(id=self.sessions[0].id))


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    sessions: Sequence[SessionRecord],
    *,
    script: bool = True,
    language: str = "en",
    viewport: dict[str, int] | None = None,
    database: Database | None = None,
) -> AsyncIterator[Opened]:
    """Open the page. At the end: no error in the console."""
    errors: list[str] = []
    async with (
        history_of(folder / "history.db", *sessions, database=database) as store,
        web_service(10, language=language, history=store, curves=True) as (_, port),
        browser() as started,
    ):
        size: Any = viewport or PHONE
        own = await started.new_context(viewport=size, java_script_enabled=script)
        page = await own.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)
        yield Opened(page, f"http://127.0.0.1:{port}/", store, sessions)
        assert errors == []


def some_days(days: int = 40) -> list[SessionRecord]:
    return list(days_of_sessions(datetime.now(UTC), days))


def days_with_milk(sessions: Sequence[SessionRecord], days: int) -> set[date]:
    """Return which of the last days had milk of the left side: in its first hours, today has none yet."""
    first = datetime.now().astimezone().date() - timedelta(days=days - 1)
    began = {each.began_at.astimezone().date() for each in sessions if any(m.side is Side.LEFT for m in each.milk)}
    return {day for day in began if day >= first}


@pytest.mark.parametrize("language", ["en", "de"])
async def test_there_is_no_serious_barrier_and_nothing_is_wider_than_a_small_phone(
    tmp_path: Path, language: str
) -> None:
    async with opened(tmp_path, some_days(), language=language, viewport=SMALL) as here:
        for path in PATHS:
            await here.go(path)
            for each in await here.page.locator("details summary").all():
                await each.click()
            async for _ in both_schemes(here.page):
                assert await barriers(here.page) == []
                assert await here.page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
            assert await here.page.locator(".bar .stop").is_enabled()


async def test_the_charts_are_drawn_and_said(tmp_path: Path) -> None:
    async with opened(tmp_path, some_days()) as here:
        page = here.page
        await here.go("history")
        await expect(page.get_by_role("img", name="Milk of the last 7 days")).to_be_visible()
        assert await page.locator("#days rect.left").count() == len(days_with_milk(here.sessions, 7))
        await page.get_by_role("link", name="30 days").click()
        await expect(page.get_by_role("img", name="Milk of the last 30 days")).to_be_visible()
        table = page.get_by_role("region", name="Milk of the last 30 days")
        await expect(table).to_be_hidden()
        await page.locator("summary", has_text="Milk of the last 30 days").click()
        assert await table.get_by_role("row").count() == 31
        await here.go("history/session/{id}")
        await expect(page.get_by_role("img", name="The session in curves")).to_be_visible()
        box = await page.locator("#session path.line.left").first.bounding_box()
        assert box is not None
        assert box["width"] > 100


async def test_by_keyboard_from_the_history_to_a_corrected_session(tmp_path: Path) -> None:
    async with opened(tmp_path, some_days(3)) as here:
        page = here.page
        await here.go("history")
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.matches('.sessions a')"):
                break
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("history/session/"))
        await page.locator("#edit-left").focus()
        await page.keyboard.type("41,5")
        await page.keyboard.press("Enter")
        await expect(page.locator("#notice")).to_contain_text("Done")
        await expect(page.locator("#edit-left")).to_have_value("41.5")


@pytest.mark.parametrize("script", [True, False])
async def test_a_conflict_shows_the_newer_values_and_keeps_what_was_typed(tmp_path: Path, script: bool) -> None:
    async with opened(tmp_path, some_days(3), script=script) as here:
        page = here.page
        await here.go("history/session/{id}")
        await page.locator("#edit-left").fill("58")
        await page.locator("#edit-note").fill("mine\nof two lines")
        edit = SessionEdit(session_id=here.sessions[0].id, left_ml=44, note="theirs")
        await SessionRecords(here.store).edit(edit)
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#notice")).to_contain_text("changed meanwhile")
        await expect(page.locator("#hint-left")).to_contain_text("now: 44")
        await expect(page.locator("#note-hint")).to_contain_text("now: theirs")
        await expect(page.locator("#edit-left")).to_have_value("58")
        await expect(page.locator("#edit-note")).to_have_value("mine\nof two lines")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#notice")).to_contain_text("Done")
    async with HistoryStore.opened(tmp_path / "history.db") as store:
        latest = (await SessionRecords(store).sessions(last=1))[0]
    assert (latest.volume_ml.left, latest.note) == (58, "mine\nof two lines")


async def test_after_a_session_a_note_is_kept_also_while_the_page_follows(tmp_path: Path) -> None:
    async with opened(tmp_path, []) as here:
        page = here.page
        await page.goto(here.base)
        await page.locator("#b-start").click()
        await page.get_by_role("button", name="No to all questions").click()
        await expect(page.locator("#guide-title")).to_contain_text("Warmth")
        await page.locator(".bar .stop").click()
        await page.locator("#note").fill("too tired")
        await page.locator("#left-ml").focus()
        await asyncio.sleep(2)  # the page follows
        await expect(page.locator("#note")).to_have_value("too tired")
        await page.get_by_role("button", name="Save the note").click()
        await expect(page.locator("#notice")).to_contain_text("Done")
        await expect(page.locator("#note")).to_have_value("too tired")


async def test_nothing_moves_while_a_page_loads_and_there_are_few_requests(tmp_path: Path) -> None:
    async with opened(tmp_path, some_days()) as here:
        for path in PATHS[:4]:
            requests: list[str] = []
            here.page.on("request", lambda request, found=requests: found.append(request.url))  # type: ignore[misc]
            await here.go(path)
            assert await here.page.evaluate(_SHIFT) < 0.02
            assert len([each for each in requests if not each.endswith("/events")]) <= 10
            assert len(re.findall(r"<svg", await here.page.content())) <= 3


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database | None]:
    if request.param == "sqlite":
        yield None
        return
    with postgres_server() as server:
        yield PostgresEngine(server, tmp_path).database()


async def test_each_view_opens_within_a_second_with_five_years_of_sessions(
    tmp_path: Path, database: Database | None
) -> None:
    sessions = list(days_of_sessions(datetime.now(UTC), 5 * 365))
    assert len(sessions) > 14_000
    async with opened(tmp_path, sessions, database=database) as here:
        took = await seconds_of_views(here.base, sessions)
        assert max(took.values()) < 1.0, took
        began = time.monotonic()
        await here.go("history")
        await expect(here.page.locator("#let-downs")).to_be_visible()
        assert time.monotonic() - began < 3.0  # with all that a browser does at its first page
        assert timedelta(days=5 * 365 - 2) < sessions[0].began_at - sessions[-1].began_at
