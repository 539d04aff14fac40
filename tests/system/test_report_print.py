"""The report in a real browser: nothing is loaded or cut off, and it prints on A4 and Letter."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.contract.words import languages, load_words
from controller.history.exports.report import report_chunks
from tests.helpers.browser import PHONE, SHARED, browser
from tests.helpers.session_records import days_of_sessions

pytestmark = [pytest.mark.system, *SHARED]

NOW = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)
LONG_NOTE = "a very long word: " + "Donaudampfschifffahrtsgesellschaft" * 12
CUT_OFF = """() => [...document.querySelectorAll('td, th, dd, dt, h1, h2, p')]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(each => each.textContent)"""


@pytest.mark.parametrize("language", languages())
async def test_it_fits_on_paper_and_loads_nothing(language: str, tmp_path: Path) -> None:
    sessions = list(days_of_sessions(NOW, 31))
    sessions[5] = sessions[5].model_copy(update={"note": LONG_NOTE})
    document = "".join(report_chunks(sessions, load_words(language), NOW, notes=True, name="A. B."))
    requests: list[str] = []
    async with browser() as started:
        page = await started.new_page()
        page.on("request", lambda request: requests.append(request.url))
        await page.set_content(document)
        await page.emulate_media(media="print")
        for width in (687, 710):  # of A4 and Letter at 96 dots an inch, without the margins of 14 mm
            await page.set_viewport_size({"width": width, "height": 1000})
            assert await page.evaluate(CUT_OFF) == []
        for paper in ("A4", "Letter"):
            file = tmp_path / f"{paper}.pdf"
            await page.pdf(path=file, format=paper, prefer_css_page_size=True)
            pages = file.read_bytes().count(b"/Type /Page\n")
            assert 5 < pages < 20
        await page.emulate_media(media="screen")
        await page.set_viewport_size(PHONE)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert requests == []
