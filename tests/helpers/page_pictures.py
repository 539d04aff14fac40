"""Pictures of the page in every size and scheme."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page, expect

from tests.helpers.browser import PHONE

SIZES: dict[str, Any] = {
    "phone": PHONE,
    "small": {"width": 320, "height": 568},
    "desktop": {"width": 1280, "height": 800},
}
SCHEMES = ("dark", "light")
_READING_MS = 120_000  # a capture is read in a process of its own, with patience


class Screens:
    """The page in every size and scheme, and the station behind it."""

    def __init__(self, port: int, language: str, folder: Path) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._language = language
        self._folder = folder
        self.pages: dict[str, Page] = {}

    async def open(self, started: Browser) -> None:
        """Open all pages."""
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                context = await started.new_context(viewport=viewport, color_scheme=scheme, device_scale_factor=2)
                page = await context.new_page()
                await page.goto(self.base)
                self.pages[f"{size}-{scheme}"] = page

    async def take(self, name: str, path: str | None = None, *, whole: bool = False) -> None:
        """Take a picture of what each shows, or of another page; of a phone, or of all, also the `whole` page."""
        await asyncio.sleep(1.2)
        for kind, page in self.pages.items():
            if path is not None:
                await page.goto(self.base + path)
            await self._save(name, kind, page, whole=whole)
            if path is not None:
                await page.goto(self.base)

    async def take_of(self, name: str, opened: Callable[[Page], Awaitable[Page]]) -> None:
        """Take a picture of a page that each of them opens, and close that."""
        for kind, page in self.pages.items():
            shown = await opened(page)
            await self._save(name, kind, shown, whole=True)
            await shown.close()

    async def _save(self, name: str, kind: str, page: Page, *, whole: bool) -> None:
        file = self._folder / f"{self._language}-{name}-{kind}.png"
        await page.screenshot(path=file, scale="css")
        if whole or kind == "phone-dark":
            await page.screenshot(path=file.with_name(f"{file.stem}-whole.png"), full_page=True, scale="css")

    async def command(self, action: str, **args: Any) -> None:
        """Send a command; it may be refused."""
        async with httpx.AsyncClient(base_url=self.base) as client:
            await client.post("/api/v1/stations/home/commands", json={"action": action, "args": args})

    async def until(self, condition: str) -> None:
        """Wait until an element is there."""
        await expect(self.pages["phone-dark"].locator(condition).first).to_be_visible(timeout=60_000)

    async def close(self) -> None:
        """Close all pages."""
        for page in self.pages.values():
            await page.context.close()


async def upload(page: Page, base: str, file: Path) -> Page:
    """Upload a file where a device may be added; return the page that opens."""
    await page.goto(f"{base}/add-device")
    await page.locator("details", has=page.locator("input[type=file]")).locator("summary").click()
    await page.locator("input[type=file]").set_input_files(file)
    async with page.expect_popup(timeout=_READING_MS) as opened:
        await page.locator("form[enctype] button").click()
    shown = await opened.value
    await shown.wait_for_load_state(timeout=_READING_MS)
    return shown
