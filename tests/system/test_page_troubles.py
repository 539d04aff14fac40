"""What the page shows when something is wrong, and what it asks twice: without barriers, and whole on a small phone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from controller.contract.words import languages, load_words
from tests.helpers.browser import PHONE, SHARED, barriers, browser
from tests.helpers.command_line import ROOT
from tests.helpers.kept_history import history_of
from tests.helpers.learned_comfort import add_learned_comfort
from tests.helpers.page_browser import WAIT_MS, both_schemes, check_bar, opened, see
from tests.helpers.page_pictures import upload
from tests.helpers.served_home import TROUBLES, TWO_STATIONS, Trouble, served_home
from tests.helpers.web_service import web_service

pytestmark = [pytest.mark.system, *SHARED]

SMALL = {"width": 320, "height": 568}
CAPTURE = ROOT / "tests/devices/captures/open-pump/extract.btsnoop"
QUESTIONS = [f"confirm?what={what}" for what in ("accept", "off", "reset")]


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


async def check_small(page: Page) -> None:
    """Without barriers, and nothing is beside a small screen."""
    assert await barriers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]


@contextlib.asynccontextmanager
async def twice_the_size(port: int) -> AsyncIterator[Page]:
    """Open the page on a phone whose text is set to twice its size."""
    async with browser("--blink-settings=defaultFontSize=32") as started:
        page = await started.new_page(viewport=PHONE)
        await page.goto(f"http://127.0.0.1:{port}/")
        yield page


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
@pytest.mark.parametrize("language", languages())
async def test_a_trouble_is_shown_once_whole_and_without_barriers(language: str, trouble: Trouble) -> None:
    words = load_words(language)
    async with served_home(language=language) as home:
        await trouble.happen(home)
        async with opened(home.port, viewport=SMALL) as (page,):
            await expect(page.locator(trouble.shows).first).to_be_visible(timeout=WAIT_MS)
            async for _ in both_schemes(page):
                await check_small(page)
            if home.snapshot.uncertain:
                shown = await page.locator("#now").inner_text()
                assert shown.count(words.uncertain(home.snapshot.uncertain)) == 1
        async with twice_the_size(home.port) as page:
            await expect(page.locator(trouble.shows).first).to_be_visible(timeout=WAIT_MS)
            await check_bar(page)


async def test_an_acknowledged_trip_is_no_longer_asked_to_be_acknowledged() -> None:
    trip = next(each for each in TROUBLES if each.name == "51-trip")
    async with served_home() as home:
        await trip.happen(home)
        async with opened(home.port) as (page,):
            await see(page, "#warnings", "left-pump: the vacuum was too high. Take everything off your breast.")
            await expect(page.locator("#b-start")).to_be_disabled()
            await page.locator("#b-acknowledge").click()
            await see(page, "#guide", "Start again whenever you like")
            await expect(page.locator("#warnings")).not_to_contain_text("safety", timeout=WAIT_MS)
            await expect(page.locator("#b-start")).to_be_enabled(timeout=WAIT_MS)


@pytest.mark.parametrize("language", languages())
async def test_what_is_asked_twice_about_comfort_is_whole_and_without_barriers(language: str, tmp_path: Path) -> None:
    async with history_of(tmp_path / "history.db") as history:
        await add_learned_comfort(history, datetime.now(UTC))
        async with web_service(4, language=language, history=history) as (_, port):
            async with opened(port, viewport=SMALL) as (page,):
                await page.goto(f"http://127.0.0.1:{port}/settings")
                await expect(page.locator("#b-comfort-accept")).to_be_visible(timeout=WAIT_MS)
                for path in ("settings", *QUESTIONS):
                    await page.goto(f"http://127.0.0.1:{port}/{path}")
                    await expect(page.locator("#learned" if path == "settings" else "#sure")).to_be_visible()
                    async for _ in both_schemes(page):
                        await check_small(page)
            async with twice_the_size(port) as page:
                for path in QUESTIONS:
                    await page.goto(f"http://127.0.0.1:{port}/{path}")
                    await check_bar(page)


@pytest.mark.parametrize("language", languages())
async def test_the_page_of_a_capture_and_its_refusal_have_no_barrier(language: str, tmp_path: Path) -> None:
    words = load_words(language)
    none = tmp_path / "holiday.txt"
    none.write_text("Dear diary", encoding="utf-8")
    async with served_home(language=language) as home, opened(home.port, viewport=SMALL) as (page,):
        for file, said in ((CAPTURE, words.frames["title"]), (none, words.frames["upload_unreadable"][:12])):
            shown = await upload(page, f"http://127.0.0.1:{home.port}", file)
            await expect(shown.locator("main")).to_contain_text(said, timeout=WAIT_MS)
            async for _ in both_schemes(shown):
                await check_small(shown)
            await shown.close()


@pytest.mark.parametrize("language", languages())
async def test_several_stations_and_a_missing_page_have_no_barrier(language: str) -> None:
    async with (
        served_home(language=language, stations=TWO_STATIONS) as home,
        opened(home.port, viewport=SMALL) as (page,),
    ):
        for path in ("", "nothing", "?station=Kitchen"):
            await page.goto(f"http://127.0.0.1:{home.port}/{path}")
            await check_small(page)
