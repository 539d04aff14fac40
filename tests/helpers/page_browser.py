"""The web page in a browser: opened as on a phone, and what it shows. Real pumps are behind it, as far as there are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from playwright.async_api import Page, ViewportSize, expect

from controller.contract.events import SessionState
from controller.web.web_settings import WebSettings
from tests.helpers.browser import PHONE, browser
from tests.helpers.home import PUMPS, RunningHome, fine_home
from tests.helpers.web_client import parts_of, served

WAIT_MS = 15_000
NO_CONTACT = "No contact: to stop now"


@contextlib.asynccontextmanager
async def opened(
    port: int,
    *,
    script: bool = True,
    pages: int = 1,
    path: str = "",
    workers: bool = False,
    viewport: ViewportSize = PHONE,
    light: bool = False,
) -> AsyncIterator[list[Page]]:
    """Open the page in so many browsers of their own. At the end: no error in the console, nothing refused by policy.

    `workers`: whether it may install its service worker.
    """
    errors: list[str] = []
    async with browser() as started:
        found = []
        for _ in range(pages):
            context = await started.new_context(
                viewport=viewport,
                has_touch=True,
                java_script_enabled=script,
                color_scheme="light" if light else "dark",
                service_workers="allow" if workers else "block",
            )
            page = await context.new_page()
            watch(page, errors)
            await page.goto(f"http://127.0.0.1:{port}/{path}")
            found.append(page)
        yield found
    assert errors == []


def watch(page: Page, errors: list[str]) -> None:
    """Note what goes wrong in a page."""
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security" in line.text else None)


async def both_schemes(page: Page) -> AsyncIterator[str]:
    """Show the page as it is in the dark, then in the light: what is on it does not depend on that, only its style."""
    for scheme in ("dark", "light"):
        await page.emulate_media(color_scheme=scheme)
        yield scheme


async def see(page: Page, selector: str, words: str) -> None:
    """Wait until an element shows these words."""
    await expect(page.locator(selector)).to_contain_text(words, timeout=WAIT_MS)


async def check_bar(page: Page) -> None:
    """Stop and Pain are where they always are, large, enabled, and nothing lies over them."""
    for name, left in (("pain", True), ("stop", False)):
        button = page.locator(f".bar .{name}")
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 80
        assert box["width"] >= 150
        assert (box["x"] < PHONE["width"] / 2 - 100) is left
        assert box["y"] + box["height"] <= PHONE["height"]
        assert box["y"] > 700
        assert await button.is_enabled()
        on_top = "([x, y]) => document.elementFromPoint(x, y).closest('button')?.className"
        assert await page.evaluate(on_top, [box["x"] + box["width"] / 2, box["y"] + 10]) == name
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@contextlib.asynccontextmanager
async def in_suction(speed: float = 4.0, web: WebSettings | None = None) -> AsyncIterator[tuple[RunningHome, int]]:
    """Serve the page of a home whose pumps pull. Yield it and the port."""
    async with fine_home(speed=speed) as house:
        await house.reach("express")
        parts = parts_of(house.service.handle, house.station.snapshot)
        house.stream.subscribe(parts.hub.watch)
        assert set(PUMPS) <= house.on
        async with served(parts, web or WebSettings(port=0)) as (_, port):
            yield house, port


def is_running(house: RunningHome) -> bool:
    """Whether the session goes on, and the pumps pull, in truth."""
    return set(PUMPS) <= house.on and house.recorded.snapshot.state is SessionState.RUNNING
