"""The system's Chromium, driven by Playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

PHONE: ViewportSize = {"width": 390, "height": 844}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests"
AXE = CACHE / "axe/node_modules/axe-core/axe.min.js"


@contextlib.asynccontextmanager
async def browser(*more: str) -> AsyncIterator[Browser]:
    """Start it, with `more` arguments. `tests/system/install` installs it; a missing one is a failure."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program is not None, "there is no Chromium; run tests/system/install"
    arguments = [*more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield started
        finally:
            await started.close()


async def barriers(page: Page) -> list[str]:
    """Return what axe-core finds to be a serious barrier on the page."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run()")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html']}" for each in serious for node in each["nodes"]]
