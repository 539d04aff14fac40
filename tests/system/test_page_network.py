"""The page behind bad networks and proxies: what it says, and what becomes of Stop, in truth, at the pumps."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

import pytest
from playwright.async_api import Page, expect

from tests.helpers.bad_network import BadNetwork, bad_network
from tests.helpers.browser import SHARED, browser
from tests.helpers.home import RunningHome
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, in_suction, is_running, opened, see, watch
from tests.helpers.patience import until

pytestmark = [pytest.mark.system, *SHARED]

STOP = re.compile(rb"^POST [^ ]*/stop\?")
NOTHING = re.compile(rb"(?!)")
PAGES = re.compile(rb"^GET /(\?[^ ]*)? ")


async def says_no_contact(page: Page, since: float) -> None:
    await expect(page.get_by_text(NO_CONTACT).first).to_be_visible(timeout=6000)
    assert time.monotonic() - since < 4.3  # 4 s, and what browser and Playwright take


async def has_contact(page: Page) -> None:
    await expect(page.locator("#contact p")).to_be_hidden(timeout=WAIT_MS)


def stops(network: BadNetwork) -> list[str]:
    return [line.split()[1] for line in network.requests if "/stop?" in line]


async def confirmed(page: Page, house: RunningHome) -> None:
    await see(page, "#stop-status", "Confirmed off: left-pump")
    assert house.on == set()
    await see(page, "#state", "stopped")


async def test_a_delay_of_seconds_is_said_and_stop_arrives_and_is_reported() -> None:
    async with in_suction() as (house, port), bad_network(port) as network, opened(network.port) as (page,):
        await see(page, "#state", "running")
        began = time.monotonic()
        network.delay_seconds = 4.0
        await says_no_contact(page, began)
        tapped = time.monotonic()
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", "sending")
        assert is_running(house)
        await until(lambda: not house.on, 6)
        assert time.monotonic() - tapped > 3.5
        # The pumps stand still. The page says so once the answer came, and until then that it does not know.
        await see(page, "#stop-status", NO_CONTACT)
        await see(page, "#stop-status", "Confirmed off: left-pump")
        await see(page, "#stop-status", "The answer came at")
        assert len(set(stops(network))) == 1
        await expect(page.get_by_text(NO_CONTACT)).to_be_visible()  # what it shows is still seconds old
        network.delay_seconds = 0.0
        await has_contact(page)
        await see(page, "#state", "stopped")


async def test_dropped_connections_are_said_and_stop_is_sent_again_with_the_same_id() -> None:
    async with in_suction() as (house, port), bad_network(port) as network, opened(network.port) as (page,):
        await see(page, "#state", "running")
        began = time.monotonic()
        network.down = True
        await says_no_contact(page, began)
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", NO_CONTACT)
        assert is_running(house)
        network.down = False
        await confirmed(page, house)
        await has_contact(page)
        assert len(set(stops(network))) == 1


async def test_connections_that_drop_again_and_again_lose_neither_the_page_nor_a_stop() -> None:
    async with in_suction() as (house, port), bad_network(port) as network, opened(network.port) as (page,):

        async def shake() -> None:
            while True:
                await asyncio.sleep(0.7)
                network.cut()

        shaking = asyncio.create_task(shake())
        await house.send("vacuum_down")
        target = f"{house.recorded.snapshot.target_vacuum_mmhg:g}"
        await see(page, ".target", target)
        await expect(page.locator("#contact p")).to_be_hidden()
        await page.locator(".bar .stop").click()
        await confirmed(page, house)
        shaking.cancel()


async def test_behind_a_proxy_that_buffers_events_the_page_follows_all_the_same() -> None:
    async with in_suction() as (house, port), bad_network(port) as network:
        network.buffers = True
        async with opened(network.port) as (page,):
            said = asyncio.create_task(page.get_by_text(NO_CONTACT).wait_for(timeout=9000))
            await house.send("pause")
            await see(page, "#state", "paused")
            await house.send("resume")
            await see(page, "#state", "running")
            with pytest.raises(Exception, match="Timeout"):  # it polls before it would say that there is no contact
                await said
            await page.locator(".bar .stop").click()
            await confirmed(page, house)


async def test_events_that_are_held_back_and_come_late_are_no_contact() -> None:
    async with in_suction() as (house, port), bad_network(port) as network, opened(network.port) as (page,):
        await see(page, "#state", "running")
        network.halves = PAGES  # so that only the stream tells
        began = time.monotonic()
        network.open.clear()
        await says_no_contact(page, began)
        await asyncio.sleep(2)
        network.delay_seconds = 5.0
        network.open.set()
        for _ in range(20):
            await asyncio.sleep(0.2)
            await expect(page.get_by_text(NO_CONTACT)).to_be_visible(timeout=1)
        network.delay_seconds, network.halves = 0.0, NOTHING
        await has_contact(page)
        assert is_running(house)


async def test_a_lost_answer_to_stop_is_no_lost_stop() -> None:
    async with in_suction() as (house, port), bad_network(port) as network, opened(network.port) as (page,):
        await see(page, "#state", "running")
        network.loses = STOP
        await page.locator(".bar .stop").click()
        await until(lambda: not house.on, 3)
        await see(page, "#stop-status", "sending")
        await until(lambda: len(stops(network)) > 2, 10)
        assert len(set(stops(network))) == 1
        network.loses = NOTHING
        await confirmed(page, house)


@pytest.mark.parametrize("script", [True, False])
async def test_half_an_answer_to_stop_is_no_answer_and_the_pumps_are_off(script: bool) -> None:
    async with (
        in_suction() as (house, port),
        bad_network(port) as network,
        opened(network.port, script=script) as (page,),
    ):
        await see(page, "#state", "running")
        network.halves = STOP if script else re.compile(rb"^POST [^ ]*/stop ")
        with contextlib.suppress(Exception):  # without script, the browser says itself that the answer was cut off
            await page.locator(".bar .stop").click()
        await until(lambda: not house.on, 3)
        if script:
            await see(page, "#stop-status", "sending")
            network.halves = NOTHING
            await confirmed(page, house)


async def test_half_a_page_loads_itself_again() -> None:
    async with in_suction() as (_, port), bad_network(port) as network, browser() as started:
        page = await started.new_page()
        network.halves = PAGES
        await page.goto(f"http://127.0.0.1:{network.port}/", wait_until="commit")
        await see(page, "h1", "Letdown")
        assert await page.locator(".bar .stop").count() == 0
        network.halves = NOTHING
        await expect(page.locator(".bar .stop")).to_be_visible(timeout=WAIT_MS)


async def test_many_tabs_of_one_browser_leave_a_connection_for_stop() -> None:
    errors: list[str] = []
    async with in_suction() as (house, port), browser() as started:
        context = await started.new_context()
        tabs = []
        for _ in range(9):
            page = await context.new_page()
            watch(page, errors)
            await page.goto(f"http://127.0.0.1:{port}/")
            await see(page, "#state", "running")
            tabs.append(page)
        for page in tabs:
            await expect(page.get_by_text(NO_CONTACT)).to_be_hidden()
        tapped = time.monotonic()
        await tabs[0].locator(".bar .stop").click()
        await until(lambda: not house.on, 3)
        assert time.monotonic() - tapped < 3
        for page in tabs:
            await see(page, "#state", "stopped")
    assert errors == []
