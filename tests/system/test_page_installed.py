"""The page on a home screen: what browsers require for that, what the service worker keeps, and what it never does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from controller.web.role import Role
from controller.web.web_settings import WebSettings
from tests.helpers.bad_network import bad_network
from tests.helpers.browser import SHARED, browser
from tests.helpers.certificate import write_certificate
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, in_suction, is_running, opened, see, watch
from tests.helpers.web_client import Asked, parts_of, served

pytestmark = [pytest.mark.system, *SHARED]

ADVICE = f"{NO_CONTACT}, use the pump's own button."
READY = "navigator.serviceWorker.ready.then((found) => new URL(found.active.scriptURL).pathname)"
REGISTERED = "navigator.serviceWorker?.getRegistrations().then((all) => all.length) ?? -1"
KEPT = """async () => {
    const found = {};
    for (const name of await caches.keys()) {
        const kept = await (await caches.open(name)).keys();
        found[name] = kept.map((each) => `${each.method} ${new URL(each.url).pathname}`);
    }
    return found;
}"""
COUNT_LOCKS = """
    let locks = 0;
    const count = (change) => { document.documentElement.dataset.locks = locks += change; };
    navigator.wakeLock.request = async () => { count(1); return { release() { count(-1); } }; };
"""


async def test_a_browser_may_install_it_and_its_worker_keeps_files_alone() -> None:
    async with in_suction() as (house, port), opened(port, workers=True) as (page,):
        assert await page.evaluate(READY) == "/service-worker.js"
        devtools = await page.context.new_cdp_session(page)
        manifest = await devtools.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert {each["sizes"] for each in json.loads(manifest["data"])["icons"]} == {"any", "192x192", "512x512"}
        refused = await devtools.send("Page.getInstallabilityErrors")
        assert [each["errorId"] for each in refused["installabilityErrors"] if each["errorId"] != "in-incognito"] == []
        await page.reload()  # from now on, everything goes through the worker
        assert await page.evaluate("Boolean(navigator.serviceWorker.controller)")
        for path in ("devices", "settings", "api/v1/stations/home", ""):
            await page.goto(f"http://127.0.0.1:{port}/{path}")
        await page.locator("#b-vacuum_down").click()
        await see(page, "#state", "running")
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", "Confirmed off: left-pump")
        assert house.on == set()
        ((_, kept),) = (await page.evaluate(KEPT)).items()
        assert len(kept) > 30
        assert {each for each in kept if not each.startswith("GET /static/")} == {"GET /no-contact"}


async def test_without_contact_the_advice_is_shown_and_no_stop_is_answered() -> None:
    async with (
        in_suction() as (house, port),
        bad_network(port) as network,
        opened(network.port, workers=True) as (page,),
    ):
        await page.evaluate(READY)
        await page.reload()
        await see(page, "#state", "running")
        network.down = True
        answer = "fetch('api/v1/stations/home/stop', { method: 'POST' }).then((found) => found.status, () => 'none')"
        assert await page.evaluate(answer) == "none"
        assert await page.evaluate("fetch('api/v1/stations/home').then(() => 'answered', () => 'none')") == "none"
        assert is_running(house)
        for path in ("", "devices", "settings?station=home"):
            await page.goto(f"http://127.0.0.1:{network.port}/{path}")
            await expect(page.get_by_role("alert")).to_have_text(ADVICE)
            assert await page.locator("button").count() == 0
            assert await page.evaluate("getComputedStyle(document.body).marginTop") == "0px"  # its style is there, too
        network.down = False
        await see(page, "#state", "running")  # by itself
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", "Confirmed off")
        assert house.on == set()


async def test_an_update_replaces_what_an_older_worker_kept() -> None:
    async with served(parts_of(Asked().handle)) as (_, port), browser() as started:
        page = await (await started.new_context()).new_page()
        await page.goto(f"http://127.0.0.1:{port}/api/v1/health")
        old = "Promise.all(['letdown / older', 'another app'].map((name) => caches.open(name)))"
        await page.evaluate(old)
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.evaluate(READY)

        async def names() -> list[str]:
            return list(await page.evaluate("caches.keys()"))

        found = await names()
        while "letdown / older" in found:
            found = await names()
        assert len(found) == 2
        assert "another app" in found


async def test_the_screen_stays_on_during_a_session_where_the_browser_allows_it() -> None:
    async with in_suction() as (_, port), browser() as started:
        page = await started.new_page()
        await page.add_init_script(COUNT_LOCKS)
        await page.goto(f"http://127.0.0.1:{port}/")
        await expect(page.locator("html")).to_have_attribute("data-locks", "1", timeout=WAIT_MS)
        await expect(page.locator("#screen-hint")).to_be_hidden()
        await page.locator(".bar .stop").click()
        await expect(page.locator("html")).to_have_attribute("data-locks", "0", timeout=WAIT_MS)


async def signed_in(page: Page, server: Any, address: str) -> None:
    await page.goto(f"{address}sign-in?code={server.tokens.values[Role.ADMINISTER].link_code()}")
    await page.get_by_role("button").click()
    await expect(page.locator("#state")).to_be_visible(timeout=WAIT_MS)


@pytest.mark.parametrize("https", [False, True])
async def test_on_a_phone_it_says_where_the_screen_may_go_dark(https: bool, tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    if https:
        files = {"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"}
        write_certificate(*files.values(), name="pump.example")
    settings = WebSettings(host="0.0.0.0", port=0, allowed_hosts=("pump.example",), **files)
    rules = ["--host-resolver-rules=MAP pump.example 127.0.0.1", "--ignore-certificate-errors"]
    errors: list[str] = []
    house = parts_of(Asked().handle)
    async with in_suction() as (real, _), browser(*rules) as started:
        real.stream.subscribe(house.hub.watch)
        house.hub.watch(real.recorded.snapshot)
        async with served(house, settings) as (server, port):
            page = await (await started.new_context()).new_page()
            watch(page, errors)
            await signed_in(page, server, f"http{'s' if https else ''}://pump.example:{port}/")
            await see(page, "#state", "running")
            hint = page.locator("#screen-hint")
            if https:
                await expect(hint).to_be_hidden()
                assert await page.evaluate(READY) == "/service-worker.js"
            else:
                await expect(hint).to_contain_text("The screen may go dark")
                await expect(hint).to_contain_text("https")
                assert await page.evaluate(REGISTERED) == -1
            manifest = await (await page.context.new_cdp_session(page)).send("Page.getAppManifest")
            assert manifest["errors"] == []
            assert json.loads(manifest["data"])["name"] == "Letdown"  # it is fetched with the cookie
    assert errors == []
