"""Finding, adding and testing devices, limits, language and units in a real browser; with and without script."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from controller.app import App
from controller.contract.words import languages, load_words
from controller.safety.limits import OwnerLimits
from controller.settings import load_settings
from tests.helpers.browser import PHONE, SHARED, barriers
from tests.helpers.mosquitto import free_port
from tests.helpers.page_browser import WAIT_MS, check_bar, opened, see
from tests.helpers.service_process import program, virtual_devices
from tests.helpers.web_service import setup_service, web_service

pytestmark = [pytest.mark.system, *SHARED]

SMALL = {"width": 320, "height": 568}
SCREENS = (
    "devices",
    "add-device",
    "test-device?device=left-pump",
    "settings",
    "confirm?station=home&comfort=90",
    "sign-in",
)
SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  });
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 1500);
})"""


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


@contextlib.asynccontextmanager
async def set_up(
    folder: Path, configured: int = 1, *, speed: float = 4, language: str = "en"
) -> AsyncIterator[tuple[App, int, list[str]]]:
    """Run a service that can add devices, with a comfort cap of 80 mmHg that was lowered from 100."""
    running_service = setup_service(folder / "letdown.yaml", speed, configured=configured, language=language)
    async with running_service as (app, port, reloads):
        app.stations["home"].set_start_defaults(comfort_vacuum_mmhg=80)
        yield app, port, reloads


def running(app: App) -> bool:
    return app.stations["home"].body.testing


async def fits(page: Page, width: int) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", languages())
async def test_no_screen_has_a_barrier_or_is_too_wide_or_moves(language: str, tmp_path: Path) -> None:
    async with set_up(tmp_path, language=language) as (_, port, _):
        for viewport, light in ((SMALL, False), (PHONE, True)):
            async with opened(port, viewport=viewport, light=light) as (page,):
                for path in SCREENS:
                    await page.goto(f"http://127.0.0.1:{port}/{path}")
                    await expect(page.locator("h1")).to_be_visible()
                    for summary in await page.locator("summary").all():
                        await summary.click()
                    assert await barriers(page) == []
                    await fits(page, viewport["width"])
                    if viewport is SMALL:
                        await page.goto(f"http://127.0.0.1:{port}/{path}")
                        assert await page.evaluate(SHIFTS) < 0.02, path


@pytest.mark.parametrize("script", [True, False])
async def test_a_device_is_searched_chosen_and_added(script: bool, tmp_path: Path) -> None:
    async with set_up(tmp_path) as (_, port, reloads), opened(port, script=script) as (page,):
        await page.get_by_role("link", name="Devices").click()
        await page.get_by_role("link", name="Find and add a device").click()
        await check_bar(page)
        await page.locator("#b-scan").click()
        await see(page, "#scan", "Letdown Pad")
        assert "F0:1E" not in await page.content()
        await page.locator(".found li", has_text="Letdown Pad").get_by_role("link").click()
        await check_bar(page)
        assert await barriers(page) == [] if script else True
        await page.get_by_label("What shall it be called?").fill("my pad")
        await page.get_by_role("button", name="Add it").click()
        await see(page, "#scan", "my pad is in your settings")
        await check_bar(page)
        text = (tmp_path / "letdown.yaml").read_text(encoding="utf-8")
        assert text.startswith("# mine\n")
        device = load_settings(tmp_path / "letdown.yaml").stations["home"].devices[1]
        assert (device.name, device.profile) == ("my pad", "open-warm-pad")
        assert reloads == ["reload"]


@pytest.mark.parametrize("script", [True, False])
async def test_devices_cannot_be_searched_during_a_session(script: bool, tmp_path: Path) -> None:
    async with set_up(tmp_path) as (app, port, _), opened(port, script=script) as (page,):
        await page.goto(f"http://127.0.0.1:{port}/add-device")
        await expect(page.locator("#b-scan")).to_be_visible()
        app.stations["home"].start("first-days", no_symptoms=True)
        if not script:  # else the page has learned of it
            await page.locator("#b-scan").click()
        await see(page, "main", "A session is running")
        await expect(page.locator("#b-scan")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False])
async def test_a_device_is_tried_and_every_step_is_shown(script: bool, tmp_path: Path) -> None:
    async with set_up(tmp_path) as (app, port, _), opened(port, script=script) as (page,):
        await page.get_by_role("link", name="Devices").click()
        await page.get_by_role("link", name="Try it left-pump").click()
        await page.locator("#b-test").click()  # without the tick, the browser does not send it
        assert not running(app)
        await page.get_by_label("Nobody is attached").check()
        await page.locator("#b-test").click()
        await see(page, "#test", "Running")
        assert running(app)
        await check_bar(page)
        await see(page, "#test", "It went well.")
        await see(page, ".test-steps", "Stopped: confirmed off.")
        assert await page.locator(".test-steps li").count() == 6
        await check_bar(page)


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("action", ["stop", "pain"])
async def test_stop_ends_a_test_at_once(action: str, script: bool, tmp_path: Path) -> None:
    async with set_up(tmp_path, speed=1) as (app, port, _), opened(port, script=script) as (page,):
        await page.goto(f"http://127.0.0.1:{port}/test-device?device=left-pump")
        await page.get_by_label("Nobody is attached").check()
        await page.locator("#b-test").click()
        await see(page, "#test", "It reports")
        await page.locator(f".bar .{action}").click()
        await see(page, "#stop-status" if script else "#notice", "Confirmed")
        assert not running(app)
        await page.goto(f"http://127.0.0.1:{port}/test-device?device=left-pump")
        await see(page, "#test", "It was stopped.")


async def test_everything_can_be_done_with_the_keyboard_and_the_focus_is_seen(tmp_path: Path) -> None:
    async with set_up(tmp_path) as (app, port, _), opened(port) as (page,):
        await page.goto(f"http://127.0.0.1:{port}/test-device?device=left-pump")
        focused = "document.activeElement.id || document.activeElement.className || document.activeElement.textContent"
        order = []
        for _ in range(12):
            await page.keyboard.press("Tab")
            order.append(str(await page.evaluate(focused)).strip())
            if order[-1] == "off-body":
                break
        assert order[0] == "skip-link"
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        assert str(await page.evaluate(focused)).startswith("Try more")
        await page.keyboard.press("Tab")  # what is folded up is left out
        assert await page.evaluate(focused) == "b-test"
        await page.keyboard.press("Enter")
        await see(page, "#test", "Running")
        assert running(app)
        await see(page, "#test", "It went well.")


async def test_what_is_written_and_chosen_stays_while_the_page_follows_the_events(tmp_path: Path) -> None:
    async with set_up(tmp_path, configured=4) as (app, port, _), opened(port) as (page,):
        await page.goto(f"http://127.0.0.1:{port}/settings")
        await page.locator("#comfort").fill("7")
        await page.locator("summary", has_text="Vacuum, expression").click()
        app.stations["home"].set_start_defaults(comfort_vacuum_mmhg=70)
        await see(page, "#limits", "70 mmHg")
        await expect(page.locator("#comfort")).to_have_value("7")
        await expect(page.locator("#limits details[open] ol")).to_contain_text("the limit for expression")
        await page.locator("#limit-1").focus()
        app.stations["home"].set_start_defaults(comfort_vacuum_mmhg=65)
        await see(page, "#limits", "65 mmHg")
        assert await page.evaluate("document.activeElement.id") == "limit-1"


@pytest.mark.parametrize("script", [True, False])
async def test_the_comfort_cap_is_raised_only_after_two_questions(script: bool, tmp_path: Path) -> None:
    async with set_up(tmp_path) as (app, port, _), opened(port, script=script) as (page,):
        station = app.stations["home"]
        await page.get_by_role("link", name="Settings").click()
        await page.locator("#comfort").fill("95")
        await page.locator("#cap ~ form button").click()
        await see(page, "main", "From 80 mmHg to 95 mmHg")
        await check_bar(page)
        await page.locator("#b-raise").click()  # without the tick, nothing is sent
        assert station.comfort_mmhg == 80
        await page.locator("#sure").check()
        await page.locator("#b-raise").click()
        await see(page, "#notice", "Done")
        assert station.comfort_mmhg == 95
        await page.locator("#comfort").fill("60")
        await page.locator("#cap ~ form button").click()
        await see(page, "#notice", "Done")
        assert station.comfort_mmhg == 60


@pytest.mark.parametrize("script", [True, False])
async def test_language_and_units_are_chosen_for_this_browser_alone(script: bool) -> None:
    async with web_service(10) as (app, port), opened(port, script=script, pages=2) as (page, other):
        await page.get_by_role("link", name="Settings").click()
        await page.locator("#language").select_option("de")
        await page.locator("#units").select_option("oz")
        await page.locator("#b-prefer").click()
        await see(page, "h2", "Einstellungen")
        await page.locator(".top h1 a").click()
        await expect(page.locator("#b-start")).to_have_text("Starten")
        await page.locator("#b-start").click()
        await see(page, "#guide", load_words("de").questions["lump"].ask)
        await other.reload()
        await see(other, "#guide", "painful lump")
        await page.locator(".bar .stop").click()
        await see(page, "#state", "gestoppt")
        await page.locator("#left-oz").fill("2,5")
        await page.locator("#after button").click()
        await see(page, "[data-live=milk-left]", "2,5")
        await other.reload()
        await see(other, "[data-live=milk-left]", "74")
        assert app.stations["home"].snapshot.volume_ml.left == 73.9


async def test_a_device_that_was_added_is_taken_over_by_the_running_service(tmp_path: Path) -> None:
    """From settings without any device to a test that passes: whole processes, and nothing but the browser."""
    air, port = free_port(), free_port()
    lines = (
        "# ours",
        f"radio: {{kind: bumble, transport: 'tcp-client:127.0.0.1:{air}'}}",
        f"mqtt: {{embedded_port: {free_port()}}}",
        f"web: {{enabled: true, port: {port}}}",
        "store: {path: letdown.db}",
        "stations: {home: {devices: []}}  # none yet",
    )
    (tmp_path / "letdown.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    async with (
        virtual_devices(tmp_path, air),
        program(tmp_path, "run", "--config", "letdown.yaml", "--speed", "10") as service,
    ):
        await service.logged("the web page is at")
        async with opened(port) as (page,):
            page.set_default_timeout(3 * WAIT_MS)
            await page.goto(f"http://127.0.0.1:{port}/add-device")
            await page.locator("#b-scan").click()
            found = page.locator(".found li", has_text="Letdown Pump L")
            await found.get_by_role("link").click(timeout=3 * WAIT_MS)
            await page.get_by_role("button", name="Add it").click()
            await see(page, "#scan", "left-pump is in your settings")
            await service.logged("the new settings take effect")
            await service.logged("left-pump is connected")
            for _ in range(20):  # the page is away for a moment
                with contextlib.suppress(Exception):
                    await page.goto(f"http://127.0.0.1:{port}/devices")
                    break
                await asyncio.sleep(0.5)
            await see(page, "#devices", "left-pump")
            await expect(page.locator(".facts dd", has_text=re.compile("^connected$"))).to_be_visible(timeout=WAIT_MS)
            await page.get_by_role("link", name="Try it left-pump").click()
            await page.get_by_label("Nobody is attached").check()
            await page.locator("#b-test").click()
            await expect(page.locator("#test h3")).to_have_text("It went well.", timeout=4 * WAIT_MS)
    text = (tmp_path / "letdown.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ours\n")
    assert "# none yet" in text
    assert load_settings(tmp_path / "letdown.yaml").limits == OwnerLimits()
