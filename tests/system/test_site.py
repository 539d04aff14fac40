"""The documentation site: it builds strictly, and works from a folder, without a network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Request, expect

from tests.helpers.browser import CACHE, PHONE, SHARED, barriers, browser
from tests.helpers.command_line import ROOT, environment

pytestmark = pytest.mark.system

BUILD_SECONDS = 300
WAIT_MS = 60_000
DOCUMENTS = ("openapi", "asyncapi", "messages", "profile", "routine", "settings")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as `make site` does; a link or an anchor that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    program = CACHE / "site/bin/mkdocs"
    assert program.is_file(), "there is no MkDocs; run tests/system/install"
    done = subprocess.run(
        [program, "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=environment(NO_MKDOCS_2_WARNING="1"),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, ""), done.stdout + done.stderr
    return folder


def test_the_documents_for_programs_are_in_it(site: Path) -> None:
    for name in DOCUMENTS:
        assert json.loads((site / f"project/letdown-{name}.json").read_text(encoding="utf-8"))


@SHARED[0]
@SHARED[1]
async def test_it_works_from_a_folder_asks_nobody_and_finds_what_is_looked_for(site: Path) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    async with browser() as started:
        page = await started.new_page()
        page.on("request", note)
        await page.goto((site / "index.html").as_uri())
        assert await page.locator(".doors a").count() == 6
        assert await page.locator('img[src="tour.svg"]').evaluate("image => image.naturalWidth") > 0
        for at in range(6):
            await page.locator(".doors a").nth(at).click()
            await expect(page.locator("h1")).to_contain_text("I ", timeout=WAIT_MS)
            await page.go_back()
        await page.goto((site / "for/parents.html").as_uri())  # in a folder of its own: the search is elsewhere
        await page.locator("input.md-search__input").fill("comfort_vacuum_mmhg")
        found = page.locator(".md-search-result__item a[href*='settings.html']").first
        await expect(found).to_be_visible(timeout=WAIT_MS)
        await found.click()
        await expect(page.locator("h1")).to_contain_text("Settings", timeout=WAIT_MS)
    assert [address for address in asked if not address.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SHARED[0]
@SHARED[1]
async def test_it_fits_a_phone(site: Path, scheme: str) -> None:
    async with browser() as started:
        page = await started.new_page(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
        for name in ("index", "settings", "for/parents"):
            await page.goto((site / f"{name}.html").as_uri())
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            assert await barriers(page) == [], name
