"""A hundred open tabs of the page, in a process of their own: what each requests is what page.js requests.

    python -m tests.bench.tabs PORT STATION COUNT CHROMIUM

`COUNT` simulated ones, and `CHROMIUM` real ones in one browser. It writes `ready`, and goes on until it is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.helpers.browser import browser

_POLL_SECONDS = 2.3  # of a tab without a stream
_RENDER_SECONDS = 0.5  # between two renderings
_SPREAD_SECONDS = 0.2
_PROGRESS = (
    "volume_ml",
    "volume_total_ml",
    "weighed_ml",
    "weighed_total_ml",
    "peak_vacuum_mmhg",
    "warmest_celsius",
    "progress",
    "ends_at",
    "steps",
)
_COUNTDOWNS = ("seconds_left", "step_seconds_left", "suction_starts_in_seconds")


class Tab:
    """One tab: an event stream, and the page again whenever more than numbers changed; without a stream, it polls."""

    def __init__(self, client: httpx.AsyncClient, station: str) -> None:
        self._client = client
        self._page = f"/?station={station}"
        self._events = f"/api/v1/stations/{station}/events"
        self._changed = asyncio.Event()
        self._shapes: dict[str, str] = {}

    async def open(self) -> None:
        """Load the page."""
        (await self._client.get(self._page)).raise_for_status()

    async def run(self) -> None:
        """Follow the station until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._render())

    async def _follow(self) -> None:
        while True:
            async with self._client.stream("GET", self._events) as answer:
                if answer.status_code == httpx.codes.OK:
                    await self._read(answer)
            self._changed.set()
            await asyncio.sleep(_POLL_SECONDS)

    async def _read(self, answer: httpx.Response) -> None:
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif name in ("snapshot", "guide") and line.startswith("data: "):
                self._note(name, json.loads(line.removeprefix("data: ")))

    def _note(self, name: str, item: dict[str, Any]) -> None:
        shape = json.dumps({key: value for key, value in item.items() if key not in (*_PROGRESS, *_COUNTDOWNS)})
        if self._shapes.get(name, shape) != shape:
            self._changed.set()
        self._shapes[name] = shape

    async def _render(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(random.uniform(0, _SPREAD_SECONDS))
            self._changed.clear()
            await self._client.get(self._page)
            await asyncio.sleep(_RENDER_SECONDS)


@contextlib.asynccontextmanager
async def tabs(port: int, station: str, count: int, chromium: int) -> AsyncIterator[None]:
    """Have tabs open, in a process of their own."""
    arguments = map(str, (port, station, count, chromium))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.tabs", *arguments), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def main(port: int, station: str, count: int, chromium: int) -> None:
    """Open the tabs, and let them follow."""
    os.nice(10)  # they would be on other machines
    address = f"http://127.0.0.1:{port}"
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=30))
            found.append(Tab(client, station))
        for tab in found:
            await tab.open()
        if chromium:
            context = await (await stack.enter_async_context(browser())).new_context()
            for _ in range(chromium):
                await (await context.new_page()).goto(f"{address}/?station={station}")
        async with asyncio.TaskGroup() as group:
            for tab in found:
                group.create_task(tab.run())
            await asyncio.sleep(2)
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _, port_, station_, count_, chromium_ = sys.argv
    asyncio.run(main(int(port_), station_, int(count_), int(chromium_)))
