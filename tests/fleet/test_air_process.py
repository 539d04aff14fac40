"""The air records what happens at the devices, and who did it, and lets each controller hear those in its range."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.bluetooth.advertisement import ByName
from devices.driver.base import DeviceOptions
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.virtual_radio import radio_through
from tests.fleet.air_process import AirPlan
from tests.fleet.fleet_settings import PROFILES
from tests.fleet.observer import links, ran_too_long, runs, started_by_itself
from tests.helpers.command_line import ROOT, environment
from tests.helpers.patience import until

pytestmark = pytest.mark.system

STATIONS = {
    "s1": (("left-pump", "open-pump", "Letdown s1 left", "left"),),
    "s2": (("left-pump", "timer-pump", "LD-TIMER s2 left", "left"),),
}
PLAN = AirPlan(STATIONS, {"c1": ("s1", "s2"), "c2": ("s2",)}, str(PROFILES))


class ServedAir:
    """The process of the air. `ports`: of the controllers' radios."""

    def __init__(self, record: Path) -> None:
        self.ports: dict[str, int] = {}
        self._record = record

    def lines(self, *what: str) -> list[dict[str, Any]]:
        every = [json.loads(text) for text in self._record.read_text(encoding="utf-8").splitlines()]
        return [line for line in every if not what or line["what"] in what]


@contextlib.asynccontextmanager
async def air(folder: Path) -> AsyncIterator[ServedAir]:
    PLAN.dump(folder / "air.json")
    served = ServedAir(folder / "air.jsonl")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fleet.air_process", str(folder / "air.json"), str(folder / "air.jsonl")),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    served.ports = json.loads(await process.stdout.readline())["ports"]
    try:
        yield served
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def connecting(port: int, station: str) -> AsyncIterator[ProfileDevice]:
    """A controller's driver that connects to the pump of a station for the block."""
    clock = RealClock()
    key, profile, name, side = STATIONS[station][0]
    async with radio_through(clock, f"tcp-client:127.0.0.1:{port}") as radio:
        found = Catalog.load(PROFILES).get(profile)
        assert isinstance(found, Profile)
        device = ProfileDevice(radio, clock, found, DeviceOptions(key, Side(side), ByName(name)))
        task = asyncio.create_task(device.run())
        try:
            yield device
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


START = {"phase": "expression", "vacuum_mmhg": 100, "rate_cpm": 54}
LEASED = {**START, "duration_seconds": 60, "lease_seconds": 2}


async def test_the_record_names_who_connected_and_what_ended_each_run(tmp_path: Path) -> None:
    async with air(tmp_path) as served:
        async with connecting(served.ports["c1"], "s1") as pump:
            await until(lambda: pump.link.connected, 20)
            await pump.command("start", LEASED)
            await until(lambda: served.lines("off"), 30)
            await until(lambda: served.lines("released"), 30)
            await pump.command("start", LEASED)
            await until(lambda: len(served.lines("pulls")) == 2, 30)
        await until(lambda: len(served.lines("off")) == 2, 30)
        lines = served.lines()
        assert [run.why for run in runs(lines)] == ["lease_expired", "link_lost"]
        assert {link.controller for link in links(lines)} == {"c1"}
        assert ran_too_long(lines, slack_seconds=1.0) == []
        assert started_by_itself(lines) == []
        names = [line["name"] for line in lines if line["what"] == "command" and line["drives"]]
        assert names == ["start", "start"]
        await until(lambda: len(served.lines("released")) == len(served.lines("pulls")), 5)


async def test_a_pump_without_a_lease_runs_on_and_the_next_controller_stops_it(tmp_path: Path) -> None:
    async with air(tmp_path) as served:
        async with connecting(served.ports["c1"], "s2") as pump:
            await until(lambda: pump.link.connected, 20)
            await pump.command("start", START)
            await until(lambda: served.lines("on"), 5)
        async with connecting(served.ports["c2"], "s2") as pump:
            await until(lambda: pump.link.connected, 20)
            assert served.lines("off") == []
            await pump.stop("stop")
            await until(lambda: served.lines("off"), 5)
        assert [line["controller"] for line in served.lines("link_up")] == ["c1", "c2"]
        assert [line["why"] for line in served.lines("off")] == ["commanded"]


async def test_a_controller_does_not_hear_what_is_out_of_its_range(tmp_path: Path) -> None:
    async with air(tmp_path) as served, connecting(served.ports["c2"], "s1") as out_of_range:
        async with connecting(served.ports["c2"], "s2") as pump:
            await until(lambda: pump.link.connected, 20)
        await asyncio.sleep(1.0)
        assert not out_of_range.link.connected
        assert {line["device"] for line in served.lines("link_up")} == {"s2/left-pump"}
