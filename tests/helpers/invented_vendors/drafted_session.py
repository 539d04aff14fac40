"""The real service, from settings that name a drafted profile, with the vendor's pump on the virtual radio."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from controller.assembly.station_building import build_stations
from controller.cli.virtual_parent import VirtualParent
from controller.contract.commands import Reply, parse_command
from controller.contract.events import EventType, SessionState
from controller.contract.stream import Stream
from controller.service.device_publisher import DevicePublisher
from controller.service.service import Service
from controller.service.station import Station
from controller.session.routine import load_routines
from controller.settings import Settings
from devices.profiles.catalog import Catalog
from devices.support.clock import ScaledClock
from devices.support.yaml_file import load_yaml
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import Recorder
from tests.helpers.invented_vendors.app_recording import KEY, invented_home
from tests.helpers.invented_vendors.invented_vendor import InventedVendor

STATION = "home"
_NUMBERS = itertools.count(1)
_CONNECT_SECONDS = 20.0
_LONGEST_SECONDS = 4500.0
_LOOK_SECONDS = 0.5
_RAISE_SECONDS = 12.0  # one level at a time, and not sooner
_SETTINGS = """\
profiles: [{folder}]
limits: {{comfort_vacuum_mmhg: 150}}
stations:
  home:
    devices:
      - {{name: pump, profile: {profile}, side: left, address: "{address}", allow_unverified: true}}
"""


@dataclass
class DraftedSession:
    """A running service and the pump."""

    clock: ScaledClock
    service: Service
    station: Station
    twin: Twin
    recorded: Recorder
    run_seconds: float = 0.0

    @property
    def settings(self) -> list[float]:
        """The levels, or mmHg, that the pump was set to, as the pump understood them."""
        values = [message.values for message in self.twin.commands]  # type: ignore[attr-defined]
        return [each[name] for each in values for name in ("level", "vacuum_mmhg") if name in each]

    async def send(self, action: str, **args: object) -> Reply:
        """Send a command as it comes in from outside."""
        data = {"id": f"test {next(_NUMBERS)}", "action": action, "args": args}
        return await self.service.handle(STATION, *parse_command(json.dumps(data).encode()), retained=False)

    async def start(self) -> None:
        """Start `classic`."""
        reply = await self.send("start", routine="classic", side="left", no_symptoms=False)
        assert reply.outcome == "accepted", reply

    async def until_running(self) -> None:
        """Wait until the pump runs."""
        async with self.clock.timeout(_LONGEST_SECONDS):
            while not self.twin.body.run.running:
                await self.clock.sleep(0.1)

    async def raise_in_expression(self, times: int = 2) -> None:
        """Ask for more vacuum once expression runs, as a person would."""
        async with self.clock.timeout(_LONGEST_SECONDS):
            while self.recorded.snapshot.step != "express" or not self.twin.body.run.running:
                await self.clock.sleep(0.5)
        for _ in range(times):
            await self.clock.sleep(_RAISE_SECONDS)
            reply = await self.send("vacuum_up")
            assert reply.outcome in ("accepted", "limited"), reply  # limited: it rises by itself at this moment

    def misread(self) -> dict[str, object]:
        """Return what the service reads otherwise than it is at the pump, of what the profile reports at all."""
        (role,) = self.station.roles
        read, true = role.reading.model_dump(mode="json"), self.twin.body.values()
        near = {"battery_percent": 1.0, "volume_ml": 1.5}  # they have moved on since; some report whole mL
        return {
            name: value
            for name in ("run_state", "phase", "level", "battery_percent", "volume_ml")
            if (value := read[name]) is not None
            and not (value == true[name] or (name in near and abs(value - true[name]) <= near[name]))
        }

    async def finished(self) -> tuple[SessionState, str | None, list[str]]:
        """Wait for the end; return the state, the reason given, and what tripped. Count how long the pump pulls."""
        async with self.clock.timeout(_LONGEST_SECONDS):
            ending = asyncio.create_task(self.station.finished())
            while not ending.done():
                self.run_seconds += _LOOK_SECONDS if self.twin.body.run.running else 0.0
                await self.clock.sleep(_LOOK_SECONDS)
        snapshot = self.recorded.snapshot
        trips = [str(event.data) for event in self.recorded.events(EventType.TRIP)]
        return snapshot.state, snapshot.reason, trips


@contextlib.asynccontextmanager
async def drafted_session(
    vendor: InventedVendor, folder: Path, profile: str, address: str, seed: int = 2
) -> AsyncIterator[DraftedSession]:
    """Yield the service with the pump connected. `folder`: the owner's profiles; `profile`: the drafted one's id."""
    settings_file = folder.parent / f"{profile}.settings.yaml"
    settings_file.write_text(_SETTINGS.format(folder=folder, profile=profile, address=address), encoding="utf-8")
    settings = load_yaml(settings_file, Settings)
    clock, air, stream = ScaledClock(math.inf), Air(), Stream()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(mock.patch("devices.virtual.virtual_home._IDLE_TICK_SECONDS", 0.4))
        with clock.held():
            home = invented_home(vendor, clock, seed)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            catalog = Catalog.load(*settings.profiles)
            (station,) = build_stations(settings, clock, radio, stream, catalog, load_routines(), None)
            service = Service([station], remote_raise=True)
            recorded = Recorder(clock, stream)
            stream.subscribe(VirtualParent(station, clock, home.mother).watch)
            publisher = DevicePublisher(station.name, station.roles, clock, stream)
            running = asyncio.create_task(service.run([publisher]))
            stack.push_async_callback(_ended, running)
        async with clock.timeout(_CONNECT_SECONDS):
            while not all(device.link.connected for device in station.devices):
                await clock.sleep(0.1)
        await clock.sleep(5)
        twin = home.twins[KEY]
        assert isinstance(twin, Twin)
        yield DraftedSession(clock, service, station, twin, recorded)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
