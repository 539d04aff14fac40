"""The page inside Home Assistant: through its ingress, in its frame, below its path; and from whom that is believed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Frame, expect

from controller.app import App
from controller.contract.events import SessionState
from controller.web.role import Role
from controller.web.web_settings import WebSettings
from tests.helpers.browser import SHARED, browser
from tests.helpers.ingress import PREFIX, STRANGER, TRUSTED, Ingress, ingress
from tests.helpers.page_browser import NO_CONTACT, WAIT_MS, watch
from tests.helpers.web_client import STATION
from tests.helpers.web_service import web_service

pytestmark = [pytest.mark.system, *SHARED]

ADD_ON = WebSettings(host="0.0.0.0", port=0, ingress=TRUSTED)
STOP = f"api/v1/stations/{STATION}/stop"
HOSTILE = (
    "//evil.example",
    "javascript:alert(1)//",
    "https://evil.example/x",
    '/x"onload="alert(1)',
    "/x'><script>alert(1)</script>",
    "/../../etc",
    "/x\\evil",
    "/%2f%2fevil.example",
    "x" * 4000,
)


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


def state(app: App) -> SessionState:
    return app.stations[STATION].reporter.snapshot.state


@contextlib.asynccontextmanager
async def inside(*, script: bool = True, compresses: bool = False) -> AsyncIterator[tuple[App, Ingress, Frame]]:
    """Open the page in the frame of Home Assistant. At the end, nothing was asked for outside of its path."""
    errors: list[str] = []
    asked: list[str] = []
    async with (
        web_service(4, ADD_ON) as (app, port),
        ingress(port, compresses=compresses) as (proxy, own),
        browser() as started,
    ):
        page = await (await started.new_context(java_script_enabled=script)).new_page()
        watch(page, errors)
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"http://127.0.0.1:{own}/")
        frame = page.frame(url=f"**{PREFIX}**")
        assert frame is not None
        await shows(frame, "#state", "ready")
        yield app, proxy, frame
    assert errors == []
    root, *rest = dict.fromkeys(asked)
    assert root == f"http://127.0.0.1:{own}/"
    assert len(rest) > 3
    assert [each for each in rest if not each.startswith(f"{root[:-1]}{PREFIX}")] == []


async def shows(frame: Frame, selector: str, words: str) -> None:
    await expect(frame.locator(selector)).to_contain_text(words, timeout=WAIT_MS)


@pytest.mark.parametrize("compresses", [False, True])
async def test_a_session_through_the_ingress(compresses: bool) -> None:
    async with inside(compresses=compresses) as (app, proxy, frame):
        for path in ("Devices", "Settings"):
            await frame.get_by_role("link", name=path).click()
            await shows(frame, "h2", path)
        await frame.get_by_role("link", name="Letdown").click()
        await frame.locator("#b-start").click()
        await shows(frame, "#guide", "lump")
        await frame.get_by_role("button", name="No to all questions").click()
        await shows(frame, "#guide-title", "Warmth")
        loaded = "document.querySelector('#guide .picture').naturalWidth > 0"
        assert await frame.evaluate(loaded)
        assert await frame.evaluate("'worker' in document.body.dataset") is False
        polled = proxy.paths.count("")
        first = await frame.locator("[data-live=countdown]").text_content()
        await expect(frame.locator("[data-live=countdown]")).not_to_have_text(str(first), timeout=WAIT_MS)
        await expect(frame.get_by_text(NO_CONTACT)).to_be_hidden()
        assert f"api/v1/stations/{STATION}/events" in proxy.paths
        if not compresses:
            assert proxy.paths.count("") == polled  # the countdown came with the events
        await frame.locator(".bar .stop").click()
        await shows(frame, "#stop-status", "Confirmed")
        assert state(app) is SessionState.STOPPED
        await shows(frame, "#after", "You stopped it")


async def test_without_script_through_the_ingress() -> None:
    async with inside(script=False) as (app, _, frame):
        await frame.locator("#b-start").click()
        await frame.get_by_role("button", name="No to all questions").click()
        await shows(frame, "#guide-title", "Warmth")
        assert state(app) is SessionState.RUNNING
        await frame.locator(".bar .pain").click()
        await shows(frame, "#notice", "Confirmed.")
        assert state(app) is SessionState.STOPPED
        assert PREFIX in frame.url


async def test_what_the_ingress_says_is_believed_from_its_address_alone() -> None:
    async with (
        web_service(4, ADD_ON) as (app, port),
        ingress(port, STRANGER) as (_, strange),
        ingress(port) as (_, trusted),
        httpx.AsyncClient() as client,
    ):

        async def status(own: int, method: str, path: str) -> int:
            return (await client.request(method, f"http://127.0.0.1:{own}{PREFIX}{path}")).status_code

        assert app.web is not None
        for method, path in (("GET", ""), ("GET", "api/v1/stations"), ("POST", STOP), ("POST", f"do/{STATION}/start")):
            assert await status(strange, method, path) == 401, path
        assert [await status(trusted, "GET", path) for path in ("", "api/v1/stations")] == [200, 200]
        assert await status(trusted, "POST", STOP) == 200
        assert app.web.tokens is not None
        bearer = {"authorization": f"Bearer {app.web.tokens.values[Role.ADMINISTER]._token.decode()}"}
        answer = await client.get(f"http://127.0.0.1:{strange}{PREFIX}", headers={**bearer, "host": "127.0.0.1"})
        assert answer.status_code == 200  # as any other proxy: with the token


async def test_a_hostile_path_reaches_nothing() -> None:
    async with (
        web_service(4, ADD_ON) as (_, port),
        ingress(port) as (proxy, own),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}{PREFIX}") as client,
    ):
        for path in HOSTILE:
            proxy.headers = {"x-ingress-path": path}
            page = await client.get("")
            assert page.status_code == 200, path
            stopped = await client.post(STOP, headers={"accept": "text/html"})
            assert stopped.status_code == 303, path
            for answer in (page, stopped):
                found = answer.text + str(answer.headers)
                assert path not in found
                assert "evil" not in found
                assert "alert(1)" not in found
            assert stopped.headers["location"].startswith("../../../../?station=")
