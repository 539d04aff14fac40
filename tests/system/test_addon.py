"""The add-on as Home Assistant's Supervisor runs it: options, API, ingress, a broker with a password, SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Frame, expect

from tests.helpers.browser import SHARED, browser
from tests.helpers.command_line import ROOT, environment
from tests.helpers.ingress import PREFIX, STRANGER, TRUSTED, ingress
from tests.helpers.mosquitto import Mosquitto, find, free_port, mosquitto
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.page_browser import watch
from tests.helpers.patience import until
from tests.helpers.service_process import PATIENCE_SECONDS, Program
from tests.helpers.supervisor import TOKEN, addon, supervisor

pytestmark = pytest.mark.system

USER, PASSWORD = "addons", "a/p@ss:word?#"
WAIT_MS = 1000 * PATIENCE_SECONDS
PAD = "letdown/home/device/warm-pad/state"


def broker_with_password(folder: Path) -> contextlib.AbstractAsyncContextManager[Mosquitto]:
    passwords = folder / "passwords"
    subprocess.run((find("mosquitto_passwd"), "-b", "-c", str(passwords), USER, PASSWORD), check=True)
    return mosquitto(config_lines=["allow_anonymous false", f"password_file {passwords}"])


def healthy(folder: Path) -> bool:
    check = (sys.executable, "-m", "controller.container.health")
    return subprocess.run(check, env=environment(STATE_DIRECTORY=str(folder)), check=False).returncode == 0


@contextlib.asynccontextmanager
async def in_home_assistant(folder: Path) -> AsyncIterator[tuple[Program, Frame, Ear, int]]:
    """Run it with virtual devices. Yield it, its page in the frame of Home Assistant, all messages, and its port."""
    options = {"language": "en", "virtual_devices": True}
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(broker_with_password(folder))
        service = {"host": broker.host, "port": broker.port, "username": USER, "password": PASSWORD, "ssl": False}
        found = {"result": "ok", "data": {**service, "protocol": "3.1.1", "addon": "core_mosquitto"}}
        url, asked = stack.enter_context(supervisor(200, found))
        signed_in = {"username": USER, "password": PASSWORD}
        messages = await stack.enter_async_context(ear(broker.url, **signed_in))
        running = await stack.enter_async_context(addon(folder, options, url, TRUSTED, port))
        await running.logged("the web page is at")
        await running.logged("serving home over MQTT")
        assert asked == [("/services/mqtt", f"Bearer {TOKEN}")]
        _, own = await stack.enter_async_context(ingress(port))
        page = await (await (await stack.enter_async_context(browser())).new_context()).new_page()
        errors: list[str] = []
        watch(page, errors)
        page.set_default_timeout(WAIT_MS)
        await page.goto(f"http://127.0.0.1:{own}/")
        frame = page.frame(url=f"**{PREFIX}**")
        assert frame is not None
        await shows(frame, "#state", "ready")
        yield running, frame, messages, port
        assert errors == []


async def shows(frame: Frame, selector: str, words: str) -> None:
    await expect(frame.locator(selector)).to_contain_text(words, timeout=WAIT_MS)


def pads(messages: Ear) -> list[Any]:
    """Return what the compress did, in order."""
    return [each["reading"]["run_state"] for each in messages.values(PAD)]


def pad(messages: Ear) -> Any:
    """Return what the compress does."""
    return (pads(messages) or [None])[-1]


async def start(frame: Frame, messages: Ear) -> None:
    """Start a session on the page, and wait until a device runs."""
    await frame.locator("#b-start").click()
    await shows(frame, "#guide-title", "Warmth")
    await until(lambda: pad(messages) == "running", PATIENCE_SECONDS)


@SHARED[0]
@SHARED[1]
async def test_a_session_in_home_assistant(tmp_path: Path) -> None:
    async with in_home_assistant(tmp_path) as (running, frame, messages, port):
        discovered = [each.topic.value for each in messages.heard if each.topic.value.startswith("homeassistant/")]
        assert [each for each in discovered if each.endswith("/config")] != []
        await start(frame, messages)
        await frame.locator(".bar .stop").click()
        await shows(frame, "#stop-status", "Confirmed")
        await until(lambda: pad(messages) == "stopped", PATIENCE_SECONDS)

        assert (tmp_path / "state/web-address.json").exists()
        assert await asyncio.to_thread(healthy, tmp_path / "state")
        await only_the_ingress_is_believed(port)

        await start(frame, messages)
        code, _ = await running.end_by(signal.SIGTERM, PATIENCE_SECONDS)
        assert code == 0
        assert pads(messages)[-2:] == ["stopped", "unknown"]  # as it confirmed, and once it is not there any more
        assert "Traceback" not in running.log
        for secret in (TOKEN, PASSWORD):
            assert secret not in running.log


async def only_the_ingress_is_believed(port: int) -> None:
    """Another add-on that pretends to be the ingress gets nothing."""
    pretended = {"x-ingress-path": PREFIX.rstrip("/"), "x-remote-user-id": "1", "x-hass-source": "core.ingress"}
    async with ingress(port, STRANGER) as (_, strange), httpx.AsyncClient() as client:
        for path in ("", "api/v1/stations"):
            answer = await client.get(f"http://127.0.0.1:{strange}{PREFIX}{path}", headers=pretended)
            assert answer.status_code == 401


@SHARED[0]
@SHARED[1]
async def test_without_a_broker_the_page_works(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "config").mkdir()
    (tmp_path / "config/letdown.yaml").write_text(f"mqtt: {{embedded_port: {free_port()}}}\n", encoding="utf-8")
    with supervisor(400, {"result": "error", "message": "Service not enabled"}) as (url, _):
        async with addon(tmp_path, {"virtual_devices": True}, url, TRUSTED, port) as running, ingress(port) as (_, own):
            await running.logged("the web page is at")
            assert "install the add-on Mosquitto broker" in running.log
            async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
                assert (await client.get(f"http://127.0.0.1:{own}{PREFIX}")).status_code == 200
            code, _ = await running.end_by(signal.SIGTERM, PATIENCE_SECONDS)
            assert code == 0


def test_apparmor_accepts_the_profile(tmp_path: Path) -> None:
    parser = find("apparmor_parser")
    profile = ROOT / "config/addon/apparmor.txt"
    options = ("--skip-kernel-load", "--skip-cache")
    assert subprocess.run((parser, *options, str(profile)), capture_output=True, check=False).returncode == 0
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(profile.read_text(encoding="utf-8").replace("capability setpcap", "capability cap"))
    assert subprocess.run((parser, *options, str(wrong)), capture_output=True, check=False).returncode != 0
