"""The service is killed in mid-session while the page is open: it says so, shows the truth, and resumes nothing."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from controller.contract.events import EndReason
from controller.safety.limits import LEASE_SECONDS
from tests.helpers.browser import SHARED
from tests.helpers.command_line import LETDOWN, ROOT
from tests.helpers.controlled import Service, service_under_test
from tests.helpers.mosquitto import free_port
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, opened, see
from tests.helpers.patience import until
from tests.helpers.service_process import PATIENCE_SECONDS, PUMPS

pytestmark = [pytest.mark.system, *SHARED]

LATE_SECONDS = 1.0  # virtual devices check the time a few times a second, on a busy machine
QUIET_SECONDS = 5.0


@contextlib.asynccontextmanager
async def killed(folder: Path) -> AsyncIterator[tuple[Service, Page, str, float]]:
    """Kill a service while its pumps pull and its page is open. Yield it, the page, the session, and when that was."""
    port = free_port()
    async with service_under_test(folder) as service, contextlib.AsyncExitStack() as stack:
        service.configure(web_port=port)
        async with service.running() as process:
            await service.ready(process)
            (page,) = await stack.enter_async_context(opened(port, workers=True))
            await page.evaluate("window.old = true")
            id_ = await service.start_and_run("express")
            await see(page, "#state", "running")
            await until(lambda: service.seen.on == set(PUMPS), 10)
            at = time.monotonic()
            await process.kill()
        yield service, page, id_, at


async def says_no_contact(page: Page, since: float) -> None:
    await expect(page.get_by_text(NO_CONTACT).first).to_be_visible(timeout=6000)
    assert time.monotonic() - since < 4.3  # 4 s, and what browser and Playwright take


async def stopped_by_lease(service: Service, at: float) -> None:
    await until(lambda: not service.seen.on, LEASE_SECONDS + LATE_SECONDS)
    assert {line["device"] for line in service.seen.of("off", since=at)} == set(PUMPS)


async def nothing_resumes(service: Service, page: Page, id_: str, at: float) -> None:
    """The page shows the truth: that the session was interrupted; and nothing goes on by itself, there or in truth."""
    await see(page, "#after", "The controller stopped unexpectedly.")
    await see(page, "#guide-title", "Confirmed off")
    await expect(page.locator("#contact p")).to_be_hidden(timeout=WAIT_MS)
    await page.wait_for_timeout(QUIET_SECONDS * 1000)
    assert service.seen.of("on", since=at) == []
    assert await page.locator("body").get_attribute("data-running") == "no"
    row = (await service.history())[id_]
    assert (row.outcome, row.reason) == ("failed", EndReason.CUT_OFF)


async def test_after_a_kill_the_page_comes_back_by_itself_and_resumes_nothing(tmp_path: Path) -> None:
    async with killed(tmp_path) as (service, page, id_, at):
        await says_no_contact(page, at)
        await stopped_by_lease(service, at)
        async with service.running() as process:
            await service.ready(process)
            await nothing_resumes(service, page, id_, at)
            assert await page.evaluate("window.old") is True  # it was the same page all the time


async def test_a_stop_tapped_while_the_service_is_gone_arrives_at_the_next_one(tmp_path: Path) -> None:
    async with killed(tmp_path) as (service, page, id_, at):
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", NO_CONTACT)
        await says_no_contact(page, at)
        await stopped_by_lease(service, at)
        async with service.running() as process:
            status = page.locator("#stop-status")
            await expect(status).to_contain_text("The answer came at", timeout=PATIENCE_SECONDS * 1000)
            await service.ready(process)
            await nothing_resumes(service, page, id_, at)


async def test_after_an_update_the_old_page_loads_itself_anew_and_resumes_nothing(tmp_path: Path) -> None:
    async with killed(tmp_path) as (service, page, id_, at):
        for folder in ("config", "controller", "devices"):  # it is found in the folder in which it is run
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
        with (tmp_path / "controller/web/static/page.css").open("a", encoding="utf-8") as file:
            file.write("body { --updated: yes; }\n")
        await says_no_contact(page, at)
        async with service.running(LETDOWN) as process:
            await service.ready(process)
            await nothing_resumes(service, page, id_, at)
            assert await page.evaluate("window.old") is None
            assert await page.evaluate("getComputedStyle(document.body).getPropertyValue('--updated')") == "yes"
