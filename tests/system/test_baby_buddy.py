"""A whole session of the service becomes one entry in a Baby Buddy over the network, also if it is killed in between.

With BABY_BUDDY_URL, BABY_BUDDY_TOKEN and BABY_BUDDY_CHILD in the environment, the first test uses that one. It deletes
what it entered.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.baby_buddy.pumping_entry import RemoteEntry
from tests.helpers.baby_buddy_server import TOKEN, BabyBuddyServer
from tests.helpers.command_line import letdown, printed
from tests.helpers.mosquitto import Mosquitto, mosquitto
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.patience import until
from tests.helpers.service_process import PATIENCE_SECONDS, Program, ask, service, session

pytestmark = pytest.mark.system

T = TypeVar("T")
REAL = os.environ.get("BABY_BUDDY_URL")


def write_settings(folder: Path, url: str, token: str = TOKEN, child: str = "1") -> BabyBuddySettings:
    (folder / "token").write_text(token, encoding="utf-8")
    text = f"store: {{path: letdown.db}}\nbaby_buddy: {{url: '{url}', child: {child}, token_file: token}}\n"
    (folder / "letdown.yaml").write_text(text, encoding="utf-8")
    return BabyBuddySettings.model_validate({"url": url, "child": int(child), "token": token})


@contextlib.asynccontextmanager
async def running(folder: Path, broker: Mosquitto) -> AsyncIterator[tuple[Program, Ear]]:
    async with service(folder, broker, speed=200) as process, ear(broker.url) as other:
        yield process, other


async def pump(other: Ear) -> str:
    """Run a short session, in which milk flows, stop it, and return its id."""
    id_ = str((await ask(other, "start", routine="classic", no_symptoms=True))["session_id"])
    for step in ("warm", "massage"):
        await until(lambda step=step: session(other).get("step") == step, PATIENCE_SECONDS)
        while session(other)["step"] == step:
            await ask(other, "skip")
            await asyncio.sleep(0.2)
    await until(lambda: (session(other)["volume_total_ml"] or 0) > 2, PATIENCE_SECONDS)
    await other.command({"id": "stop", "action": "stop"})
    return id_


async def after(look: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Wait until what is found is as it should be, and return it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted(found := await look()):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.3)
    return found


def of(entries: list[RemoteEntry], id_: str) -> list[RemoteEntry]:
    return [each for each in entries if f"letdown:{id_}" in (each.notes or "")]


async def test_a_session_is_entered_and_corrected(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if REAL:
            known = (os.environ["BABY_BUDDY_TOKEN"], os.environ["BABY_BUDDY_CHILD"])
            settings = write_settings(tmp_path, REAL, *known)
        else:
            settings = write_settings(tmp_path, await stack.enter_async_context(BabyBuddyServer().serving()))
        broker = await stack.enter_async_context(mosquitto())
        _, other = await stack.enter_async_context(running(tmp_path, broker))
        api = await stack.enter_async_context(BabyBuddyApi(settings))

        async def entries(id_: str) -> list[RemoteEntry]:
            return of(await api.near(datetime.now(UTC)), id_)

        id_ = await pump(other)
        await until(lambda: session(other)["state"] == "stopped", PATIENCE_SECONDS)
        total = session(other)["volume_total_ml"]
        found = await after(lambda: entries(id_), bool)
        assert [each.amount for each in found] == [round(total, 1)]
        assert {"left", "letdown", "right"} >= set(found[0].tags)
        assert found[0].tags
        edit = {"session_id": id_, "left_ml": 70, "right_ml": 50}
        assert (await ask(other, "edit_session", **edit))["outcome"] == "accepted"
        await after(lambda: entries(id_), lambda found: [each.amount for each in found] == [120])
        rows = await listed(tmp_path)
        assert [(each["session_id"], each["state"]) for each in rows] == [(id_, "sent")]
        for each in await entries(id_):
            await api.delete(each.id)


async def listed(folder: Path) -> list[dict[str, Any]]:
    return list(printed(await asyncio.to_thread(letdown, "history", "uploads", "--json", cwd=folder)))


async def test_killed_while_sending_it_makes_no_second_entry(tmp_path: Path) -> None:
    server = BabyBuddyServer()
    async with server.serving() as url, mosquitto() as broker:
        write_settings(tmp_path, url)
        async with running(tmp_path, broker) as (process, other):

            def kill(method: str, path: str) -> None:
                if method == "POST":
                    process.process.kill()
                    raise ConnectionError

            server.after = kill
            id_ = await pump(other)
            await until(lambda: process.process.returncode is not None, PATIENCE_SECONDS)
        server.after = lambda method, path: None
        assert len(server.entries) == 1
        async with running(tmp_path, broker):
            await after(lambda: listed(tmp_path), lambda rows: [each["state"] for each in rows] == ["sent"])
        assert len(server.entries) == 1
        assert [each["notes"].split()[-1] for each in server.entries.values()] == [f"letdown:{id_}"]
        assert sum(method == "POST" for method, _ in server.requests) == 1
