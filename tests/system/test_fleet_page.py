"""The page of a fleet: 200 made stations on a real broker, live on a tablet, with roles, through losses and stops."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, ViewportSize, expect

from controller.cluster.cluster_connection import connected
from controller.cluster.cluster_settings import ClusterSettings
from controller.cluster.node_view import NodeView
from controller.contract.events import Snapshot
from controller.contract.words import languages
from controller.fleet.fleet_config import assign, drained, undrain
from controller.mqtt.mqtt_settings import BrokerUrl
from controller.web.access_token import AccessToken, read_token
from controller.web.role import Role
from controller.web.role_tokens import token_file_of
from tests.helpers.browser import SHARED, barriers
from tests.helpers.fleet_page import fleet_page
from tests.helpers.made_ward import MadeWard, made_ward
from tests.helpers.many_stations import COUNT, bed, running, tripped, ward
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.page_browser import WAIT_MS, opened, see
from tests.helpers.shipped_cluster import HOST, password, shipped_cluster

pytestmark = [pytest.mark.system, *SHARED]

TABLET: ViewportSize = {"width": 1024, "height": 768}
PHONE: ViewportSize = {"width": 320, "height": 568}
LAN = {"host": "0.0.0.0", "allowed_hosts": ("localhost",)}


@pytest.fixture(autouse=True)
def with_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LETDOWN_WEB__ENABLED")


@contextlib.asynccontextmanager
async def ward_page(
    folder: Path, stations: list[Snapshot], *, language: str = "en", **web: Any
) -> AsyncIterator[tuple[Mosquitto, MadeWard, int]]:
    """Have stations on a broker, and the page of them. Yield both, and its port."""
    async with (
        mosquitto() as broker,
        made_ward(broker.url, stations) as made,
        fleet_page(folder, broker.url, language=language, **web) as port,
    ):
        yield broker, made, port


def tile(number: int, part: str = "") -> str:
    return f'[data-station="{bed(number)}"]' + (f" [data-part={part}]" if part else "")


async def first(page: Page, *numbers: int) -> None:
    """Wait until these stations come first."""
    for at, number in enumerate(numbers):
        await expect(page.locator(".tile").nth(at)).to_have_attribute("data-station", bed(number), timeout=WAIT_MS)


async def test_200_stations_are_live_and_what_needs_somebody_comes_first(tmp_path: Path) -> None:
    async with (
        ward_page(tmp_path, ward()) as (_, made, port),
        opened(port, path="stations", viewport=TABLET) as (page,),
    ):
        await expect(page.locator(".tile")).to_have_count(COUNT, timeout=WAIT_MS)
        await see(page, tile(3, "state"), "Running")
        await see(page, tile(3, "controller"), "node-3")
        await first(page, 195, 197)
        await made.put(tripped(50))
        await see(page, tile(50), "Stopped for safety")
        await made.vanish(bed(9))  # the last will of a controller whose session ran
        await see(page, tile(9), "No contact since a session ran")
        await see(page, tile(9), "Unknown")
        await see(page, tile(9, "left"), "0 min ago")
        await made.vanish(bed(10))
        await see(page, tile(10), "No contact with its controller")
        await made.release(bed(11))  # in order: no problem
        await see(page, tile(11), "Not served")
        await made.device(bed(15), "left-pump", "offline")
        await see(page, tile(15), "A device no longer answers")
        made.silent.add(bed(12))  # connected, and hangs
        await see(page, tile(12), "No contact since a session ran")
        await first(page, 195, 50, 197, 9, 12, 15, 10)
        await page.locator("#controller").select_option("node-9")
        await expect(page.locator(".tile:not([hidden])")).to_have_count(COUNT // 10)
        assert page.url.endswith("?controller=node-9")


async def test_a_stop_is_sent_at_once_and_its_answer_is_on_the_tile(tmp_path: Path) -> None:
    stations = [running(number) for number in range(1, 4)]
    async with (
        ward_page(tmp_path, stations) as (broker, made, port),
        opened(port, path="stations", viewport=TABLET) as (page,),
    ):
        await see(page, tile(2, "state"), "Running")
        for number in (1, 2):  # no confirmation, and none waits for the other
            await page.locator(f"{tile(number)} .stop").click()
        for number in (1, 2):
            await see(page, tile(number, "answer"), "left-pump")
            await see(page, tile(number, "state"), "Stopped")
        await page.locator(f"{tile(3)} .pain").click()
        await see(page, tile(3, "troubles"), "Stopped because of pain")
        asked = [(station, command["action"]) for station, command in made.commands]
        assert sorted(asked) == [(bed(1), "stop"), (bed(2), "stop"), (bed(3), "pain")]
        made.answers = False
        await page.locator(f"{tile(1)} .stop").click()
        await see(page, tile(1, "answer"), "may not have arrived")
        await broker.stop()
        await see(page, "#contact", "No connection to the broker")
        await see(page, tile(1, "state"), "Unknown")
        began = time.monotonic()
        await page.locator(f"{tile(2)} .stop").click()
        await see(page, tile(2, "answer"), "It was not sent")
        assert time.monotonic() - began < 2.0
        await broker.start()
        await expect(page.locator("#contact p")).to_be_hidden(timeout=WAIT_MS)


@pytest.mark.parametrize("role", list(Role))
async def test_a_link_signs_a_tablet_in_with_its_role(role: Role, tmp_path: Path) -> None:
    stations = [running(number) for number in range(1, 4)]
    async with (
        ward_page(tmp_path, stations, **LAN) as (_, made, port),
        opened(port, path="stations", viewport=TABLET) as (page,),
    ):
        await see(page, "main", "This device is not signed in yet")
        code = AccessToken(read_token(token_file_of(tmp_path / "web-token", role))).link_code()
        await page.goto(f"http://127.0.0.1:{port}/sign-in?code={code}")
        await page.get_by_role("button").click()
        await see(page, tile(1, "state"), "Running")
        await page.get_by_role("link", name="Settings").click()
        await see(page, "main", f"{role}:")
        await page.goto(f"http://127.0.0.1:{port}/stations")
        shown = await page.locator(".tile .stop").count()
        assert shown == (0 if role is Role.VIEW else 3)
        # Whatever the page shows, the server decides.
        status = await page.evaluate(
            "fetch('/api/v1/stations/bed-1/stop', {method: 'POST'}).then((answer) => answer.status)"
        )
        assert status == (403 if role is Role.VIEW else 200)
        assert len(made.commands) == (0 if role is Role.VIEW else 1)


@pytest.mark.parametrize(("language", "light"), [("en", False), ("de", True), ("en", True), ("de", False)])
async def test_there_are_no_barriers_and_nothing_sticks_out(language: str, light: bool, tmp_path: Path) -> None:
    assert language in languages()
    async with ward_page(tmp_path, ward(30), language=language) as (_, made, port):
        for viewport in (TABLET, PHONE):
            async with opened(port, path="stations", viewport=viewport, light=light) as (page,):
                await made.vanish(bed(3))
                await made.release(bed(4))
                await expect(page.locator(tile(3))).to_have_attribute("data-group", "problem", timeout=WAIT_MS)
                for path in ("stations", "controllers", "settings"):
                    await page.goto(f"http://127.0.0.1:{port}/{path}")
                    assert await barriers(page) == []
                    assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


async def test_with_the_shipped_cluster_an_administrator_drains_and_assigns(tmp_path: Path) -> None:
    async with shipped_cluster() as cluster:
        servers = (f"nats://{HOST}:{cluster.nats_port}",)
        by_controller = ClusterSettings(servers=servers, user="controller", password=password("controller"))
        settings = ClusterSettings(servers=servers, user="administer", password=password("administer"))
        broker = BrokerUrl(host=HOST, port=cluster.mqtt_port)
        mqtt = {"username": "operate", "password_file": tmp_path / "password"}
        (tmp_path / "password").write_text(password("operate"), encoding="utf-8")
        async with connected(by_controller, "node-1") as fleet:
            await fleet.config.put("stations", b"stations: {bed-1: {}, bed-2: {}, bed-9: {}}")
            for name, in_range in (("node-1", ("bed-1",)), ("node-2", ("bed-9",))):
                view = NodeView(node=name, instance=name, version="1", since="2026-01-01T00:00:00Z", in_range=in_range)
                await fleet.nodes.put(name, view.model_dump_json().encode())
            await fleet.owners.put("bed-1", b'{"node": "node-1"}')
            async with (
                made_ward(broker, [running(1), running(2)], user="controller", password=password("controller")) as made,
                fleet_page(tmp_path, broker, fleet=settings, mqtt=mqtt) as port,
                opened(port, path="stations", viewport=TABLET) as (page,),
            ):
                await see(page, tile(9), "Not served")
                await see(page, tile(1, "controller"), "node-1")  # the cluster knows it better than the broker
                await page.locator(f"{tile(1)} .stop").click()
                await see(page, tile(1, "answer"), "left-pump")
                assert [station for station, _ in made.commands] == [bed(1)]
                await page.get_by_role("link", name="Controllers").click()
                await page.locator('[data-controller="node-1"] button').click()
                await see(page, '[data-controller="node-1"]', "takes no more stations")
                assert await drained(fleet.config, "node-1")
                await page.locator("#station").select_option("bed-2")
                await page.locator("#to").select_option("node-2")
                await page.locator("#b-assign").click()
                await see(page, "main", "bed-2 → node-2")
                await undrain(fleet.config, "node-1")
                await assign(fleet.config, "bed-2", None)


async def test_with_the_user_view_the_page_can_see_and_nothing_else(tmp_path: Path) -> None:
    async with shipped_cluster() as cluster:
        broker = BrokerUrl(host=HOST, port=cluster.mqtt_port)
        mqtt = {"username": "view", "password_file": tmp_path / "password"}
        (tmp_path / "password").write_text(password("view"), encoding="utf-8")
        async with (
            made_ward(broker, [running(1)], user="controller", password=password("controller")) as made,
            fleet_page(tmp_path, broker, mqtt=mqtt, most=Role.OPERATE) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=15) as client,
        ):
            async with asyncio.timeout(20):
                while "running" not in (await client.get("/api/v1/board")).text:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            answer = await client.post(f"/api/v1/stations/{bed(1)}/stop")
            # The server drops what this user may not publish, and MQTT has no error for that.
            assert (answer.status_code, answer.json()["keys"]) == (502, ["unanswered"])
            assert made.commands == []
