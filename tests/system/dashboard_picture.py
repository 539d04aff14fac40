"""Make the pictures of the dashboard: `python -m tests.system.dashboard_picture [FOLDER]`, with Chromium installed.

A real Home Assistant shows a real session on virtual devices, in a browser without a window. Without a folder, the
pictures in docs/home-assistant are renewed; with one, every stage is there, on phone and desktop, light and dark, in
both languages.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from tests.helpers.home_assistant import SHIPPED, HomeAssistant, all_there, home_assistant, press, raw, until
from tests.helpers.mosquitto import find, free_port, mosquitto
from tests.helpers.service_process import program

_CLIENT = "http://127.0.0.1/"
_NUMBERS = itertools.count(1)
_SETTLE_SECONDS = 6.0


class Screen(NamedTuple):
    """A screen: its size in pixels, the scale of the picture, and light or dark."""

    name: str
    width: int
    height: int
    scale: float
    scheme: str


SCREENS = [
    Screen(f"{kind}-{scheme}", width, height, scale, scheme)
    for kind, width, height, scale in (("phone", 390, 844, 1.5), ("desktop", 1280, 900, 1.0))
    for scheme in ("light", "dark")
]


@contextlib.asynccontextmanager
async def browser(it: HomeAssistant, folder: Path) -> AsyncIterator[ClientConnection]:
    """Open a browser that has logged in."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        find("chromium"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--remote-debugging-port={port}",
        f"--user-data-dir={folder}",
        "about:blank",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _page(port), max_size=None) as page:
            await _tell(page, "Page.navigate", url=it.url)
            await asyncio.sleep(5)
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
            yield page
    finally:
        process.terminate()
        await process.wait()


async def picture(page: ClientConnection, screen: Screen) -> bytes:
    """Return what a screen shows of the dashboard, as PNG."""
    size = {"width": screen.width, "height": screen.height, "deviceScaleFactor": screen.scale}
    await _tell(page, "Emulation.setDeviceMetricsOverride", **size, mobile=screen.width < 600)
    scheme = {"name": "prefers-color-scheme", "value": screen.scheme}
    await _tell(page, "Emulation.setEmulatedMedia", features=[scheme])
    await asyncio.sleep(_SETTLE_SECONDS)
    return base64.b64decode((await _tell(page, "Page.captureScreenshot"))["data"])


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


async def stages(it: HomeAssistant) -> AsyncIterator[str]:
    """Go through a session, and yield the stages that are worth a picture."""
    yield "idle"
    await press(it, "start")
    await until(lambda: _is(it, "state", "checking"))
    yield "question"
    await press(it, "answer_no")
    await until(lambda: _is(it, "step", "warm"))
    await asyncio.sleep(10)
    yield "warm"
    while not await _is(it, "step", "stimulate"):
        await press(it, "skip")
        await asyncio.sleep(0.5)
    await until(lambda: _can(it, "not_yet"))
    await press(it, "not_yet")  # so that it waits for the picture
    await asyncio.sleep(1)
    yield "flange"
    await press(it, "start_suction")
    await asyncio.sleep(10)
    await press(it, "let_down")
    await until(lambda: _is(it, "step", "express"))
    await asyncio.sleep(40)
    yield "running"
    while not await _is(it, "state", "completed"):
        await press(it, "skip")
        await asyncio.sleep(1)
    await asyncio.sleep(2)
    yield "after"


async def _is(it: HomeAssistant, sensor: str, wanted: str) -> bool:
    return await raw(it, f"sensor.letdown_home_{sensor}") == wanted


async def _can(it: HomeAssistant, button: str) -> bool:
    return (await it.states())[f"button.letdown_home_{button}"]["state"] != "unavailable"


async def session(language: str, shots: dict[str, list[Screen]], folder: Path) -> None:
    """Take the pictures of a session in one language."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        config = work / "letdown.yaml"
        config.write_text(f"language: {language}\n", encoding="utf-8")
        dashboard = "dashboard.yaml" if language == "en" else f"dashboard-{language}.yaml"
        async with mosquitto() as broker:
            options = ("--virtual", "--ask", "--speed", "3", "--config", str(config), "--broker", str(broker.url))
            async with (
                program(work, "run", *options),
                home_assistant(work / "home-assistant", broker, dashboard, automations={}) as it,
            ):
                await it.finish_onboarding()
                await until(lambda: all_there(it))
                async with browser(it, work / "browser") as page:
                    async for stage in stages(it):
                        for screen in shots.get(stage, ()):
                            file = folder / f"{language}-{stage}-{screen.name}.png"
                            file.write_bytes(await picture(page, screen))


async def main() -> None:
    """Take every picture, or those of the documents."""
    if sys.argv[1:]:
        everything = dict.fromkeys(("idle", "question", "warm", "flange", "running", "after"), SCREENS)
        for language in sys.argv[2:] or ("en", "de"):
            await session(language, everything, Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        chosen = {"idle": [SCREENS[0]], "question": [SCREENS[1]], "running": [SCREENS[0], SCREENS[2]]}
        await session("en", chosen, Path(name))
        for stage, screens in chosen.items():
            for screen in screens:
                kind = "-desktop" if screen.name.startswith("desktop") else ""
                target = SHIPPED / f"dashboard-{stage}{kind}.png"
                target.write_bytes((Path(name) / f"en-{stage}-{screen.name}.png").read_bytes())


if __name__ == "__main__":
    asyncio.run(main())
