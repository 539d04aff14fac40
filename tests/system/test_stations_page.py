"""The page of all stations in a browser: 200 of them, live on a tablet, by keyboard, in both languages and schemes."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from playwright.async_api import Page, ViewportSize, expect

from controller.contract.session_state import SessionState
from tests.helpers.browser import SHARED, barriers
from tests.helpers.many_stations import COUNT, bed, idle, running, tripped, ward, ward_parts
from tests.helpers.page_browser import WAIT_MS, both_schemes, opened, see
from tests.helpers.web_client import Asked, served
from tests.helpers.web_service import web_service

pytestmark = [pytest.mark.system, *SHARED]


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


TABLET: ViewportSize = {"width": 1024, "height": 768}
VISIBLE = ".tile:not([hidden])"


async def names(page: Page) -> list[str]:
    found = await page.locator(f"{VISIBLE} h3").all_inner_texts()
    return [each.strip() for each in found]


async def test_200_stations_are_live_with_problems_first() -> None:
    parts, board = ward_parts(ward())
    async with served(parts) as (_, port):
        began = time.monotonic()
        async with opened(port, path="stations", viewport=TABLET) as (page,):
            assert await page.locator(".tile").count() == COUNT
            assert (await names(page))[:3] == ["bed-195", "bed-197", "bed-3"]
            await expect(page.locator("[data-count=problem]")).to_have_text("2", timeout=WAIT_MS)
            await asyncio.sleep(1)
            board.watch(tripped(50))
            await see(page, '[data-station="bed-50"]', "Stopped for safety")
            await see(page, "#say", "bed-50: Stopped for safety")
            await expect(page.locator("[data-count=problem]")).to_have_text("3", timeout=WAIT_MS)
            second = page.locator(".tile").nth(1)  # after the one whose pump may still run
            await expect(second).to_have_attribute("data-station", "bed-50", timeout=WAIT_MS)
            board.watch(idle(50))
            await expect(page.locator('[data-station="bed-50"] [data-part=state]')).to_have_text("Ready")
            await expect(second).to_have_attribute("data-station", "bed-197", timeout=WAIT_MS)
            assert time.monotonic() - began < 60


async def test_nothing_moves_while_somebody_is_about_to_press() -> None:
    parts, board = ward_parts(ward())
    async with served(parts) as (_, port), opened(port, path="stations", viewport=TABLET) as (page,):
        await asyncio.sleep(1)
        await page.mouse.move(500, 300)
        board.watch(tripped(50))
        await see(page, '[data-station="bed-50"]', "Stopped for safety")
        assert (await names(page))[1] == "bed-197"
        await page.mouse.move(501, 301)
        await expect(page.locator(".tile").nth(1)).to_have_attribute("data-station", "bed-50", timeout=WAIT_MS)


async def test_filters_work_at_once_and_stay_in_the_address() -> None:
    parts, board = ward_parts(ward(30))
    async with served(parts) as (_, port), opened(port, path="stations", viewport=TABLET) as (page,):
        await page.locator("#show-problem").check(force=True)
        assert await names(page) == ["bed-25", "bed-27"]
        await page.locator("#show-running").check(force=True)
        await page.locator("#name").fill("bed-1")
        assert await names(page) == ["bed-12", "bed-15", "bed-18"]
        board.watch(running(11))
        await expect(page.locator('[data-station="bed-11"]')).to_be_visible(timeout=WAIT_MS)
        assert page.url.endswith("?show=running&name=bed-1")
        await page.reload()
        assert "bed-12" in await names(page)
        assert await page.locator("#show-running").is_checked()
        await page.locator("#name").fill("nobody")
        await see(page, "#none", "No station fits.")


async def test_by_keyboard_a_filter_is_chosen_and_a_station_stopped() -> None:
    asked = Asked()
    parts, _ = ward_parts(ward(30), asked=asked)
    async with served(parts) as (_, port), opened(port, path="stations", viewport=TABLET) as (page,):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip-link"
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowRight")
        assert await names(page) == ["bed-25", "bed-27"]
        for _ in range(4):  # name, link, Pain, Stop
            await page.keyboard.press("Tab")
        focused = await page.evaluate("document.activeElement.textContent")
        assert focused == "Stop bed-25"
        await page.keyboard.press("Enter")
        await see(page, '[data-station="bed-25"] [data-part=answer]', "Confirmed.")
        assert await page.evaluate("document.activeElement.textContent") == "Stop bed-25"
    assert [(station, command.action.value) for station, command, _ in asked.commands] == [("bed-25", "stop")]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_there_are_no_barriers_and_nothing_sticks_out(language: str) -> None:
    parts, _ = ward_parts(ward(30), language)
    async with served(parts) as (_, port):
        for viewport in (TABLET, ViewportSize(width=320, height=568)):
            async with opened(port, path="stations", viewport=viewport) as (page,):
                await see(page, ".tile >> nth=0", "bed-25")
                async for _ in both_schemes(page):
                    assert await barriers(page) == []
                    assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


async def test_when_the_controller_is_gone_it_says_so_and_comes_back() -> None:
    parts, board = ward_parts(ward(30))
    async with served(parts) as (_, port), opened(port, path="stations", viewport=TABLET) as (page,):
        await page.context.set_offline(True)
        parts.board.close()
        await see(page, "#contact", "No contact")
        await expect(page.locator("#contact p")).to_be_visible(timeout=WAIT_MS)
        board.watch(running(1, state=SessionState.PAUSED, ends_at=None))
        await page.context.set_offline(False)
        await see(page, '[data-station="bed-1"]', "Paused")
        await expect(page.locator("#contact p")).to_be_hidden(timeout=WAIT_MS)


async def test_without_a_script_it_is_all_there() -> None:
    parts, _ = ward_parts(ward(30))
    async with served(parts) as (_, port):
        path = f"stations?show=problem&name={bed(2)}"
        async with opened(port, path=path, viewport=TABLET, script=False) as (page,):
            assert await names(page) == ["bed-25", "bed-27"]
            await page.locator("#show-running").check(force=True)
            await page.get_by_role("button", name="Show").click()
            assert "bed-24" in await names(page)
            await page.locator('[data-station="bed-24"] .stop').click()
            await see(page, ".notice", "bed-24: Confirmed.")


async def test_a_real_session_is_on_the_board() -> None:
    async with web_service() as (app, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def tile() -> dict[str, object]:
            (found,) = (await client.get("/api/v1/board")).json()
            assert isinstance(found, dict)
            return found

        assert (await tile())["state"] == "idle"
        app.stations["home"].start("classic", no_symptoms=True)
        async with asyncio.timeout(30):
            while (found := await tile())["state"] != "running" or found["step"] is None:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert found["ends_at"] is not None
        assert found["troubles"] == []
