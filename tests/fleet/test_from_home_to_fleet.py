"""The way of docs/fleet.md from one machine to a fleet and back, command by command, on virtual devices.

The cluster is one nats-server with the configuration that is shipped. Each controller has its settings file, as its
owner writes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.mqtt.mqtt_settings import BrokerUrl
from tests.fleet.fleet_settings import FleetLayout
from tests.fleet.ward import AirProcess
from tests.helpers.command_line import letdown, printed
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.postgres import postgres_server
from tests.helpers.service_process import Program, ask, program, run_states, session, wait
from tests.helpers.shipped_cluster import HOST, password, shipped_cluster

pytestmark = pytest.mark.system

NODES = ("node-1", "node-2")
PUMPS = ("left-pump", "right-pump")
DEVICES = tuple((f"{side}-pump", "open-pump", f"Letdown home {side}", side) for side in ("left", "right"))
STATIONS = {
    "home": {
        "devices": [
            {"name": name, "profile": profile, "side": side, "advertised_name": advertised}
            for name, profile, advertised, side in DEVICES
        ]
    }
}


class Owner:
    """Whoever runs it: writes settings into a folder for each machine, and runs commands there."""

    def __init__(self, folder: Path, common: dict[str, Any], radios: dict[str, int]) -> None:
        self.folder = folder
        self._common = common
        self._radios = radios

    def machine(self, name: str, **more: Any) -> Path:
        """Write the settings of a machine; return its folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        radio = {"kind": "bumble", "transport": f"tcp-client:{HOST}:{self._radios[name]}"}
        store = {"path": str(folder / "letdown.db")}
        content = {**self._common, "radio": radio, "store": store, **more}
        (folder / "letdown.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return folder

    def sessions(self, name: str) -> list[dict[str, Any]]:
        """Return the past sessions as a machine lists them."""
        found: list[dict[str, Any]] = printed(letdown("history", "--json", cwd=self.folder / name))["sessions"]
        return found


@contextlib.asynccontextmanager
async def running(folder: Path, name: str, other: Ear) -> AsyncIterator[Program]:
    """Run the service of a machine for the block."""
    other.heard.clear()  # what another process said of its devices
    async with program(folder, "run", LETDOWN_MQTT__NODE=name) as process:
        yield process


async def pumping(other: Ear) -> str:
    """Start a session as soon as a controller may, and return its id when both pumps run."""
    topics = [f"letdown/home/device/{each}/availability" for each in PUMPS]
    await wait(lambda: [(other.payloads(each) or [""])[-1] for each in topics] == ["online", "online"])
    accepted: dict[str, Any] | None = None
    while accepted is None:  # a successor starts nothing for some seconds
        reply = await ask(other, "start", routine="power-pumping", side="both", no_symptoms=True)
        accepted = reply if reply["outcome"] == "accepted" else None
        await asyncio.sleep(0.0 if accepted else 1.0)
    await wait(lambda: session(other).get("session_id") == accepted["session_id"])
    await wait(lambda: run_states(other, *PUMPS) == ["running", "running"])
    return str(accepted["session_id"])


async def stopped(other: Ear) -> None:
    assert (await ask(other, "stop"))["outcome"] == "accepted"
    await wait(lambda: session(other).get("running") is False)


@contextlib.asynccontextmanager
async def everything(folder: Path) -> AsyncIterator[tuple[Owner, Ear, dict[str, Any]]]:
    """Run devices, cluster and database for the block. Yield what an owner adds for a fleet, too."""
    air = AirProcess(folder, "air")
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(air.kill)
        radios = await air.start(FleetLayout({"home": DEVICES}, dict.fromkeys(NODES, ("home",))))
        cluster = await stack.enter_async_context(shipped_cluster())
        database = stack.enter_context(postgres_server())
        broker = BrokerUrl(host=HOST, port=cluster.mqtt_port)
        other = await stack.enter_async_context(ear(broker, username="controller", password=password("controller")))
        word, url = folder / "password", folder / "history-url"
        word.write_text(password("controller"), encoding="utf-8")
        url.write_text(database.url(database.create_database()), encoding="utf-8")
        login = {"username": "controller", "password_file": str(word)}
        mqtt = {"brokers": [f"mqtt://{HOST}:{cluster.mqtt_port}"], **login}
        fleet = {"servers": [f"nats://{HOST}:{cluster.nats_port}"], "user": "controller", "password_file": str(word)}
        owner = Owner(folder, {"mqtt": mqtt, "web": {"enabled": False}}, radios)
        yield owner, other, {"history": {"url_file": str(url)}, "fleet": fleet}


async def test_a_home_becomes_a_fleet_of_two_and_a_home_again(tmp_path: Path) -> None:
    async with everything(tmp_path) as (owner, other, shared):
        home = owner.machine("node-1", stations=STATIONS)
        async with running(home, "node-1", other):
            first = await pumping(other)
            await stopped(other)
        assert [each["id"] for each in owner.sessions("node-1")] == [first]

        # 1. The stations go into a file of their own, and the history into PostgreSQL.
        owner.machine("node-1", **shared)
        (home / "stations.yaml").write_text(yaml.safe_dump({"stations": STATIONS}), encoding="utf-8")
        moved = letdown("history", "move", cwd=home)
        assert moved.returncode == 0, moved.stderr
        assert not (home / "letdown-history.db").exists()
        applied = letdown("fleet", "config", "apply", "stations.yaml", "--yes", cwd=home)
        assert applied.returncode == 0, applied.stderr

        # 2. One controller, as a fleet.
        async with running(home, "node-1", other) as alone, contextlib.AsyncExitStack() as later:
            second = await pumping(other)
            await stopped(other)
            assert session(other)["epoch"] > 0
            await wait(lambda: status(home)["problems"] == [])  # a controller says every few seconds how it is
            assert letdown("fleet", "status", cwd=home).returncode == 0

            # 3. The second controller: the same settings, and another name.
            await later.enter_async_context(
                program(owner.machine("node-2", **shared), "run", LETDOWN_MQTT__NODE="node-2")
            )
            await wait(lambda: [each["node"] for each in status(home)["nodes"]] == list(NODES))
            third = await pumping(other)
            other.heard.clear()
            await alone.kill()
            await wait(lambda: status(home)["stations"][0]["node"] == "node-2")
            await wait(lambda: session(other).get("reason") == "cut_off")
            fourth = await pumping(other)
            await stopped(other)
            drained = letdown("fleet", "drain", "node-2", "--wait", cwd=home)
            assert "node-2 serves nothing" in drained.stdout, drained.stderr
        sessions = {each["id"]: each["outcome"] for each in owner.sessions("node-2")}
        assert sessions == {first: "stopped", second: "stopped", third: "failed", fourth: "stopped"}

        # And back: its own history, with all that PostgreSQL has; the stations in the settings again, and no fleet.
        exported = letdown("history", "export", "-o", "everything.json", cwd=home)
        assert exported.returncode == 0, exported.stderr
        owner.machine("node-1", stations=STATIONS)
        imported = letdown("history", "import", "everything.json", cwd=home)
        assert imported.returncode == 0, imported.stderr
        async with running(home, "node-1", other):
            fifth = await pumping(other)
            await stopped(other)
        assert {each["id"] for each in owner.sessions("node-1")} == {*sessions, fifth}


def status(folder: Path) -> dict[str, Any]:
    """Return what `letdown fleet status` shows, whether something needs attention or not."""
    found: dict[str, Any] = json.loads(letdown("fleet", "status", "--json", cwd=folder).stdout)
    return found
