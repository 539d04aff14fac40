"""The system's Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Playwright, ViewportSize, async_playwright

PHONE: ViewportSize = {"width": 390, "height": 844}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letdown-tests"
AXE = CACHE / "axe/node_modules/axe-core/axe.min.js"


class Browsers:
    """Chromium, started once for each set of arguments. All are ended with `stack`."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self.loop = asyncio.get_running_loop()
        self._stack = stack
        self._playwright: Playwright | None = None
        self._started: dict[tuple[str, ...], Browser] = {}

    async def get(self, *more: str) -> Browser:
        """Return the one with `more` arguments. `tests/system/install` installs it; a missing one is a failure."""
        found = self._started.get(more)
        if found is None or not found.is_connected():
            found = self._started[more] = await self._start(more)
        return found

    async def _start(self, more: Sequence[str]) -> Browser:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        assert program is not None, "there is no Chromium; run tests/system/install"
        if self._playwright is None:
            self._playwright = await self._stack.enter_async_context(async_playwright())
        arguments = [*more, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        started = await self._playwright.chromium.launch(executable_path=program, args=arguments)
        self._stack.push_async_callback(started.close)
        return started


_shared: Browsers | None = None

# Tests with these marks share their browsers, and for that their loop: to start one takes two seconds of a processor.
# All that use one have them: closing one of their own, beside a shared one whose loop stands still, may never end.
SHARED = (pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("shared_browsers"))


@contextlib.asynccontextmanager
async def shared_browsers() -> AsyncIterator[None]:
    """Keep every browser that is started in the block until its end."""
    global _shared  # noqa: PLW0603 - one for all tests of this process
    async with contextlib.AsyncExitStack() as stack:
        _shared = Browsers(stack)
        try:
            yield
        finally:
            _shared = None


@contextlib.asynccontextmanager
async def browser(*more: str) -> AsyncIterator[Browser]:
    """Have one with `more` arguments: a shared one, where there are some. Its new contexts end with the block."""
    async with contextlib.AsyncExitStack() as stack:
        shared = _shared if _shared is not None and _shared.loop is asyncio.get_running_loop() else None
        started = await (shared or Browsers(stack)).get(*more)
        before = started.contexts
        try:
            yield started
        finally:
            for context in started.contexts:
                if context not in before:
                    await context.close()


async def barriers(page: Page) -> list[str]:
    """Return what axe-core finds to be a serious barrier on the page."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run()")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html']}" for each in serious for node in each["nodes"]]
