"""The web page in a real browser, on virtual devices: a whole session, without script, and without contact."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

import pytest
from playwright.async_api import Route, expect

from controller.app import App
from controller.contract.events import SessionState
from controller.web.web_settings import WebSettings
from tests.helpers.bad_network import bad_network
from tests.helpers.browser import PHONE, SHARED, barriers, browser
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, check_bar, opened, see
from tests.helpers.web_service import web_service

pytestmark = [pytest.mark.system, *SHARED]

TWO_POINTS = re.compile(r"[\d.]+,[\d.]+ [\d.]+,[\d.]+")


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


def snapshot(app: App) -> SessionState:
    (station,) = app.stations.values()
    return station.reporter.snapshot.state


async def test_there_is_no_serious_barrier_on_any_screen() -> None:
    async with web_service(4) as (_, port), opened(port) as (page,):
        pages = [page]
        light = await page.context.browser.new_context(viewport=PHONE, color_scheme="light")
        pages.append(await light.new_page())
        address = page.url
        for path in ("devices", "settings", ""):
            for each in pages:
                await each.goto(address + path)
                assert await barriers(each) == []
        await page.locator("#b-start").click()
        for each in pages:
            await see(each, "#guide", "lump")
            assert await barriers(each) == []
        await page.get_by_role("button", name="No to all questions").click()
        for each in pages:
            await see(each, "#guide-title", "Warmth")
            assert await barriers(each) == []
        await page.locator(".bar .stop").click()
        for each in pages:
            await see(each, "#after", "You stopped it")
            assert await barriers(each) == []


async def test_with_text_at_twice_its_size_stop_and_pain_are_whole_and_nothing_is_beside_the_screen() -> None:
    twice = browser("--blink-settings=defaultFontSize=32")
    async with web_service(4, language="de") as (_, port), twice as started:
        page = await started.new_page(viewport=PHONE)
        for path in ("devices", "settings", "test-device?device=left-pump", ""):
            await page.goto(f"http://127.0.0.1:{port}/{path}")
            await check_bar(page)
        await page.locator("#b-start").click()
        await see(page, "#guide", "Knoten")
        await check_bar(page)
        for button in await page.locator(".bar button").all():
            assert await button.evaluate("each => each.scrollWidth <= each.clientWidth")


async def test_a_whole_session_with_a_second_browser_beside_it() -> None:
    async with web_service(8) as (_, port), opened(port, pages=2) as (page, other):
        await check_bar(page)
        await page.locator(".routine", has_text="Classic").click()
        await page.locator("#b-start").click()
        await see(other, "#guide", "painful lump")
        await check_bar(page)
        await page.get_by_role("button", name="No", exact=True).click()
        await see(page, "#guide", "red, darker than usual")
        await see(other, "#guide", "red, darker than usual")
        await page.get_by_role("button", name="No to all questions").click()
        await see(page, "#guide-title", "Warmth")
        await check_bar(page)
        await page.get_by_role("button", name="Skip").click()
        await see(page, "#guide-title", "Small circles")
        while await page.locator("#b-start_suction").count() == 0:
            title = await page.locator("#guide-title").text_content()
            await page.get_by_role("button", name="Skip").click()
            await expect(page.locator("#guide-title")).not_to_have_text(str(title), timeout=WAIT_MS)
        await check_bar(page)
        await page.locator("#b-start_suction").click()
        await see(page, "#guide-title", "Waiting for let-down")
        await page.locator("#b-let_down").click()
        await see(page, "#guide-title", "Expressing")
        await expect(page.locator("#curve polyline").first).to_have_attribute("points", TWO_POINTS, timeout=WAIT_MS)
        await see(page, "#readings", "Let-down")
        assert await barriers(page) == []
        await page.locator("#b-vacuum_down").click()
        await check_bar(page)
        await page.locator(".bar .pain").click()
        await see(page, "#stop-status", "Confirmed off: left-pump")
        await see(page, "#after", "It hurt")
        await see(other, "#state", "stopped")
        await page.locator("#left-ml").fill("40")
        await page.locator("#right-ml").fill("35,5")
        await page.get_by_role("button", name="Save").click()
        await expect(other.locator("[data-live=milk]")).to_have_text("76", timeout=WAIT_MS)
        await check_bar(page)


async def test_after_an_update_a_page_loads_itself_anew_but_never_during_a_session() -> None:
    async def updated(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace('name="letdown-version" content="', 'name="letdown-version" content="new')
        await route.fulfill(response=answer, body=text)

    async with web_service(5) as (_, port), opened(port) as (page,):
        await page.evaluate("window.old = true")
        await page.locator("#b-start").click()
        await see(page, "#guide", "lump")
        await page.route(re.compile(r"/\?station=home$"), updated)
        await page.get_by_role("button", name="No to all questions").click()
        await see(page, "#guide-title", "Warmth")
        assert await page.evaluate("window.old") is True
        async with page.expect_event("load"):
            await page.locator(".bar .stop").click()
        await page.unroute_all()
        await see(page, "#state", "stopped")


async def test_without_script_a_session_is_started_and_stopped() -> None:
    async with web_service(5) as (app, port), opened(port, script=False) as (page,):
        for action in ("stop", "pain"):
            await page.locator("#b-start").click()
            await see(page, "#guide", "lump" if action == "stop" else "")
            if action == "stop":
                await page.get_by_role("button", name="No to all questions").click()
            await see(page, "#guide-title", "Warmth")
            assert snapshot(app) is SessionState.RUNNING
            await check_bar(page)
            await page.locator(f".bar .{action}").click()
            await see(page, "#notice", "Confirmed.")
            assert snapshot(app) is SessionState.STOPPED
            assert page.url.startswith(f"http://127.0.0.1:{port}/?station=home")


async def test_a_lost_contact_is_said_within_four_seconds_and_stop_arrives_later() -> None:
    async with web_service(1) as (app, port), bad_network(port) as proxy, opened(proxy.port) as (page,):
        await page.locator("#b-start").click()
        await see(page, "#guide", "lump")
        await expect(page.get_by_text(NO_CONTACT)).to_be_hidden()
        began = time.monotonic()
        proxy.open.clear()
        await expect(page.get_by_text(NO_CONTACT)).to_be_visible(timeout=5000)
        assert time.monotonic() - began < 4.5  # 4 s, and what the browser and Playwright take on a slow machine
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", "sending")
        await check_bar(page)
        await asyncio.sleep(1)
        assert snapshot(app) is SessionState.CHECKING
        proxy.open.set()
        await see(page, "#stop-status", "Confirmed off")
        await expect(page.get_by_text(NO_CONTACT)).to_be_hidden(timeout=WAIT_MS)
        await see(page, "#state", "stopped")
        assert snapshot(app) is SessionState.STOPPED


async def test_a_service_that_is_gone_is_noticed_and_a_new_one_is_shown() -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with web_service(1) as (_, port):
            (page,) = await stack.enter_async_context(opened(port))
            await see(page, "#state", "ready")
        began = time.monotonic()
        await expect(page.get_by_text(NO_CONTACT)).to_be_visible(timeout=5000)
        assert time.monotonic() - began < 4.5
        async with web_service(1, WebSettings(port=port)):
            await expect(page.get_by_text(NO_CONTACT)).to_be_hidden(timeout=WAIT_MS)
            await page.locator("#b-start").click()
            await see(page, "#guide", "lump")
