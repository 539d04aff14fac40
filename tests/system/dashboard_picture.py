"""Make the picture of the dashboard: `python -m tests.system.dashboard_picture`, with Chromium installed.

A real Home Assistant shows a real session on virtual devices, in a browser without a window.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.system.home_assistant import SHIPPED, HomeAssistant, home_assistant
from tests.system.mosquitto import find, free_port, mosquitto
from tests.system.test_home_assistant import all_there, is_, press, until
from tests.system.test_service import program

_CLIENT = "http://127.0.0.1/"
_NUMBERS = itertools.count(1)
_WIDTH, _HEIGHT = 1180, 1080


async def picture(it: HomeAssistant, folder: Path) -> bytes:
    """Return what a browser shows of the dashboard, as PNG."""
    port = free_port()
    browser = await asyncio.create_subprocess_exec(
        find("chromium"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--remote-debugging-port={port}",
        f"--user-data-dir={folder}",
        f"--window-size={_WIDTH},{_HEIGHT}",
        "about:blank",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _page(port), max_size=None) as page:
            await _tell(page, "Page.navigate", url=it.url)
            await asyncio.sleep(3)
            tokens = {
                "access_token": it.token,
                "refresh_token": it.refresh_token,
                "token_type": "Bearer",
                "expires_in": 1800,
                "expires": int((time.time() + 1800) * 1000),
                "hassUrl": it.url,
                "clientId": _CLIENT,
            }
            store = f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))});"
            store += "localStorage.setItem('dockedSidebar', '\"always_hidden\"');"
            await _tell(page, "Runtime.evaluate", expression=store)
            await _tell(page, "Page.navigate", url=f"{it.url}/letdown-home/session")
            await asyncio.sleep(15)
            return base64.b64decode((await _tell(page, "Page.captureScreenshot"))["data"])
    finally:
        browser.terminate()
        await browser.wait()


async def _page(port: int) -> str:
    def targets() -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=2) as response:
            return json.loads(response.read())

    for _ in range(50):
        try:
            found = await asyncio.to_thread(targets)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            return str(next(each["webSocketDebuggerUrl"] for each in found if each["type"] == "page"))
    raise RuntimeError("the browser does not answer")


async def _tell(page: ClientConnection, method: str, **params: Any) -> Any:
    number = next(_NUMBERS)
    await page.send(json.dumps({"id": number, "method": method, "params": params}))
    while True:
        answer = json.loads(await page.recv())
        if answer.get("id") == number:
            return answer["result"]


async def main() -> None:
    """Run everything, wait until milk flows, and take the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            mosquitto() as broker,
            program(folder, "run", "--virtual", "--speed", "3", "--broker", str(broker.url)),
            home_assistant(folder / "home-assistant", broker) as it,
        ):
            await it.finish_onboarding()
            await until(lambda: all_there(it))
            await it.call("select.select_option", entity_id="select.letdown_home_routine", option="classic")
            await press(it, "start")
            for step in ("warm", "massage", "stimulate"):
                await until(lambda step=step: is_(it, "sensor.letdown_home_step", step))
                if step == "stimulate":
                    break
                while await is_(it, "sensor.letdown_home_step", step):
                    await press(it, "skip")
                    await asyncio.sleep(0.5)
            await until(lambda: is_(it, "sensor.letdown_home_step", "express"), 120)
            await asyncio.sleep(40)
            (SHIPPED / "dashboard.png").write_bytes(await picture(it, folder / "browser"))


if __name__ == "__main__":
    asyncio.run(main())
