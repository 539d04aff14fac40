"""Whatever becomes of the web server, and however many watch: the session goes on, and a stop gets through."""

from __future__ import annotations

import asyncio
import contextlib
from unittest import mock

import httpx
import pytest
from playwright.async_api import expect

from controller.web.event_hub import EventHub
from controller.web.page_templates import PageTemplates
from controller.web.web_settings import WebSettings
from tests.bench.tabs import tabs
from tests.helpers.browser import SHARED
from tests.helpers.home import RunningHome
from tests.helpers.mosquitto import free_port
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, in_suction, is_running, opened, see
from tests.helpers.patience import until
from tests.helpers.web_client import STATION

pytestmark = [pytest.mark.system, *SHARED]

STOP = f"/api/v1/stations/{STATION}/stop"
BROKEN = RuntimeError("a bug")


async def keeps_running(house: RunningHome, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        assert is_running(house)
        await asyncio.sleep(0.05)
    assert house.heard.trips == []


async def answers(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(10):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/api/v1/health")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def stop_gets_through(house: RunningHome, port: int) -> None:
    loop = asyncio.get_running_loop()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        began = loop.time()
        answer = await client.post(STOP)
    assert loop.time() - began < 3.0  # a stop that is not confirmed within 2 s is said to be uncertain
    assert answer.status_code == 200
    assert house.on == set()


async def test_a_hundred_tabs_leave_the_session_alone_and_let_a_stop_through() -> None:
    async with in_suction(1.0) as (house, port), tabs(port, STATION, 96, 4):
        await keeps_running(house, 8)
        await stop_gets_through(house, port)


async def test_a_web_server_that_ends_or_fails_comes_back_and_the_session_goes_on() -> None:
    async with in_suction(2.0, WebSettings(port=free_port())) as (house, port), opened(port) as (page,):
        await see(page, "#state", "running")
        for how in ("ended", "failed"):
            (server,) = [task for task in asyncio.all_tasks() if task.get_name() == "web server"]
            if how == "ended":
                server.cancel()
            else:
                with mock.patch("uvicorn.Server.on_tick", side_effect=BROKEN):
                    await asyncio.wait({server})
            await keeps_running(house, 2)
            await answers(port)
            await house.send("vacuum_down")
            await see(page, ".target", f"{house.recorded.snapshot.target_vacuum_mmhg:g}")
            await expect(page.get_by_text(NO_CONTACT)).to_be_hidden(timeout=WAIT_MS)
        await page.locator(".bar .stop").click()
        await see(page, "#stop-status", "Confirmed off: left-pump")
        assert house.on == set()


async def test_an_error_in_the_page_or_its_stream_is_no_error_of_the_session() -> None:
    async with in_suction(2.0) as (house, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for broken, path in (
            (mock.patch.object(PageTemplates, "render", side_effect=BROKEN), "/"),
            (mock.patch.object(EventHub, "open", side_effect=BROKEN), f"/api/v1/stations/{STATION}/events"),
        ):
            with broken:
                assert (await client.get(path)).status_code == 500
                await keeps_running(house, 1)
        with mock.patch.object(EventHub, "_send", side_effect=BROKEN):  # a watcher that fails
            await keeps_running(house, 2)
        with mock.patch.object(PageTemplates, "render", side_effect=BROKEN):
            await stop_gets_through(house, port)
        await until(lambda: house.recorded.snapshot.state.value == "stopped", 5)
